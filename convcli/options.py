"""Every option, declared once: its names, type, default, help, and the group it is shown in.

The commands take their options as one value, `ShapeRequest` or `RunRequest`; the command line is
made from their fields.
"""

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

from typer import Argument, Option

from convcli.geometry.pad_modes import PAD_MODES

_WINDOW, _COST, _STACK = "Window", "Channels", "Networks and the inverse"
_DATA, _MACHINE, _SHOW = "Input and filter", "Where it runs", "What comes out"


def _option(group: str, help_: str, *names: str, metavar: str | None = None) -> Any:
    return Option(*names, metavar=metavar, rich_help_panel=group, help=help_)


# What other programs call an option, by its own long name. These are read as well, and neither
# shown in help nor completed. A name that means something else elsewhere is a hint in `misuse`.
_ALIASES = {
    "filter": ("filter-size", "kernel-size", "kernel-shape", "pool-size", "window-size"),
    "padding": ("pad", "pads", "auto-pad"),
    "stride": ("strides",),
    "dilation": ("dilations", "dilation-rate"),
    "groups": ("group",),
    "transposed": ("transpose",),
    "dims": ("dim", "ndim", "spatial-dims"),
    "color": ("colour",),
}
_SHAPE_ALIASES = {
    "filter": ("kernel",),
    "size": ("input", "input-size", "input-shape"),
    "pool": ("pooling",),
    "ceil": ("ceil-mode",),
    "out": ("output-size", "output-shape"),
}
_RUN_ALIASES = {
    "kernel": ("weight", "weights"),
    "list-kernels": ("list-filters",),
    "pad-mode": ("padding-mode",),
    "dtype": ("data-type",),
    "threads": ("num-threads",),
    "output": ("out", "output-file"),
    "seed": ("random-seed",),
}


def _by_alias(*tables: dict[str, tuple[str, ...]]) -> dict[str, str]:
    return {alias: name for table in tables for name in table for alias in table[name]}


SHAPE_ALIASES = _by_alias(_ALIASES, _SHAPE_ALIASES)
RUN_ALIASES = _by_alias(_ALIASES, _RUN_ALIASES)


Version = Annotated[bool, Option("-V", "--version", help="Show the version and exit.")]
Completion = Annotated[
    str | None,
    Option(
        "--completion",
        metavar="bash|zsh|fish|powershell",
        help="Print the completion script of a shell and exit.",
    ),
]

# Options of both commands.
Filter = Annotated[
    str | None,
    _option(
        _WINDOW,
        "Filter size; for run, the size of a random filter or of pooling windows.",
        "-f",
        "--filter",
        metavar="SIZES",
    ),
]
Padding = Annotated[
    str | None,
    _option(
        _WINDOW,
        "Padding on each side: 1, 2x1, BEGIN:END, or valid, same, same-lower, full, causal.",
        "-p",
        "--padding",
        metavar="PADDING",
    ),
]
Stride = Annotated[
    str | None,
    _option(
        _WINDOW,
        "Stride (default: 1; for pooling, the filter size).",
        "-s",
        "--stride",
        metavar="SIZES",
    ),
]
Dilation = Annotated[
    str | None, _option(_WINDOW, "Dilation (default: 1).", "-d", "--dilation", metavar="SIZES")
]
Dims = Annotated[
    int | None,
    _option(
        _WINDOW,
        "Number of spatial axes, where single numbers do not say it (default: 2).",
        "--dims",
        metavar="1|2|3",
    ),
]
Transposed = Annotated[bool, _option(_WINDOW, "A transposed convolution.", "--transposed")]
OutputPadding = Annotated[
    str | None,
    _option(
        _WINDOW,
        "Extra output at the end of a transposed convolution.",
        "--output-padding",
        metavar="SIZES",
    ),
]
Pool = Annotated[
    str | None,
    _option(
        _WINDOW,
        "Pooling instead of a convolution: the maximum or the mean of each window.",
        "--pool",
        metavar="max|avg",
    ),
]
Ceil = Annotated[bool, _option(_WINDOW, "Round the size of a pooling layer up.", "--ceil")]
Explain = Annotated[
    bool,
    _option(
        _SHOW,
        "Explain the size: the formula step by step, the windows, how often each pixel is read; "
        "for a stack, how its receptive field grows. With -o, a picture.",
        "--explain",
    ),
]
Animate = Annotated[
    bool,
    _option(
        _SHOW,
        "Slide the window over the input; space pauses, arrows step, + and - set the speed. With "
        "-o, a .gif or an animated .svg.",
        "--animate",
    ),
]
Frame = Annotated[
    int | None,
    _option(
        _SHOW,
        "With --animate -o conv.png, .svg or .tex: the frame to write, for print.",
        "--frame",
        metavar="NUMBER",
    ),
]
Color = Annotated[
    str,
    _option(
        _SHOW,
        "Colors: auto (on a terminal, unless NO_COLOR is set), always or never.",
        "--color",
        metavar="auto|always|never",
    ),
]
Groups = Annotated[
    str | None, _option(_COST, "Groups of channels (default: 1).", "-g", "--groups", metavar="N")
]


NoBias = Annotated[bool, _option(_COST, "A layer without bias.", "--no-bias")]


# PyTorch's names for the two parts of -c.
InChannels = Annotated[str | None, Option("--in-channels", hidden=True)]
OutChannels = Annotated[str | None, Option("--out-channels", hidden=True)]


class ShapeRequest(NamedTuple):
    """The options of `shape` as typed; None where they were not given."""

    network: Annotated[
        str | None,
        Argument(
            metavar="[NETWORK]",
            rich_help_panel=_STACK,
            help="A built-in network such as resnet50, a model (.onnx, .pt2), a file of weights "
            "(.safetensors, .pt, .npz), a file with one layer per line, or - for standard input.",
        ),
    ] = None
    n: Annotated[
        str | None,
        _option(
            _WINDOW,
            "Input size: 8 (a square image), 8x6, 16x224x224; sweeps 32,64 or 8..64..8.",
            "-n",
            "--size",
            metavar="SIZES",
        ),
    ] = None
    f: Filter = None
    p: Padding = None
    s: Stride = None
    d: Dilation = None
    dims: Dims = None
    transposed: Transposed = False
    output_padding: OutputPadding = None
    pool: Pool = None
    ceil: Ceil = False
    channels: Annotated[
        str | None,
        _option(
            _COST,
            "Channels; adds parameters, MACs and FLOPs.",
            "-c",
            "--channels",
            metavar="IN:OUT",
        ),
    ] = None
    groups: Groups = None
    no_bias: NoBias = False
    layers: Annotated[
        list[str] | None,
        _option(
            _STACK,
            "A layer of a stack, such as 'conv f=7 s=2 p=3 c=64'; one -l for each layer.",
            "-l",
            "--layer",
            metavar="LAYER",
        ),
    ] = None
    layers_file: Annotated[
        str | None,
        _option(
            _STACK,
            "The same as NETWORK: a file, or - for standard input.",
            "--layers",
            metavar="FILE|-",
        ),
    ] = None
    list_networks: Annotated[
        bool, _option(_STACK, "Show the built-in networks.", "--list-networks")
    ] = False
    every_node: Annotated[
        bool,
        _option(_SHOW, "A row for every node of a network, pointwise layers too.", "--all"),
    ] = False
    solve: Annotated[
        str | None,
        _option(
            _STACK, "Find every n, f, p or s that gives the size --out.", "--solve",
            metavar="n|f|p|s",
        ),
    ] = None  # fmt: skip
    out: Annotated[
        str | None, _option(_STACK, "Output size that --solve aims at.", "--out", metavar="SIZES")
    ] = None
    explain: Explain = False
    animate: Animate = False
    frame: Frame = None
    output: Annotated[
        str | None,
        _option(
            _SHOW,
            "Write what --explain or --animate shows to a picture, whose ending says the format: "
            ".svg, .png, .tex, .html (a page that computes), .gif.",
            "-o",
            "--output",
            metavar="PICTURE",
        ),
    ] = None
    format: Annotated[
        str | None,
        _option(
            _SHOW,
            "Output format (default: table on a terminal, plain in a pipe).",
            "--format",
            metavar="table|plain|json|csv",
        ),
    ] = None
    fields: Annotated[
        str | None,
        _option(
            _SHOW,
            "Keys of JSON or columns of CSV, in this order, such as layer,output,macs.",
            "--fields",
            metavar="NAME,...",
        ),
    ] = None
    color: Color = "auto"
    in_channels: InChannels = None
    out_channels: OutChannels = None


class RunRequest(NamedTuple):
    """The options of `run` as typed; None where they were not given."""

    inputs: Annotated[
        list[str] | None,
        Argument(
            metavar="[INPUT]...",
            rich_help_panel=_DATA,
            help="A .npy file, an image, numbers as .csv or .txt, file::member of an .npz, .zarr, "
            ".safetensors or .pt file, - for standard input, a literal [[0,1],[2,3]], or rand:8x8, "
            "randn: arange: ones: zeros:.",
        ),
    ] = None
    kernel: Annotated[
        str | None,
        _option(
            _DATA,
            "Filter: a name such as sobel-x or gaussian:5:1.0, a literal [[0,1],[2,3]], or "
            "anything that can be an input; model.onnx::NODE and model.pt2::NAME are layers with "
            "their bias, stride and padding.",
            "-k",
            "--kernel",
            metavar="FILTER",
        ),
    ] = None
    list_kernels: Annotated[
        bool,
        _option(
            _DATA,
            "Show the named filters with their numbers; with -k FILE, the layers of a model or the "
            "members of a file.",
            "--list-kernels",
        ),
    ] = False
    seed: Annotated[
        int | None, _option(_DATA, "Seed of random numbers.", "--seed", metavar="NUMBER")
    ] = None
    layout: Annotated[
        str | None,
        _option(
            _DATA,
            "A letter for each axis of the input, such as HWC (default: the last of NCDHW).",
            "--layout",
            metavar="LETTERS",
        ),
    ] = None
    bias: Annotated[
        str | None,
        _option(
            _DATA,
            "Added to each output channel: a number, a list, a file or a member.",
            "--bias",
            metavar="BIAS",
        ),
    ] = None
    dtype: Annotated[
        str | None, _option(_DATA, "Type of the output's numbers.", "--dtype", metavar="TYPE")
    ] = None
    f: Filter = None
    p: Padding = None
    pad_mode: Annotated[
        str,
        _option(
            _WINDOW,
            f"What padding holds: {', '.join(PAD_MODES)}, or NumPy's or SciPy's name for it.",
            "--pad-mode",
            metavar="MODE",
        ),
    ] = "zeros"
    s: Stride = None
    d: Dilation = None
    flip: Annotated[
        bool, _option(_WINDOW, "Flip the filter: convolution as defined in mathematics.", "--flip")
    ] = False
    dims: Dims = None
    transposed: Transposed = False
    output_padding: OutputPadding = None
    pool: Pool = None
    ceil: Ceil = False
    channels: Annotated[
        str | None,
        _option(
            _COST,
            "A new layer: random weights and bias for these channels, with -f.",
            "-c",
            "--channels",
            metavar="OUT|IN:OUT",
        ),
    ] = None
    groups: Groups = None
    no_bias: NoBias = False
    device: Annotated[
        str,
        _option(
            _MACHINE,
            "Device: cpu, auto (the best one available), or any that PyTorch has.",
            "--device",
            metavar="cpu|auto|cuda[:N]|mps|xpu",
        ),
    ] = "cpu"
    engine: Annotated[
        str, _option(_MACHINE, "Library that convolves.", "--engine", metavar="auto|numpy|torch")
    ] = "auto"
    method: Annotated[
        str,
        _option(
            _MACHINE,
            "How the engine convolves; auto takes the lowest estimated cost.",
            "--method",
            metavar="METHOD",
        ),
    ] = "auto"
    tf32: Annotated[bool, _option(_MACHINE, "Let a GPU round float32 to TF32.", "--tf32")] = False
    threads: Annotated[
        int | None,
        _option(
            _MACHINE,
            "Threads on the CPU (default: one per core).",
            "--threads",
            metavar="NUMBER",
        ),
    ] = None
    memory: Annotated[
        str,
        _option(
            _MACHINE, "Memory for a block of input and output.", "--memory", metavar="AMOUNT"
        ),
    ] = "32M"  # fmt: skip
    workers: Annotated[
        int | None,
        _option(
            _MACHINE,
            "Processes on this machine that convolve blocks of stored arrays; with -o y.zarr.",
            "--workers",
            metavar="NUMBER",
        ),
    ] = None
    scheduler: Annotated[
        str | None,
        _option(
            _MACHINE,
            "Dask scheduler whose workers convolve blocks of stored arrays; with -o y.zarr.",
            "--scheduler",
            metavar="tcp://HOST:PORT",
        ),
    ] = None
    output: Annotated[
        str | None,
        _option(
            _SHOW,
            "Write to a file, whose ending says the format, to a directory/, or to a chunked store "
            "y.zarr; - is standard output. With --explain, --animate or --plot, a .svg, .png or "
            ".tex, or a .gif of --animate, is the picture, not the array, unless --output-format "
            "is given.",
            "-o",
            "--output",
            metavar="PATH",
        ),
    ] = None
    chunks: Annotated[
        str | None,
        _option(
            _SHOW,
            "Chunks of an output in a store (default: those of the input, divided by the stride).",
            "--chunks",
            metavar="SIZES",
        ),
    ] = None
    resume: Annotated[
        bool,
        _option(_SHOW, "Continue the output of a run into a store that was ended.", "--resume"),
    ] = False
    overwrite: Annotated[
        bool,
        _option(
            _SHOW, "Replace what is in a store that cannot keep it until the end.", "--overwrite"
        ),
    ] = False
    output_format: Annotated[
        str | None,
        _option(
            _SHOW,
            "Format of the output, whatever the ending: npy, npz, csv, tsv, txt, png, jpg, tif...",
            "--output-format",
            metavar="FORMAT",
        ),
    ] = None
    scale: Annotated[
        str | None,
        _option(
            _SHOW,
            "How values become those of an image. By default those within the input's range are "
            "kept; where some are outside, clip if the filter sums to 1, else minmax. abs: "
            "magnitudes; signed: 0 is mid-grey. clip with --dtype uint8 is for any output.",
            "--scale",
            metavar="clip|minmax|abs|signed",
        ),
    ] = None
    format: Annotated[
        str | None,
        _option(
            _SHOW,
            "Format of the report. With json, standard output carries the report, and the array "
            "goes where -o says.",
            "--format",
            metavar="table|plain|json",
        ),
    ] = None
    quiet: Annotated[
        bool, _option(_SHOW, "No report; notes on what is not read remain.", "-q", "--quiet")
    ] = False
    verbose: Annotated[
        bool,
        _option(
            _SHOW, "Report also how axes were read, the method and its estimate.", "-v", "--verbose"
        ),
    ] = False
    explain: Explain = False
    animate: Animate = False
    frame: Frame = None
    plot: Annotated[
        bool, _option(_SHOW, "Draw input, filter and output, with a scale.", "--plot")
    ] = False
    verify: Annotated[
        bool,
        _option(_SHOW, "Recompute outputs independently; fail if they differ.", "--verify"),
    ] = False
    time: Annotated[
        int | None,
        _option(_SHOW, "Run N more times and report the median.", "--time", metavar="N"),
    ] = None
    color: Color = "auto"
    in_channels: InChannels = None
    out_channels: OutChannels = None


def typed(request: NamedTuple) -> Iterator[tuple[str, Any]]:
    """Give the first name of each option that was typed, and its value; of an argument ``NAME``."""
    for (field, annotation), value in zip(
        type(request).__annotations__.items(), request, strict=True
    ):
        if value != request._field_defaults[field]:
            name = annotation.__metadata__[0].default  # the first name, as Typer stores it
            yield field.upper() if name is ... else name, value


def command_line(request: NamedTuple) -> list[str]:
    """Write the options of a request as words of a command line."""
    words: list[str] = []
    for name, value in typed(request):
        if value is True:
            words.append(name)
        elif not name.startswith("-"):
            words.append(str(value))
        else:
            for each in value if isinstance(value, list) else [value]:
                words += [name, str(each)]
    return words


# Each line of an example runs as it is. "\b" keeps lines from being joined.
EXAMPLES = """\b
Examples:
  convcli shape -n 8 -f 3 -p 1 -s 2
  convcli shape -n 8 -f 3 --explain
  convcli run rand:8x8 -k rand:3x3 -p 1 -s 2

More: convcli shape --help, convcli run --help
"""
SHAPE_EXAMPLES = """\b
Examples:
  convcli shape -n 8x6 -f 5x3 -p 2x1 -s 3x4
  convcli shape -n 32,64 -f 3,5 -p same -c 3:64 --format table
  convcli shape -n 224 -c 3 -l 'conv f=7 s=2 p=3 c=64' -l 'maxpool f=3 s=2'
  convcli shape resnet50 -n 224 --format table
  convcli shape --solve n --out 112 -f 7 -p 3 -s 2
"""
RUN_EXAMPLES = """\b
Examples:
  convcli run arange:3x3 -k '[[0,1],[2,3]]' -p 1 > y.npy
  convcli run y.npy -k gaussian:3 -p same --pad-mode reflect -o blurred.npy
  cat y.npy | convcli run -k sobel-x --verify > edges.npy
  convcli run y.npy blurred.npy -k sharpen -o out/
"""

"""The options of the command `run`, see `convcli.options`."""

import os
from typing import Annotated, Any, NamedTuple

from typer import Argument

from convcli.geometry.window.pad_modes import PAD_MODES
from convcli.options import (
    CHANNELS,
    DATA,
    MACHINE,
    SHOW,
    WINDOW,
    Animate,
    Ceil,
    Color,
    Dilation,
    Dims,
    Explain,
    Filter,
    Frame,
    Groups,
    InChannels,
    NoBias,
    OutChannels,
    OutputPadding,
    Padding,
    Pool,
    Stride,
    Transposed,
    by_alias,
    option,
)

FORMATS = ("table", "plain", "json")  # of reports


class RunRequest(NamedTuple):
    """The options of `run` as typed; None where they were not given."""

    inputs: Annotated[
        list[str] | None,
        Argument(
            metavar="[INPUT]...",
            rich_help_panel=DATA,
            help="A .npy file, an image, numbers as .csv or .txt, file::member of an .npz, .zarr, "
            ".safetensors or .pt file, - for standard input, a literal [[0,1],[2,3]], or rand:8x8, "
            "randn: arange: ones: zeros:.",
        ),
    ] = None
    kernel: Annotated[
        str | None,
        option(
            DATA,
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
        option(
            DATA,
            "Show the named filters with their numbers; with -k FILE, the layers of a model or the "
            "members of a file.",
            "--list-kernels",
        ),
    ] = False
    seed: Annotated[
        int | None, option(DATA, "Seed of random numbers.", "--seed", metavar="NUMBER")
    ] = None
    layout: Annotated[
        str | None,
        option(
            DATA,
            "A letter for each axis of the input, such as HWC (default: the last of NCDHW).",
            "--layout",
            metavar="LETTERS",
        ),
    ] = None
    bias: Annotated[
        str | None,
        option(
            DATA,
            "Added to each output channel: a number, a list, a file or a member.",
            "--bias",
            metavar="BIAS",
        ),
    ] = None
    dtype: Annotated[
        str | None, option(DATA, "Type of the output's numbers.", "--dtype", metavar="TYPE")
    ] = None
    f: Filter = None
    p: Padding = None
    pad_mode: Annotated[
        str,
        option(
            WINDOW,
            f"What padding holds: {', '.join(PAD_MODES)}, or NumPy's or SciPy's name for it.",
            "--pad-mode",
            metavar="MODE",
        ),
    ] = "zeros"
    s: Stride = None
    d: Dilation = None
    flip: Annotated[
        bool, option(WINDOW, "Flip the filter: convolution as defined in mathematics.", "--flip")
    ] = False
    dims: Dims = None
    transposed: Transposed = False
    output_padding: OutputPadding = None
    pool: Pool = None
    ceil: Ceil = False
    channels: Annotated[
        str | None,
        option(
            CHANNELS,
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
        option(
            MACHINE,
            "Device: cpu, auto (the best one available), or any that PyTorch has.",
            "--device",
            metavar="cpu|auto|cuda[:N]|mps|xpu",
        ),
    ] = "cpu"
    engine: Annotated[
        str, option(MACHINE, "Library that convolves.", "--engine", metavar="auto|numpy|torch")
    ] = "auto"
    method: Annotated[
        str,
        option(
            MACHINE,
            "How the engine convolves; auto takes the lowest estimated cost.",
            "--method",
            metavar="METHOD",
        ),
    ] = "auto"
    tf32: Annotated[bool, option(MACHINE, "Let a GPU round float32 to TF32.", "--tf32")] = False
    threads: Annotated[
        int | None,
        option(
            MACHINE,
            "Threads on the CPU (default: one per core).",
            "--threads",
            metavar="NUMBER",
        ),
    ] = None
    memory: Annotated[
        str,
        option(
            MACHINE, "Memory for a block of input and output.", "--memory", metavar="AMOUNT"
        ),
    ] = "32M"  # fmt: skip
    workers: Annotated[
        int | None,
        option(
            MACHINE,
            "Processes on this machine that convolve blocks of stored arrays; with -o y.zarr.",
            "--workers",
            metavar="NUMBER",
        ),
    ] = None
    scheduler: Annotated[
        str | None,
        option(
            MACHINE,
            "Dask scheduler whose workers convolve blocks of stored arrays; with -o y.zarr.",
            "--scheduler",
            metavar="tcp://HOST:PORT",
        ),
    ] = None
    output: Annotated[
        str | None,
        option(
            SHOW,
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
        option(
            SHOW,
            "Chunks of an output in a store (default: those of the input, divided by the stride).",
            "--chunks",
            metavar="SIZES",
        ),
    ] = None
    resume: Annotated[
        bool,
        option(SHOW, "Continue the output of a run into a store that was ended.", "--resume"),
    ] = False
    overwrite: Annotated[
        bool,
        option(
            SHOW, "Replace what is in a store that cannot keep it until the end.", "--overwrite"
        ),
    ] = False
    output_format: Annotated[
        str | None,
        option(
            SHOW,
            "Format of the output, whatever the ending: npy, npz, csv, tsv, txt, png, jpg, tif...",
            "--output-format",
            metavar="FORMAT",
        ),
    ] = None
    scale: Annotated[
        str | None,
        option(
            SHOW,
            "How values become those of an image. By default those within the input's range are "
            "kept; where some are outside, clip if the filter sums to 1, else minmax. abs: "
            "magnitudes; signed: 0 is mid-grey. clip with --dtype uint8 is for any output.",
            "--scale",
            metavar="clip|minmax|abs|signed",
        ),
    ] = None
    format: Annotated[
        str | None,
        option(
            SHOW,
            "Format of the report. With json, standard output carries the report, and the array "
            "goes where -o says.",
            "--format",
            metavar="table|plain|json",
        ),
    ] = None
    quiet: Annotated[
        bool, option(SHOW, "No report; notes on what is not read remain.", "-q", "--quiet")
    ] = False
    verbose: Annotated[
        bool,
        option(
            SHOW, "Report also how axes were read, the method and its estimate.", "-v", "--verbose"
        ),
    ] = False
    explain: Explain = False
    animate: Animate = False
    frame: Frame = None
    plot: Annotated[
        bool, option(SHOW, "Draw input, filter and output, with a scale.", "--plot")
    ] = False
    verify: Annotated[
        bool,
        option(SHOW, "Recompute outputs independently; fail if they differ.", "--verify"),
    ] = False
    time: Annotated[
        int | None,
        option(SHOW, "Run N more times and report the median.", "--time", metavar="N"),
    ] = None
    color: Color = "auto"
    in_channels: InChannels = None
    out_channels: OutChannels = None


# What other programs call an option, see `convcli.options`.
ALIASES = by_alias(
    {
        "kernel": ("weight", "weights"),
        "list-kernels": ("list-filters",),
        "pad-mode": ("padding-mode",),
        "dtype": ("data-type",),
        "threads": ("num-threads",),
        "output": ("out", "output-file"),
        "seed": ("random-seed",),
    }
)

EXAMPLES = """\b
Examples:
  convcli run arange:3x3 -k '[[0,1],[2,3]]' -p 1 > y.npy
  convcli run y.npy -k gaussian:3 -p same --pad-mode reflect -o blurred.npy
  cat y.npy | convcli run -k sobel-x --verify > edges.npy
  convcli run y.npy blurred.npy -k sharpen -o out/
"""


def stray_words(typed: dict[str, Any], more: list[str]) -> list[str]:
    """Find the words that are no inputs: numbers, unless files are called so."""
    inputs = typed["inputs"] or ()
    return more or [word for word in inputs if word.isdecimal() and not os.path.exists(word)]

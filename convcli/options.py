"""Every option, declared once: its names, its help, and the group it is shown in."""

from typing import Annotated, Any

from typer import Argument, Option

from convcli.geometry.pad_modes import PAD_MODES

WINDOW, COST, STACK = "Window", "Channels", "Stacks and the inverse"
DATA, MACHINE, SHOW = "Input and filter", "Where it runs", "What comes out"


def _option(group: str, help_: str, *names: str, metavar: str | None = None) -> Any:
    return Option(*names, metavar=metavar, rich_help_panel=group, help=help_)


Version = Annotated[bool, Option("--version", help="Show the version and leave.")]

Size = Annotated[
    str | None,
    _option(
        WINDOW,
        "Input size: 8 (a square image), 8x6, 16x224x224; sweeps 32,64 or 8..64..8.",
        "-n",
        "--size",
        metavar="SIZES",
    ),
]
Filter = Annotated[
    str | None,
    _option(WINDOW, "Filter size; for run, of a random filter.", "-f", "--filter", metavar="SIZES"),
]
Padding = Annotated[
    str | None,
    _option(
        WINDOW,
        "Padding on each side: 1, 2x1, BEGIN:END, or valid, same, same-lower, full.",
        "-p",
        "--padding",
        metavar="PADDING",
    ),
]
Stride = Annotated[
    str | None,
    _option(
        WINDOW,
        "Stride: 1 unless given, of a pool its filter size.",
        "-s",
        "--stride",
        metavar="SIZES",
    ),
]
Dilation = Annotated[
    str | None, _option(WINDOW, "Dilation: 1 unless given.", "-d", "--dilation", metavar="SIZES")
]
Dims = Annotated[
    int | None,
    _option(
        WINDOW,
        "Number of spatial axes, where single numbers leave it open: 2 unless given.",
        "--dims",
        metavar="1|2|3",
    ),
]
Transposed = Annotated[bool, _option(WINDOW, "A transposed convolution.", "--transposed")]
OutputPadding = Annotated[
    str | None,
    _option(
        WINDOW,
        "Extra output at the end of a transposed convolution.",
        "--output-padding",
        metavar="SIZES",
    ),
]
Pool = Annotated[bool, _option(WINDOW, "A pooling layer.", "--pool")]
Ceil = Annotated[bool, _option(WINDOW, "Round a pooling size up.", "--ceil")]

Channels = Annotated[
    str | None,
    _option(
        COST,
        "Channels; adds parameters, MACs and FLOPs.",
        "-c",
        "--channels",
        metavar="IN:OUT",
    ),
]
Groups = Annotated[
    str | None,
    _option(COST, "Groups of channels: 1 unless given.", "-g", "--groups", metavar="NUMBER"),
]
NoBias = Annotated[bool, _option(COST, "A layer without bias.", "--no-bias")]

Layer = Annotated[
    list[str] | None,
    _option(
        STACK,
        "A layer of a stack, such as 'conv f=7 s=2 p=3 c=64'; one -l for each layer.",
        "-l",
        "--layer",
        metavar="LAYER",
    ),
]
Layers = Annotated[
    str | None,
    _option(STACK, "A file (or the pipe) with one layer a line.", "--layers", metavar="FILE|-"),
]
Solve = Annotated[
    str | None,
    _option(
        STACK, "Find every n, f, p or s that gives the size --out.", "--solve", metavar="n|f|p|s"
    ),
]
Out = Annotated[str | None, _option(STACK, "The output size wanted.", "--out", metavar="SIZES")]

Explain = Annotated[
    bool,
    _option(
        SHOW,
        "Show why: the formula in steps, the windows, how often each pixel is read.",
        "--explain",
    ),
]
Animate = Annotated[bool, _option(SHOW, "Slide the window over the input.", "--animate")]
ShapeFormat = Annotated[
    str | None,
    _option(
        SHOW,
        "A table on a terminal, plain in a pipe, unless given.",
        "--format",
        metavar="table|plain|json|csv",
    ),
]

Inputs = Annotated[
    list[str] | None,
    Argument(
        metavar="[INPUT]...",
        rich_help_panel=DATA,
        help="A .npy file, an image, file::member of an .npz, .safetensors or .pt file, - for the "
        "pipe, or rand:8x8, randn: arange: ones: zeros:.",
    ),
]
Kernel = Annotated[
    str | None,
    _option(
        DATA,
        "Filter: a name such as sobel-x or gaussian:5:1.0, a literal [[0,1],[2,3]], or whatever "
        "an input can be.",
        "-k",
        "--kernel",
        metavar="FILTER",
    ),
]
ListKernels = Annotated[
    bool, _option(DATA, "Show the named filters with their numbers.", "--list-kernels")
]
Seed = Annotated[int | None, _option(DATA, "Seed of random numbers.", "--seed", metavar="NUMBER")]
Layout = Annotated[
    str | None,
    _option(
        DATA,
        "A letter for each axis of the input, such as HWC; the last of NCDHW unless given.",
        "--layout",
        metavar="LETTERS",
    ),
]
Bias = Annotated[
    str | None,
    _option(
        DATA,
        "Added to each output channel: a number, a list, a file or a member.",
        "--bias",
        metavar="BIAS",
    ),
]
DType = Annotated[
    str | None, _option(DATA, "Type of the output's numbers.", "--dtype", metavar="TYPE")
]
PadModeName = Annotated[
    str,
    _option(
        WINDOW,
        f"What padding holds: {', '.join(PAD_MODES)}, or NumPy's or SciPy's name of one.",
        "--pad-mode",
        metavar="MODE",
    ),
]
Flip = Annotated[
    bool, _option(WINDOW, "Flip the filter: convolution as mathematics has it.", "--flip")
]
Device = Annotated[
    str,
    _option(
        MACHINE,
        "Device: cpu, auto (the best there is), or one of PyTorch's.",
        "--device",
        metavar="cpu|auto|cuda[:N]|mps|xpu",
    ),
]
EngineName = Annotated[
    str, _option(MACHINE, "Library that convolves.", "--engine", metavar="auto|numpy|torch")
]
MethodName = Annotated[
    str,
    _option(
        MACHINE,
        "How the engine convolves; auto is the cheapest by estimate.",
        "--method",
        metavar="METHOD",
    ),
]
Threads = Annotated[
    int | None,
    _option(
        MACHINE,
        "Threads on the CPU: one for each core unless given.",
        "--threads",
        metavar="NUMBER",
    ),
]
Memory = Annotated[
    str,
    _option(
        MACHINE, "Memory that a block of input and output may take.", "--memory", metavar="AMOUNT"
    ),
]
TF32 = Annotated[bool, _option(MACHINE, "Let a GPU round float32 to TF32.", "--tf32")]
Output = Annotated[
    str | None,
    _option(
        SHOW,
        "Write to a .npy file, an image, or a directory/; - is the pipe.",
        "-o",
        "--output",
        metavar="PATH",
    ),
]
RunFormat = Annotated[
    str | None,
    _option(SHOW, "How the report is written.", "--format", metavar="table|plain|json"),
]
Quiet = Annotated[bool, _option(SHOW, "No report.", "-q", "--quiet")]
Plot = Annotated[bool, _option(SHOW, "Draw input, filter and output as heat maps.", "--plot")]
Verify = Annotated[
    bool, _option(SHOW, "Compute outputs anew, independently; fail if they differ.", "--verify")
]
Time = Annotated[
    int | None,
    _option(SHOW, "Run N times more and report the median.", "--time", metavar="N"),
]

# Each line of an example runs as it stands. "\b" keeps lines as they are.
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
  convcli shape --solve n --out 112 -f 7 -p 3 -s 2
"""
RUN_EXAMPLES = """\b
Examples:
  convcli run arange:3x3 -k '[[0,1],[2,3]]' -p 1 > y.npy
  convcli run y.npy -k gaussian:3 -p same --pad-mode reflect -o blurred.npy
  cat y.npy | convcli run -k sobel-x --verify > edges.npy
  convcli run y.npy blurred.npy -k sharpen -o out/
"""

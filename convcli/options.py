"""Options of both commands, each declared once: names, type, default, help, group in the help.

Those of one command stand in its folder. Each command takes its options as one value, a request;
the command line is made from its fields.
"""

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

from typer import Option

WINDOW, CHANNELS, STACK = "Window", "Channels", "Networks and the inverse"
DATA, MACHINE, SHOW = "Input and filter", "Where it runs", "What comes out"


def option(group: str, help_: str, *names: str, metavar: str | None = None) -> Any:
    """Declare an option, shown in a group of the help."""
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
    "pool": ("pooling",),
    "ceil": ("ceil-mode",),
}


def by_alias(own: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Map each alias to the name of its option, those of a command and those of both."""
    return {alias: name for table in (_ALIASES, own) for name in table for alias in table[name]}


Version = Annotated[bool, Option("-V", "--version", help="Show the version and exit.")]
Completion = Annotated[
    str | None,
    Option(
        "--completion",
        metavar="bash|zsh|fish|powershell",
        help="Print the completion script of a shell and exit.",
    ),
]

Filter = Annotated[
    str | None,
    option(
        WINDOW,
        "Filter size; for run, the size of a random filter or of pooling windows.",
        "-f",
        "--filter",
        metavar="SIZES",
    ),
]
Padding = Annotated[
    str | None,
    option(
        WINDOW,
        "Padding on each side: 1, 2x1, BEGIN:END, or valid, same, same-lower, full, causal.",
        "-p",
        "--padding",
        metavar="PADDING",
    ),
]
Stride = Annotated[
    str | None,
    option(
        WINDOW,
        "Stride (default: 1; for pooling, the filter size).",
        "-s",
        "--stride",
        metavar="SIZES",
    ),
]
Dilation = Annotated[
    str | None, option(WINDOW, "Dilation (default: 1).", "-d", "--dilation", metavar="SIZES")
]
Dims = Annotated[
    int | None,
    option(
        WINDOW,
        "Number of spatial axes, where single numbers do not say it (default: 2).",
        "--dims",
        metavar="1|2|3",
    ),
]
Transposed = Annotated[bool, option(WINDOW, "A transposed convolution.", "--transposed")]
OutputPadding = Annotated[
    str | None,
    option(
        WINDOW,
        "Extra output at the end of a transposed convolution.",
        "--output-padding",
        metavar="SIZES",
    ),
]
Pool = Annotated[
    str | None,
    option(
        WINDOW,
        "Pooling instead of a convolution: the maximum or the mean of each window.",
        "--pool",
        metavar="max|avg",
    ),
]
Ceil = Annotated[bool, option(WINDOW, "Round the size of a pooling layer up.", "--ceil")]
Explain = Annotated[
    bool,
    option(
        SHOW,
        "Explain the size: the formula step by step, the windows, how often each pixel is read; "
        "for a stack, how its receptive field grows. With -o, a picture.",
        "--explain",
    ),
]
Animate = Annotated[
    bool,
    option(
        SHOW,
        "Slide the window over the input; space pauses, arrows step, + and - set the speed. With "
        "-o, a .gif or an animated .svg.",
        "--animate",
    ),
]
Frame = Annotated[
    int | None,
    option(
        SHOW,
        "With --animate -o conv.png, .svg or .tex: the frame to write, for print.",
        "--frame",
        metavar="NUMBER",
    ),
]
Color = Annotated[
    str,
    option(
        SHOW,
        "Colors: auto (on a terminal, unless NO_COLOR is set), always or never.",
        "--color",
        metavar="auto|always|never",
    ),
]
Groups = Annotated[
    str | None, option(CHANNELS, "Groups of channels (default: 1).", "-g", "--groups", metavar="N")
]
NoBias = Annotated[bool, option(CHANNELS, "A layer without bias.", "--no-bias")]

# PyTorch's names for the two parts of -c.
InChannels = Annotated[str | None, Option("--in-channels", hidden=True)]
OutChannels = Annotated[str | None, Option("--out-channels", hidden=True)]


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

"""The options of the command `shape`, see `convcli.options`."""

import os
from typing import Annotated, Any, NamedTuple

from typer import Argument

from convcli.options import (
    CHANNELS,
    SHOW,
    STACK,
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


class ShapeRequest(NamedTuple):
    """The options of `shape` as typed; None where they were not given."""

    network: Annotated[
        str | None,
        Argument(
            metavar="[NETWORK]",
            rich_help_panel=STACK,
            help="A built-in network such as resnet50, a model (.onnx, .pt2), a file of weights "
            "(.safetensors, .pt, .npz), a file with one layer per line, or - for standard input.",
        ),
    ] = None
    n: Annotated[
        str | None,
        option(
            WINDOW,
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
        option(
            CHANNELS,
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
        option(
            STACK,
            "A layer of a stack, such as 'conv f=7 s=2 p=3 c=64'; one -l for each layer.",
            "-l",
            "--layer",
            metavar="LAYER",
        ),
    ] = None
    layers_file: Annotated[
        str | None,
        option(
            STACK,
            "The same as NETWORK: a file, or - for standard input.",
            "--layers",
            metavar="FILE|-",
        ),
    ] = None
    list_networks: Annotated[
        bool, option(STACK, "Show the built-in networks.", "--list-networks")
    ] = False
    every_node: Annotated[
        bool,
        option(SHOW, "A row for every node of a network, pointwise layers too.", "--all"),
    ] = False
    solve: Annotated[
        str | None,
        option(
            STACK, "Find every n, f, p or s that gives the size --out.", "--solve",
            metavar="n|f|p|s",
        ),
    ] = None  # fmt: skip
    out: Annotated[
        str | None, option(STACK, "Wanted output size, with --solve.", "--out", metavar="SIZES")
    ] = None
    explain: Explain = False
    animate: Animate = False
    frame: Frame = None
    output: Annotated[
        str | None,
        option(
            SHOW,
            "Write what --explain or --animate shows to a picture, whose ending says the format: "
            ".svg, .png, .tex, .html (a page that computes), .gif.",
            "-o",
            "--output",
            metavar="PICTURE",
        ),
    ] = None
    format: Annotated[
        str | None,
        option(
            SHOW,
            "Output format (default: table on a terminal, plain in a pipe).",
            "--format",
            metavar="table|plain|json|csv",
        ),
    ] = None
    fields: Annotated[
        str | None,
        option(
            SHOW,
            "Keys of JSON or columns of CSV, in this order, such as layer,output,macs.",
            "--fields",
            metavar="NAME,...",
        ),
    ] = None
    color: Color = "auto"
    in_channels: InChannels = None
    out_channels: OutChannels = None


# What other programs call an option, see `convcli.options`.
ALIASES = by_alias(
    {
        "filter": ("kernel",),
        "size": ("input", "input-size", "input-shape"),
        "out": ("output-size", "output-shape"),
    }
)

EXAMPLES = """\b
Examples:
  convcli shape -n 8x6 -f 5x3 -p 2x1 -s 3x4
  convcli shape -n 32,64 -f 3,5 -p same -c 3:64 --format table
  convcli shape -n 224 -c 3 -l 'conv f=7 s=2 p=3 c=64' -l 'maxpool f=3 s=2'
  convcli shape resnet50 -n 224 --format table
  convcli shape --solve n --out 112 -f 7 -p 3 -s 2
"""


def stray_words(typed: dict[str, Any], more: list[str]) -> list[str]:
    """Find the words that are no network: those after it, and a size or a key in its place."""
    network = typed["network"]
    return [network, *more] if network is not None and _is_misplaced(network, more) else more


def _is_misplaced(network: str, more: list[str]) -> bool:
    """Whether the word in the place of a network belongs to an option: a size, or a key."""
    if network == "-" or os.path.exists(network):
        return False
    if more:
        from convcli.models.from_text.builtin import builtin_names  # noqa: PLC0415  for an error

        return network not in builtin_names()
    named = network[:1].isalpha() or os.sep in network
    return "=" in network or not named

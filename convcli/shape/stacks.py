"""A stack of layers: read it, and apply it to each input size."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from convcli.errors import ConvcliError, DoesNotFit, UsageError
from convcli.geometry import notation
from convcli.geometry.axis import spread
from convcli.geometry.layers import parse_layers
from convcli.geometry.network import Layer, Step, follow
from convcli.geometry.sweep import has_many, lazy_product
from convcli.shape.cases import OnMisfit, read_channels
from convcli.shape.usage import Typed, need, refuse
from convcli.streams import Streams

if TYPE_CHECKING:
    from convcli.shape.command import Request


def stacks(
    request: "Request", streams: Streams, on_misfit: OnMisfit | None = None
) -> Iterator[list[Step]]:
    """Apply the stack of a request to each of its inputs, see `cases.cases`."""
    _refuse_options_of_one_layer(request)
    n = notation.parse_sizes("-n", need("-n", request.n))
    layers = list(_read_layers(request, streams))
    if not layers:
        file = request.layers_file
        where = f"-l {request.layers[0]!r}" if file is None else f"--layers {file}"
        raise UsageError(f"{where} has no layer; write one such as conv f=3")
    named = [n.axes] if n.axes > 1 else [layer.window.axes for layer in layers]
    dims = notation.resolve_dims(named, request.dims)
    channels = read_channels(request)
    swept = has_many(n) or has_many(channels)
    for sizes, (c_in, c_out) in lazy_product(n, channels):
        if c_out not in (None, c_in):
            raise UsageError(
                f"-c {request.c}: a stack is given its input channels only; use -c {c_in}"
            )
        try:
            yield list(follow(layers, spread("-n", sizes, dims), c_in))
        except DoesNotFit as error:
            if not swept or on_misfit is None:
                raise
            on_misfit(error)


def _refuse_options_of_one_layer(request: "Request") -> None:
    options: list[tuple[str, Typed, str]] = [
        ("-f", request.f, f"f={request.f}"),
        ("-s", request.s, f"s={request.s}"),
        ("-p", request.p, f"p={request.p}"),
        ("-d", request.d, f"d={request.d}"),
        ("-g", request.g, f"g={request.g}"),
        ("--output-padding", request.op, f"op={request.op}"),
        ("--transposed", request.kind == "convt", "convt f=3"),
        ("--pool", request.kind == "maxpool", "maxpool f=2"),
        ("--ceil", request.ceil, "ceil=1"),
        ("--no-bias", not request.bias, "bias=0"),
    ]
    for option, value, instead in options:
        refuse({option: value}, "a stack of layers", f"write it in the layer: {instead}")


def _read_layers(request: "Request", streams: Streams) -> Iterator[Layer]:
    """Read the layers of the file (or of standard input), then those of ``-l``."""
    file = request.layers_file
    try:
        if file == "-":
            yield from parse_layers(streams.stdin, "standard input")
        elif file is not None:
            with open(file, encoding="utf-8") as lines:
                yield from parse_layers(lines, file)
    except UnicodeDecodeError as error:
        raise ConvcliError(
            f"{file!r} is not text ({error.reason}); "
            f"a layers file has lines such as conv f=3 p=1 c=64"
        ) from None
    yield from parse_layers(request.layers, "-l")

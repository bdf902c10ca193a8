"""A stack of layers: read it, and apply it to each input size."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, TextIO

from convcli.errors import ConvcliError, DoesNotFit, UsageError, blaming
from convcli.geometry import notation
from convcli.geometry.axis import spread
from convcli.geometry.layers import parse_layers
from convcli.geometry.network import Layer, Step, follow
from convcli.geometry.sweep import has_many, lazy_product
from convcli.shape.cases import OnMisfit, read_channels
from convcli.shape.usage import Typed, first_layer, need, refuse
from convcli.streams import Streams, note

if TYPE_CHECKING:
    from convcli.options import ShapeRequest

_MAX_LINE = 10_000


def stacks(
    request: "ShapeRequest", streams: Streams, on_misfit: OnMisfit | None = None
) -> Iterator[list[Step]]:
    """Apply the stack of a request to each of its inputs, see `cases.cases`."""
    _refuse_options_of_one_layer(request)
    n = notation.parse_sizes("-n", need("-n", request.n))
    layers = list(_read_layers(request, streams))
    if not layers:
        file = request.layers_file
        where = f"--layers {file}" if file is not None else f"-l {first_layer(request)!r}"
        raise UsageError(f"{where} has no layer; write one such as conv f=3")
    named = [n.axes] if n.axes > 1 else [layer.window.axes for layer in layers]
    stated = next((layer.dims for layer in layers if layer.dims and n.axes == 1), None)
    dims = notation.resolve_dims(named, request.dims or stated)
    channels = read_channels(request)
    swept = has_many(n) or has_many(channels)
    for sizes, (c_in, c_out) in lazy_product(n, channels):
        if c_out not in (None, c_in):
            raise UsageError(
                f"-c {request.channels}: a stack is given its input channels only; use -c {c_in}"
            )
        try:
            yield list(follow(layers, spread("-n", sizes, dims), c_in))
        except DoesNotFit as error:
            if not swept or on_misfit is None:
                raise
            on_misfit(error)


def _refuse_options_of_one_layer(request: "ShapeRequest") -> None:
    options: list[tuple[str, Typed, str]] = [
        ("-f", request.f, f"f={request.f}"),
        ("-s", request.s, f"s={request.s}"),
        ("-p", request.p, f"p={request.p}"),
        ("-d", request.d, f"d={request.d}"),
        ("-g", request.groups, f"g={request.groups}"),
        ("--output-padding", request.output_padding, f"op={request.output_padding}"),
        ("--transposed", request.transposed, "convt f=3"),
        ("--pool", request.pool, f"{request.pool}pool f=2"),
        ("--ceil", request.ceil, "ceil=1"),
        ("--no-bias", request.no_bias, "bias=0"),
    ]
    for option, value, instead in options:
        refuse({option: value}, "a stack of layers", f"write it in the layer: {instead}")


def _read_layers(request: "ShapeRequest", streams: Streams) -> Iterator[Layer]:
    """Read the layers of the file (or of standard input), then those of ``-l``."""
    file = request.layers_file
    notes = partial(note, streams)
    try:
        if file == "-":
            yield from parse_layers(
                _lines(streams.stdin, "standard input"), "standard input", notes
            )
        elif file is not None:
            with blaming(file), open(file, encoding="utf-8") as stream:
                yield from parse_layers(_lines(stream, file), file, notes)
    except UnicodeDecodeError as error:
        raise ConvcliError(
            f"{file!r} is not text ({error.reason}); "
            f"a layers file has lines such as conv f=3 p=1 c=64"
        ) from None
    yield from parse_layers(request.layers or (), "-l", notes)


def _lines(stream: TextIO, source: str) -> Iterator[str]:
    """Read line by line; one without an end, as of ``/dev/zero``, must not fill the memory."""
    for number, line in enumerate(iter(lambda: stream.readline(_MAX_LINE + 1), ""), 1):
        if len(line) > _MAX_LINE:
            raise ConvcliError(
                f"{source}, line {number} has more than {_MAX_LINE} characters; "
                f"a layers file has lines such as conv f=3 p=1 c=64"
            )
        yield line

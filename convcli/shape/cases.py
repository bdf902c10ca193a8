"""The cases of one layer given by options: a sweep of them, one after another."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from convcli.errors import DoesNotFit, UsageError
from convcli.geometry.network.layer import Layer, Step, apply
from convcli.geometry.text import notation
from convcli.geometry.text.sweep import has_many, lazy_product
from convcli.geometry.window.axis import POOL_KINDS, Window, spread
from convcli.shape.usage import kind_of, need

if TYPE_CHECKING:
    from convcli.shape.options import ShapeRequest

OnMisfit = Callable[[DoesNotFit], None]


def cases(
    request: "ShapeRequest",
    on_misfit: OnMisfit | None = None,
    note: Callable[[str], None] | None = None,
) -> Iterator[Step]:
    """Compute every case of a request without a stack, in the order of the options.

    Parameters
    ----------
    request : ShapeRequest
    on_misfit : callable, optional
        Called with the error of a case of a sweep that does not fit. A request that is no sweep
        raises its error instead.
    note : callable, optional
        Called with a line about something that a user may not expect.

    Yields
    ------
    Step
        Generated one by one and never stored, however many cases there are.
    """
    kind = kind_of(request)
    n = notation.parse_sizes("-n", need("-n", request.n))
    f = notation.parse_sizes("-f", need("-f", request.f))
    p = notation.parse_padding("-p", request.p or "0")
    s = notation.parse_sizes("-s", request.s or "1")
    d = notation.parse_sizes("-d", request.d or "1")
    op = notation.parse_sizes("--output-padding", request.output_padding or "0")
    channels = read_channels(request)
    if request.groups and request.groups.lower() == "depthwise":
        from convcli.geometry.text.channel_axes import depthwise_groups  # noqa: PLC0415  for an error

        raise UsageError(depthwise_groups(*channels[0]))
    groups = notation.parse_numbers("-g", request.groups or "1")
    dims = notation.resolve_dims([sweep.axes for sweep in (n, f, p, s, d, op)], request.dims)
    if note is not None and n.axes == 3 > max(sweep.axes for sweep in (f, p, s, d, op)):
        from convcli.shape.channel_note import note_channel_axis  # noqa: PLC0415  for three axes

        note_channel_axis(request, channels, note)
    stride_is_filter = kind in POOL_KINDS and request.s is None  # as in PyTorch and Keras
    swept = any(has_many(each) for each in (n, f, p, s, d, op, channels, groups))
    for sizes, filter_, pads, strides, dilation, extra, (c_in, c_out), (g,) in lazy_product(
        n, f, p, s, d, op, channels, groups
    ):
        stride = filter_ if stride_is_filter else strides
        window = Window(filter_, stride, pads, dilation, extra, kind, request.ceil)
        layer = Layer(window, c_out, g, not request.no_bias)
        try:
            yield apply(layer, spread("-n", sizes, dims), c_in)
        except DoesNotFit as error:
            if not swept or on_misfit is None:
                raise
            on_misfit(error)


def read_channels(request: "ShapeRequest") -> list[tuple[int | None, int | None]]:
    """Read the channels, input and output, each None where it is not given."""
    if request.channels is None:
        return [(None, None)]
    return list(notation.parse_channels("-c", request.channels))

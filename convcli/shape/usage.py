"""Which options `shape` needs, and which it refuses because it would read and ignore them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from convcli.errors import UsageError
from convcli.geometry.window.axis import Kind

if TYPE_CHECKING:
    from convcli.shape.options import ShapeRequest

Typed = str | int | bool | None  # an option as it was typed; None or False where it was not


def need(option: str, value: str | None) -> str:
    """Return the value of an option that must be given."""
    if value is None:
        example = f"{option} {3 if option == '-f' else 8}"
        raise UsageError(
            f"{option} is missing; add it, such as {example}; see convcli shape --help"
        )
    return value


def refuse(
    options: Mapping[str, Typed], other: str, remedy: str = "leave out one of the two"
) -> None:
    """Raise `UsageError` for the first of the options that was typed.

    Parameters
    ----------
    options : mapping
        Options and their values.
    other : str
        What they cannot be combined with.
    remedy : str
        What to do instead.
    """
    for option, value in options.items():
        if value is not None and value is not False:
            typed = option if value is True else f"{option} {value}"
            raise UsageError(f"{typed} cannot be combined with {other}; {remedy}")


def kind_of(request: "ShapeRequest") -> Kind:
    """Return the kind of layer that the options of one layer describe."""
    if request.pool is not None:
        refuse({"--transposed": request.transposed, "--no-bias": request.no_bias}, "--pool")
        from convcli.geometry.window.pooling import parse_pool  # noqa: PLC0415  for pools only

        return parse_pool(request.pool)
    return "convt" if request.transposed else "conv"


def network_name(request: "ShapeRequest") -> str | None:
    """Return the network that is named, which the argument and ``--layers`` both do."""
    if request.network is not None:
        refuse({"--layers": request.layers_file}, request.network)
        return request.network
    return request.layers_file


def with_channels(request: "ShapeRequest") -> "ShapeRequest":
    """Give a request the channels of ``--in-channels`` and ``--out-channels``."""
    c_in, c_out = request.in_channels, request.out_channels
    if c_in is None and c_out is None:
        return request
    from convcli.geometry.text.channel_axes import join_channels  # noqa: PLC0415  seldom typed

    channels = join_channels(c_in, c_out, request.channels, needed="in")
    return request._replace(channels=channels, in_channels=None, out_channels=None)


def first_layer(request: "ShapeRequest") -> str | None:
    """Return the first ``-l``, to be named in an error."""
    return request.layers[0] if request.layers else None

"""Which options `shape` needs, and which it refuses because it would read and ignore them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from convcli.errors import UsageError
from convcli.geometry.axis import Kind
from convcli.geometry.notation import parse_number

if TYPE_CHECKING:
    from convcli.options import ShapeRequest

Typed = str | bool | None  # an option as it was typed; None or False where it was not


def need(option: str, value: str | None) -> str:
    """Return the value of an option that must be given."""
    if value is None:
        example = f"{option} {3 if option == '-f' else 8}"
        raise UsageError(f"{option} is missing; add it, such as {example}")
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
        refuse({"--transposed": request.transposed}, "--pool")
        from convcli.geometry.pooling import parse_pool  # noqa: PLC0415  for pools only

        return parse_pool(request.pool)
    return "convt" if request.transposed else "conv"


def network_name(request: "ShapeRequest") -> str | None:
    """Return the network that is named, which the argument and ``--layers`` both do."""
    if request.network is not None:
        refuse({"--layers": request.layers_file}, request.network)
        return request.network
    return request.layers_file


def join_channels(request: "ShapeRequest") -> "ShapeRequest":
    """Read PyTorch's ``--in-channels 3 --out-channels 64`` as ``-c 3:64``."""
    c_in, c_out = request.in_channels, request.out_channels
    if c_in is None and c_out is None:
        return request
    refuse({"-c": request.channels}, "--in-channels and --out-channels", "leave out -c")
    if c_in is None:
        raise UsageError(
            f"--out-channels {c_out} needs the input channels; add --in-channels, such as "
            f"--in-channels {c_out}"
        )
    counts = [str(parse_number("--in-channels", c_in))]
    if c_out is not None:
        counts.append(str(parse_number("--out-channels", c_out)))
    return request._replace(channels=":".join(counts), in_channels=None, out_channels=None)


def first_layer(request: "ShapeRequest") -> str | None:
    """Return the first ``-l``, to be named in an error."""
    return request.layers[0] if request.layers else None

"""Which options `shape` needs, and which it refuses because it would read and ignore them."""

from typing import TYPE_CHECKING

from convcli.errors import UsageError
from convcli.geometry.window.axis import Kind
from convcli.option_rules import refuse

if TYPE_CHECKING:
    from convcli.shape.options import ShapeRequest


def need(option: str, value: str | None) -> str:
    """Return the value of an option that must be given."""
    if value is None:
        example = f"{option} {3 if option == '-f' else 8}"
        raise UsageError(
            f"{option} is missing; add it, such as {example}; see convcli shape --help"
        )
    return value


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


def first_layer(request: "ShapeRequest") -> str | None:
    """Return the first ``-l``, to be named in an error."""
    return request.layers[0] if request.layers else None

"""The plain rows of a sweep on a terminal: what went into each case."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convcli.geometry.network.layer import Step
from convcli.geometry.text.notation import format_padding, join_axes

if TYPE_CHECKING:
    from convcli.geometry.network.graph import NodeStep


def inputs(steps: "Sequence[Step] | Sequence[NodeStep]") -> str:
    """Write what went into a layer, or into a network: ``n=8 f=3 p=0 s=1``."""
    first = steps[0]
    axes, layer = first.axes, first.layer
    parts = {"n": join_axes([str(size) for size in first.n])}
    if len(steps) == 1 and layer is not None:
        parts |= {
            "f": join_axes([str(a.f) for a in axes]),
            "p": format_padding([(a.pb, a.pe) for a in axes]),
            "s": join_axes([str(a.s) for a in axes]),
        }
        if any(a.d > 1 for a in axes):
            parts["d"] = join_axes([str(a.d) for a in axes])
        if any(a.op for a in axes):
            parts["op"] = join_axes([str(a.op) for a in axes])
        if layer.g > 1:
            parts["g"] = str(layer.g)
    if first.c_in is not None:
        parts["c"] = str(first.c_in) if len(steps) > 1 else f"{first.c_in}:{first.c_out}"
    return " ".join(f"{key}={value}" for key, value in parts.items())

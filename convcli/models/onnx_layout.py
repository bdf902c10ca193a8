"""Which axis of an image holds its channels: that which the first window takes for them."""

from collections.abc import Sequence
from typing import Any

_WINDOWS = {
    *("Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "FusedConv", "MaxPool"),
    *("AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "InstanceNormalization"),
    "BatchNormalization",
}


def channel_axis(name: str, nodes: Sequence[Any], rank: int) -> int:
    """Find the axis of the channels of an input.

    Parameters
    ----------
    name : str
        Of the input.
    nodes : sequence of NodeProto
        In the order in which they run.
    rank : int
        Number of its axes.

    Returns
    -------
    int
        1 where no window reads it directly, or after transposing and what keeps its axes.
    """
    orders: dict[str, tuple[int, ...]] = {name: tuple(range(rank))}
    for node in nodes:
        source = node.input[0] if node.input else ""
        if source not in orders:
            continue
        order = orders[source]
        if node.op_type in _WINDOWS:
            return order[1] if len(order) > 1 else 1
        if node.op_type == "Transpose":
            perm = next((tuple(a.ints) for a in node.attribute if a.name == "perm"), ())
            perm = perm or tuple(range(len(order)))[::-1]
            if sorted(perm) != list(range(len(order))):
                continue
            order = tuple(order[axis] for axis in perm)
        elif node.op_type in ("Reshape", "Flatten", "Unsqueeze", "Squeeze", "Shape", "Gather"):
            continue  # the axes are others then
        if node.output:
            orders[node.output[0]] = order
    return 1

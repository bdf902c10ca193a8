"""Weights without a graph: what is known of a layer from its arrays in a file."""

from math import prod
from typing import NamedTuple

from convcli.arrays import formats
from convcli.arrays.members import Member
from convcli.models import BUFFERS

# What the arrays of weights do not say, for notes.
UNSAID = (
    "stride, padding, dilation, the order of layers, or how many groups a layer has (c is of one)"
)
_INTEGERS = ("i", "u", "bool")  # how their types start, in any format
_WEIGHTS = ("weight", "kernel", "filter")


class Weight(NamedTuple):
    """An array, and what its name, its shape and its bias say about its layer.

    Attributes
    ----------
    name : str
    shape : tuple of int
    dtype : str
    op : str or None
        ``conv``, ``convt`` or ``linear``; None of anything else.
    filter : tuple of int
        Size of the filter; empty if it has none.
    channels : tuple
        Input and output channels. Of a layer with several groups, which does not show, the
        input channels are those of a group; they are None where each channel may be a group.
    groups : int or None
        None where it is not known.
    parameters : int
        0 of what is not trained.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    op: str | None
    filter: tuple[int, ...]
    channels: tuple[int | None, int | None]
    groups: int | None
    parameters: int

    @property
    def buffered(self) -> int:
        """How many numbers it has that are not trained."""
        return prod(self.shape) - self.parameters


def read_weights(path: str, ending: str) -> list[Weight]:
    """Read what a file of weights holds, in its order, without the numbers.

    Parameters
    ----------
    path : str
    ending : str
        Of its format, see `convcli.arrays.members`.

    Raises
    ------
    ConvcliError, OSError
    """
    found = formats.members(path, ending)
    shapes = {member.name: member.shape for member in found}
    return [_weight(member, shapes) for member in found]


def _weight(member: Member, shapes: dict[str, tuple[int, ...]]) -> Weight:
    """Read the shape of a weight as PyTorch lays it out: output, input, then the filter."""
    name, shape, dtype = member
    head, dot, last = name.rpartition(".")
    is_weight = len(shape) > 1 and any(word in last for word in _WEIGHTS)
    # Only floats are trained; integers in a weight's place stand for some.
    is_trained = last not in BUFFERS and (is_weight or not dtype.lower().startswith(_INTEGERS))
    count = prod(shape) if is_trained else 0
    if not is_weight:
        return Weight(name, shape, dtype, None, (), (None, None), None, count)
    first, second, *f = shape
    if not f:
        return Weight(name, shape, dtype, "linear", (), (second, first), None, count)
    bias = shapes.get(f"{head}{dot}bias") if last == "weight" else None
    if bias and bias[0] != first and second and bias[0] % second == 0:
        # The bias has the output channels: only a transposed layer has its input first.
        groups = bias[0] // second
        return Weight(name, shape, dtype, "convt", tuple(f), (first, bias[0]), groups, count)
    c_in = None if second == 1 and first > 1 else second
    known_groups = 1 if first == 1 else None  # they divide the output channels
    return Weight(name, shape, dtype, "conv", tuple(f), (c_in, first), known_groups, count)

"""Operations on each number by itself: activations, normalization at inference, dropout."""

from collections.abc import Sequence
from typing import NamedTuple

from convcli.geometry.network.channels import check_groups, check_input
from convcli.geometry.network.layer import Costs
from convcli.geometry.network.operation import Applied
from convcli.geometry.network.tensor import Tensor


class Pointwise(NamedTuple):
    """An operation that keeps shape and places: relu, batch normalization, dropout, a cast.

    It has `params` parameters, and `per_channel` more for each channel, of which there are `c_in`
    if that is given, a multiple of `groups`. `itemsize` is that of its output, where it changes it.
    """

    params: int = 0
    per_channel: int = 0
    itemsize: int | None = None
    c_in: int | None = None
    groups: int = 1

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        (x,) = inputs
        costs: Costs | None = Costs(self.params, 0, 0)
        check_groups(self.groups, x.shape[1] if self.groups != 1 else None)
        if self.per_channel:
            channels = check_input(self.c_in, x.shape[1])
            params = self.params + self.per_channel * (channels or 0)
            costs = None if channels is None else Costs(params, 0, 0)
        output = x if self.itemsize is None else x._replace(itemsize=self.itemsize)
        return Applied((output,), costs=costs)

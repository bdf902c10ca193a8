"""Matrix products: fully connected layers, and products of two tensors."""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from convcli.errors import DoesNotFit, UsageError
from convcli.geometry.network.channels import check_input
from convcli.geometry.network.layer import Costs
from convcli.geometry.network.operation import Applied
from convcli.geometry.network.operations.joins import broadcast, join_tracks
from convcli.geometry.network.tensor import Tensor, Track, product


class Dense(NamedTuple):
    """A matrix of weights times the numbers along the last axis.

    With `flat` it reads every number of an image: the fully connected layer that follows
    flattening. `c_in` is how many numbers it reads, if that is given.
    """

    c: int
    bias: bool = True
    flat: bool = False
    c_in: int | None = None

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        (x,) = inputs
        if self.c < 1:
            raise UsageError(f"output channels {self.c} must be 1 or more; use c=1 or more")
        tracks = x.tracks
        if self.flat:
            c_in, places = product(x.shape[1:]), x.size(0)
            for axis in range(1, len(x.shape)):
                tracks = _contracted(x, tracks, axis)
            shape: tuple[int | None, ...] = (x.shape[0], self.c)
        else:
            *before, c_in = x.shape
            places = prod(n or 1 for n in before)
            tracks = _contracted(x, tracks, len(before))
            shape = (*before, self.c)
        c_in = check_input(self.c_in, c_in, self.c)
        costs = None
        if c_in is not None:
            macs = places * c_in * self.c
            params = c_in * self.c + (self.c if self.bias else 0)
            costs = Costs(params, macs, 2 * macs + (places * self.c if self.bias else 0))
        return Applied((Tensor(shape, tracks, x.itemsize),), costs=costs)


class Multiplied(NamedTuple):
    """The matrix product of two tensors, as NumPy's ``matmul``."""

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        left, right = inputs
        if min(len(left.shape), len(right.shape)) < 2:
            raise DoesNotFit("a matrix product needs tensors of two axes or more")
        rank = max(len(left.shape), len(right.shape))
        a, b = _raised(left, rank), _raised(right, rank)
        k = a.shape[-1]
        if k != b.shape[-2]:
            raise DoesNotFit(f"a matrix product needs equal sizes, and has {k} and {b.shape[-2]}")
        batch = broadcast([a.shape[:-2], b.shape[:-2]])
        shape = (*batch, a.shape[-2], b.shape[-1])
        branches = []
        for x, axis in ((a, rank - 1), (b, rank - 2)):
            if x.tracks:
                branches.append(_contracted(x, x.tracks, axis))
        tracks, marks = join_tracks(branches, shape)
        sizes = product((*shape, k))
        costs = None if sizes is None else Costs(0, sizes, 2 * sizes)
        return Applied((Tensor(shape, tuple(tracks), left.itemsize),), costs=costs, marks=marks)


def _contracted(x: Tensor, tracks: Sequence[Track], axis: int) -> tuple[Track, ...]:
    """Follow tracks through a sum over an axis, which carries none of them then."""
    count = x.shape[axis] or 1
    summed = [track.read_whole(axis, count) for track in tracks]
    return tuple([track.on(None) if track.axis == axis else track for track in summed])


def _raised(x: Tensor, rank: int) -> Tensor:
    """Put axes of size 1 in front, until there are `rank`."""
    more = rank - len(x.shape)
    tracks = [
        track.on(
            None if track.axis is None else track.axis + more,
            [axis + more for axis in track.hidden],
        )
        for track in x.tracks
    ]
    return Tensor((1,) * more + x.shape, tuple(tracks), x.itemsize)

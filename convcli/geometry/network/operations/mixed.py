"""Operations that keep the shape, and whose numbers depend on all of some axes."""

from collections.abc import Sequence
from typing import NamedTuple

from convcli.errors import DoesNotFit
from convcli.geometry.network.operation import Applied
from convcli.geometry.network.tensor import Tensor


class Mixed(NamedTuple):
    """Each number depends on all of `axes`, as in a softmax or a normalization over them."""

    axes: tuple[int, ...]

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        """Make the output, see `Applied`."""
        (x,) = inputs
        tracks, rank = x.tracks, len(x.shape)
        for axis in self.axes:
            if not -rank <= axis < max(rank, 1):
                raise DoesNotFit(f"dim {axis} is not one of {rank} axes; use dim={rank - 1}")
        for axis in dict.fromkeys(axis % max(rank, 1) for axis in self.axes):
            count = x.shape[axis] or 1
            tracks = tuple([track.read_whole(axis, count, count) for track in tracks])
        return Applied((x._replace(tracks=tracks),))

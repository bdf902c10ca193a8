"""Operations that keep the shape, and whose numbers depend on all of some axes."""

from collections.abc import Sequence
from typing import NamedTuple

from convcli.geometry.index_map import Blocks, IndexMap
from convcli.geometry.operation import Applied
from convcli.geometry.tensor import Tensor, Track


class Mixed(NamedTuple):
    """Each number depends on all of `axes`, as in a softmax or a normalization over them."""

    axes: tuple[int, ...]

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        """Make the output, see `Applied`."""
        (x,) = inputs
        tracks = x.tracks
        for axis in dict.fromkeys(axis % max(len(x.shape), 1) for axis in self.axes):
            tracks = tuple([_mixed(track, axis, x.shape[axis] or 1) for track in tracks])
        return Applied((x._replace(tracks=tracks),))


def _mixed(track: Track, axis: int, count: int) -> Track:
    if axis in track.hidden:
        return track.on(track.axis, [other for other in track.hidden if other != axis])
    if axis != track.axis:
        return track
    whole: IndexMap = Blocks(count, step=0, width=count)
    return track.through(whole)

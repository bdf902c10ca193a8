"""Pooling without a window of its own: over whole axes, or over shares of them."""

from collections.abc import Sequence
from typing import NamedTuple

from convcli.errors import UsageError
from convcli.geometry.network.channels import check_groups, check_input
from convcli.geometry.network.index_map import Blocks, IndexMap, Shares
from convcli.geometry.network.layer import Costs
from convcli.geometry.network.operation import Applied
from convcli.geometry.network.tensor import Tensor, as_image, follow_axes, image_axes
from convcli.geometry.window.axis import Sizes, spread


class Reduced(NamedTuple):
    """A mean, maximum or sum over whole axes; None: all spatial ones, as global pooling.

    With `keep` they stay, with size 1.
    """

    axes: tuple[int, ...] | None = None
    keep: bool = True

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        (x,) = inputs
        rank = len(x.shape)
        axes = image_axes(x) if self.axes is None else [axis % rank for axis in self.axes]
        tracks = x.tracks
        for axis in axes:
            count = x.shape[axis] or 1
            tracks = tuple([track.read_whole(axis, count) for track in tracks])
        if self.keep:
            shape = tuple([1 if axis in axes else n for axis, n in enumerate(x.shape)])
            return Applied((x._replace(shape=shape, tracks=tracks),))
        left = [axis for axis in range(rank) if axis not in axes]
        places = {axis: place for place, axis in enumerate(left)}
        moved = [track.moved(places) for track in tracks]
        return Applied((Tensor(tuple([x.shape[axis] for axis in left]), tuple(moved), x.itemsize),))


class AdaptivePooled(NamedTuple):
    """Pooling to a given size: each output reads its share of the input, as in PyTorch."""

    out: Sizes

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        x = as_image(*inputs)
        axes = image_axes(x)
        outs = spread("out", self.out, len(axes))
        if min(outs) < 1:
            raise UsageError(f"out {min(outs)} must be 1 or more; use out=1 or more")
        maps: dict[int, IndexMap] = {
            axis: Shares(out, x.size(axis)) if out > 1 else Blocks(1, step=0, width=x.size(axis))
            for axis, out in zip(axes, outs, strict=True)
        }
        tracks = follow_axes(x.tracks, maps)
        return Applied((Tensor((*x.shape[:2], *outs), tracks, x.itemsize),))


class Normalized(NamedTuple):
    """Normalization by statistics of the whole image: each number depends on all of it.

    It has `per_channel` parameters for each channel, of which there are `c_in` if that is given, a
    multiple of `groups`.
    """

    per_channel: int = 2
    groups: int = 1
    c_in: int | None = None

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        x = as_image(*inputs)
        maps: dict[int, IndexMap] = {
            axis: Blocks(x.size(axis), step=0, width=x.size(axis))
            for axis in range(2, len(x.shape))
        }
        channels = check_input(self.c_in, x.shape[1])
        check_groups(self.groups, channels, channels)
        costs = None if channels is None else Costs(self.per_channel * channels, 0, 0)
        return Applied((x._replace(tracks=follow_axes(x.tracks, maps)),), costs=costs)

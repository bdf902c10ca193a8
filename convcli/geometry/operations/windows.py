"""Convolutions and pooling: operations with a window."""

from collections.abc import Sequence
from typing import NamedTuple

from convcli.errors import UsageError
from convcli.geometry.axis import POOLS
from convcli.geometry.index_map import IndexMap, Windows
from convcli.geometry.network import Layer, Step, check_channels, check_dims, count_costs
from convcli.geometry.operation import Applied
from convcli.geometry.tensor import Tensor, Track, follow_axes


class Windowed(NamedTuple):
    """A layer's window over the spatial axes of one tensor.

    `channel_axis` is the axis of the channels (-1: last); axis 0 is the batch, and all others are
    spatial. Where it is `depthwise`, there are as many groups as channels come in.
    """

    layer: Layer
    channel_axis: int = 1
    depthwise: bool = False

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        (x,) = inputs
        rank = len(x.shape)
        channels_on = self.channel_axis % rank
        spatial = [axis for axis in range(1, rank) if axis != channels_on]
        if not 1 <= len(spatial) <= 3:
            raise UsageError(
                f"a window needs 1 to 3 spatial axes, and its input has {len(spatial)}"
            )
        layer = self.layer
        check_dims(layer, len(spatial))
        axes = layer.window.on([x.size(axis) for axis in spatial])
        c_in = layer.c_in if x.shape[channels_on] is None else x.shape[channels_on]
        if self.depthwise:
            layer = layer._replace(g=c_in or 1)
        c_out = check_channels(layer, c_in)
        maps: dict[int, IndexMap] = {
            axis: Windows(on) for axis, on in zip(spatial, axes, strict=True)
        }
        shape = list(x.shape)
        shape[channels_on] = c_out
        for axis, on in zip(spatial, axes, strict=True):
            shape[axis] = on.out
        count = c_in or 1
        tracks = [track.read_whole(channels_on, count) for track in x.tracks]
        if layer.g > 1 or layer.window.kind in POOLS:  # it reads some of the channels
            tracks = [_reading_some(track, channels_on) for track in x.tracks]
        output = Tensor(tuple(shape), follow_axes(tracks, maps), x.itemsize)
        costs = count_costs(layer, axes, c_in, c_out, x.size(0))
        before = tuple([track.reach for track in tracks if track.axis in maps])
        step = Step(layer, axes, c_in, c_out, costs, before)
        return Applied((output,), step, costs)


def _reading_some(track: Track, channel_axis: int) -> Track:
    return track.loosened() if channel_axis in (track.axis, *track.hidden) else track

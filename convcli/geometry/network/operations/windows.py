"""Convolutions and pooling: operations with a window."""

from collections.abc import Sequence
from typing import NamedTuple

from convcli.geometry.network.index_map import IndexMap, Windows
from convcli.geometry.network.layer import Layer, Step, check_channels, check_dims, count_costs
from convcli.geometry.network.operation import Applied
from convcli.geometry.network.tensor import Tensor, Track, as_image, follow_axes, image_axes
from convcli.geometry.window.axis import POOL_KINDS


class Windowed(NamedTuple):
    """A layer's window over the spatial axes of an image ``(batch, channels, *sizes)``.

    Where it is `depthwise`, there are as many groups as channels come in.
    """

    layer: Layer
    depthwise: bool = False

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        x = as_image(*inputs)
        spatial = image_axes(x)
        layer = self.layer
        check_dims(layer.window.kind, layer.dims, len(spatial))
        axes = layer.window.on([x.size(axis) for axis in spatial])
        c_in = layer.c_in if x.shape[1] is None else x.shape[1]
        if self.depthwise:
            layer = layer._replace(g=c_in or 1)
        c_out = check_channels(layer, c_in)
        maps: dict[int, IndexMap] = {
            axis: Windows(on) for axis, on in zip(spatial, axes, strict=True)
        }
        tracks = [track.read_whole(1, c_in or 1) for track in x.tracks]
        if layer.g > 1 or layer.window.kind in POOL_KINDS:  # it reads some of the channels
            tracks = [_reading_some(track) for track in x.tracks]
        shape = (x.shape[0], c_out, *[axis.out for axis in axes])
        output = Tensor(shape, follow_axes(tracks, maps), x.itemsize)
        costs = count_costs(layer, axes, c_in, c_out, x.size(0))
        before = tuple([track.reach for track in tracks if track.axis in maps])
        step = Step(layer, axes, c_in, c_out, costs, before)
        return Applied((output,), step, costs)


def _reading_some(track: Track) -> Track:
    return track.loosened() if 1 in (track.axis, *track.hidden) else track

"""Operations that put the same numbers in another order: reshaping, transposing, shuffling."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import NamedTuple

from convcli.errors import DoesNotFit
from convcli.geometry.network.index_map import Blocks, IndexMap, Samples
from convcli.geometry.network.operation import Applied
from convcli.geometry.network.tensor import (
    Tensor,
    Track,
    as_image,
    follow_axes,
    image_axes,
    product,
)


class Transposed(NamedTuple):
    """The axes in another order."""

    order: tuple[int, ...]

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        (x,) = inputs
        if sorted(self.order) != list(range(len(x.shape))):
            raise DoesNotFit(f"the order {self.order} is not one of {len(x.shape)} axes")
        places = {axis: place for place, axis in enumerate(self.order)}
        tracks = [track.moved(places) for track in x.tracks]
        shape = tuple([x.shape[axis] for axis in self.order])
        return Applied((Tensor(shape, tuple(tracks), x.itemsize),))


class Unsqueezed(NamedTuple):
    """New axes of size 1, at these places of the result."""

    axes: tuple[int, ...]

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        (x,) = inputs
        count = len(x.shape) + len(self.axes)
        new = {axis % count for axis in self.axes}
        places = dict(enumerate(axis for axis in range(count) if axis not in new))
        sizes = iter(x.shape)
        shape = tuple([1 if axis in new else next(sizes) for axis in range(count)])
        return Applied((Tensor(shape, tuple([t.moved(places) for t in x.tracks]), x.itemsize),))


class Squeezed(NamedTuple):
    """Without some axes, which have size 1."""

    axes: tuple[int, ...]

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        (x,) = inputs
        dropped = {axis % len(x.shape) for axis in self.axes}
        if any(x.shape[axis] != 1 for axis in dropped):
            raise DoesNotFit(f"an axis that is removed has not size 1 but is one of {x.shape}")
        left = [axis for axis in range(len(x.shape)) if axis not in dropped]
        places = {axis: place for place, axis in enumerate(left)}
        tracks = x.tracks
        for axis in dropped:
            tracks = tuple([track.read_whole(axis, 1) for track in tracks])
        shape = tuple([x.shape[axis] for axis in left])
        return Applied((Tensor(shape, tuple([t.moved(places) for t in tracks]), x.itemsize),))


class Flattened(NamedTuple):
    """All axes but the batch as one."""

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        (x,) = inputs
        return Applied((reshape(x, (*x.shape[:1], product(x.shape[1:]))),))


class Reshaped(NamedTuple):
    """Another shape for the same numbers; one of the sizes may be -1."""

    shape: tuple[int, ...]

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        (x,) = inputs
        total = prod(x.size(axis) for axis in range(len(x.shape)))
        known = prod(n for n in self.shape if n != -1)
        wild = self.shape.count(-1)
        if wild > 1 or min(self.shape, default=1) < -1 or not known or total % known:
            raise DoesNotFit(f"{total} numbers cannot be reshaped to {_text(self.shape)}")
        shape = tuple([total // known if n == -1 else n for n in self.shape])
        if prod(shape) != total:
            raise DoesNotFit(f"{total} numbers cannot be reshaped to {_text(self.shape)}")
        return Applied((reshape(x, shape),))


class DepthToSpace(NamedTuple):
    """Blocks of channels become blocks of pixels: the pixel shuffle."""

    block: int

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        x = as_image(*inputs)
        spatial = image_axes(x)
        whole = self.block ** len(spatial)
        channels = x.shape[1]
        if channels is not None and channels % whole:
            raise DoesNotFit(
                f"{channels} channels cannot be spread over blocks of {whole} pixels; "
                f"give it a multiple of {whole} channels"
            )
        maps: dict[int, IndexMap] = {
            axis: Samples(x.size(axis) * self.block, 1, 0, 0, self.block) for axis in spatial
        }
        output = _rescaled(x, maps, channels and channels // whole)
        # A pixel now reads some of the channels: which pixels those stand for is not followed.
        tracks = [track.loosened() if 1 in track.hidden else track for track in output.tracks]
        return Applied((output._replace(tracks=tuple(tracks)),))


class SpaceToDepth(NamedTuple):
    """Blocks of pixels become blocks of channels."""

    block: int

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        x = as_image(*inputs)
        spatial = image_axes(x)
        b = self.block
        for axis in spatial:
            if x.size(axis) % b:
                raise DoesNotFit(
                    f"{x.size(axis)} pixels cannot be cut into blocks of {b}; use a size that is "
                    f"a multiple of {b}"
                )
        maps: dict[int, IndexMap] = {
            axis: Blocks(x.size(axis) // b, step=b, width=b) for axis in spatial
        }
        channels = x.shape[1]
        output = _rescaled(x, maps, channels and channels * b ** len(spatial))
        tracks = [
            track.on(track.axis, {*track.hidden, 1}) if track.axis in maps else track
            for track in output.tracks
        ]
        return Applied((output._replace(tracks=tuple(tracks)),))


def _rescaled(x: Tensor, maps: dict[int, IndexMap], channels: int | None) -> Tensor:
    shape = (x.shape[0], channels, *[map_.out for map_ in maps.values()])
    return Tensor(shape, follow_axes(x.tracks, maps), x.itemsize)


def reshape(x: Tensor, shape: tuple[int | None, ...]) -> Tensor:
    """Give a tensor another shape of as many numbers, and find its tracks in it."""
    groups = list(_groups(x.shape, shape))
    tracks = [_reshape_track(track, x, shape, groups) for track in x.tracks]
    return Tensor(shape, tuple(tracks), x.itemsize)


Group = tuple[tuple[int, ...], tuple[int, ...]]


def _groups(old: Sequence[int | None], new: Sequence[int | None]) -> Iterator[Group]:
    """Yield the smallest groups of axes, those before and those after, of as many numbers each."""
    i = j = 0
    while i < len(old) or j < len(new):
        ins, outs = [], []
        size_in = size_out = 1
        # Axes of size 1 go together as long as they can.
        if i < len(old) and j < len(new) and old[i] == new[j]:
            yield (i,), (j,)
            i, j = i + 1, j + 1
            continue
        if None in (*old[i:], *new[j:]):  # flattening of unknown channels
            yield tuple(range(i, len(old))), tuple(range(j, len(new)))
            return
        while True:
            if size_in <= size_out and i < len(old):
                size_in *= old[i] or 1
                ins.append(i)
                i += 1
            elif j < len(new):
                size_out *= new[j] or 1
                outs.append(j)
                j += 1
            else:
                break
            if size_in == size_out and ins and outs:
                break
        yield tuple(ins), tuple(outs)


def _reshape_track(
    track: Track, x: Tensor, shape: Sequence[int | None], groups: Sequence[Group]
) -> Track:
    hidden: list[int] = []
    for ins, outs in groups:
        if any(axis in ins for axis in track.hidden):
            hidden += [axis for axis in outs if shape[axis] != 1]
    axis = track.axis
    if axis is None:
        return track.on(None, hidden)
    ins, outs = next((ins, outs) for ins, outs in groups if axis in ins)
    before = [a for a in ins if x.shape[a] != 1]
    after = [a for a in outs if shape[a] != 1]
    if before == [axis] and len(after) == 1:
        return track.on(after[0], hidden)
    if x.shape[axis] == 1:
        kept = len(ins) == len(outs) == 1
        return track.on(outs[0], hidden) if kept else track.read_whole(axis, 1).on(None, hidden)
    if before == [axis]:  # cut into pieces: the first axis says which
        pieces = shape[after[0]] or 1
        width = (x.shape[axis] or 1) // pieces
        blocks = track.through(Blocks(pieces, step=width, width=width))
        return blocks.on(after[0], [*hidden, *after[1:]])
    others = {other.axis for other in x.tracks} & set(before)
    if before[0] == axis and len(after) == 1 and others == {axis}:
        out = shape[after[0]] or 1
        repeated = out // (x.shape[axis] or 1)
        return track.through(Samples(out, 1, 0, 0, repeated)).on(after[0], hidden)
    flat = track.read_whole(axis, x.shape[axis] or 1)
    return flat.on(None, dict.fromkeys([*hidden, *after]))


def _text(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))

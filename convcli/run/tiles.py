"""Cuts an output into tiles, says which part of the input each needs, and pads it.

A tile is a box of the output; it needs one slab of the input, with its halo. Where the slab
reaches past the input it is filled by the pad mode, here alone, but for the zeros that a library's
layer adds to what it takes whole.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from convcli.arrays.dtypes import Array, DType, at
from convcli.engines.scratch import buffer
from convcli.geometry.axis import Axis
from convcli.run.padding import border_index


class Tile(NamedTuple):
    """A box of the output: images of the batch, groups of channels, a range for each axis."""

    batch: slice
    groups: slice
    out: tuple[slice, ...]


def cut(batch: int, groups: int, outs: Sequence[range], sizes: Sequence[int]) -> Iterator[Tile]:
    """Cut a part of an output into tiles.

    Parameters
    ----------
    batch, groups : int
        Number of images, and of groups of channels.
    outs : sequence of range
        Which outputs of each spatial axis to cut.
    sizes : sequence of int
        Of a tile: images, groups, outputs of each spatial axis.
    """
    ranges = [
        _slices(r, n) for r, n in zip((range(batch), range(groups), *outs), sizes, strict=True)
    ]
    for images, channels, *out in itertools.product(*ranges):
        yield Tile(images, channels, tuple(out))


def _slices(whole: range, step: int) -> list[slice]:
    starts = range(whole.start, whole.stop, step)
    return [slice(start, min(start + step, whole.stop)) for start in starts]


def span(axis: Axis, first: int, last: int) -> range:
    """Say which places of the padded input outputs `first` to `last` read; 0 is pixel 0."""
    return range(first * axis.s - axis.pb, last * axis.s - axis.pb + axis.e)


def needed(axis: Axis, first: int, last: int, mode: str) -> range:
    """Say which input pixels outputs `first` to `last` need, by way of the border too."""
    places = span(axis, first, last)
    inside = _inside(places, axis.n)
    if mode == "zeros" or len(inside) == len(places):
        return inside
    index = border_index(places, axis.n, mode)
    return range(int(index.min()), int(index.max()) + 1)


def _inside(places: range, n: int) -> range:
    start = min(max(places.start, 0), n)
    return range(start, max(min(places.stop, n), start))


def padded_slab(
    x: Array,
    axes: Sequence[Axis],
    out: Sequence[slice],
    mode: str,
    dtype: DType,
    origin: Sequence[int] | None = None,
) -> Array:
    """Copy the slab that a tile needs, padded and of the type to compute in.

    Parameters
    ----------
    x : ndarray, shape (images, channels, spatial...)
        The images and channels of the tile, of their pixels all, or what `needed` says.
    axes : sequence of Axis
    out : sequence of slice
        Which outputs of each axis the tile makes.
    mode : str
        One of `borders.PAD_MODES`.
    dtype : dtype
    origin : sequence of int, optional
        Which input pixel of each spatial axis stands first in `x`.

    Returns
    -------
    ndarray, shape (images, channels, slab...)
        C-contiguous, in memory that the thread's next slab will take.
    """
    origin = origin or (0,) * len(axes)
    spans = [span(a, o.start, o.stop - 1) for o, a in zip(out, axes, strict=True)]
    insides = [_inside(s, a.n) for s, a in zip(spans, axes, strict=True)]
    slab = buffer("slab", (*x.shape[:2], *map(len, spans)), dtype)
    source = [slice(i.start - o, i.stop - o) for i, o in zip(insides, origin, strict=True)]
    target = [
        slice(i.start - s.start, i.stop - s.start) for i, s in zip(insides, spans, strict=True)
    ]
    slab[at(..., *target)] = x[at(..., *source)]
    for k, (places, inside, axis) in enumerate(zip(spans, insides, axes, strict=True)):
        for part in (
            range(places.start, min(inside.start, places.stop)),
            range(max(inside.stop, places.start), places.stop),
        ):
            if not part:
                continue
            strip = slice(part.start - places.start, part.stop - places.start)
            # Axes before this one are whole by now, those after it still lack their padding.
            where = at(..., *(slice(None),) * k, strip, *target[k + 1 :])
            if mode == "zeros":
                slab[where] = 0
                continue
            index = [border_index(s, a.n, mode) for s, a in zip(spans[:k], axes, strict=False)]
            index.append(border_index(part, axis.n, mode))
            index += [np.arange(i.start, i.stop) for i in insides[k + 1 :]]
            index = [i - o for i, o in zip(index, origin, strict=True)]
            slab[where] = x[at(slice(None), slice(None), *np.ix_(*index))]
    return slab

"""Cuts an output into tiles, says which part of the input each needs, and pads it.

A tile is a box of the output; it needs one slab of the input, with its halo. Where the slab
reaches past the input it is filled by the pad mode, and here alone.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.arrays import Array, at
from convcli.geometry import Axis

# How an index outside [0, n) is brought back inside; drawn for a 4-pixel input a b c d.
#   zeros      0 0 0 | a b c d | 0 0 0
#   reflect    d c b | a b c d | c b a     PyTorch, NumPy; SciPy's mirror
#   replicate  a a a | a b c d | d d d     PyTorch; NumPy's edge, SciPy's nearest
#   circular   b c d | a b c d | a b c     PyTorch; NumPy's and SciPy's wrap
PAD_MODES = ("zeros", "reflect", "replicate", "circular")


class Tile(NamedTuple):
    """A box of the output: images of the batch, and a range for each spatial axis."""

    batch: slice
    out: tuple[slice, ...]


def cut(batch: int, axes: Sequence[Axis], per_pixel: int, budget: int) -> Iterator[Tile]:
    """Cut an output so that no tile takes more than a budget.

    Parameters
    ----------
    batch : int
        Number of images.
    axes : sequence of Axis
        One for each spatial axis.
    per_pixel : int
        Bytes that one output pixel takes, with its share of the slab and of the work space.
    budget : int
        Bytes for a tile. The last axis is never cut: a tile has whole rows.
    """
    pixels = max(budget // per_pixel, 1)
    steps: list[int] = []
    inner = 1
    for axis in reversed(axes):
        steps.append(axis.out if not steps else min(max(pixels // inner, 1), axis.out))
        inner *= axis.out
    images = min(max(pixels // inner, 1), batch)
    ranges = [_ranges(batch, images)]
    ranges += [_ranges(axis.out, step) for axis, step in zip(axes, reversed(steps), strict=True)]
    for first, *rest in itertools.product(*ranges):
        yield Tile(first, tuple(rest))


def _ranges(size: int, step: int) -> list[slice]:
    return [slice(start, min(start + step, size)) for start in range(0, size, step)]


def padded_slab(
    x: Array,
    axes: Sequence[Axis],
    tile: Tile,
    mode: str,
    dtype: np.dtype[np.generic],
) -> Array:
    """Copy the slab that a tile needs, padded and of the type to compute in.

    Parameters
    ----------
    x : ndarray, shape (batch, channels, spatial...)
    axes : sequence of Axis
    tile : Tile
    mode : str
        One of `PAD_MODES`.
    dtype : dtype

    Returns
    -------
    ndarray, shape (images, channels, slab...)
        C-contiguous.
    """
    spans = [
        range(out.start * a.s - a.pb, (out.stop - 1) * a.s - a.pb + a.e)
        for out, a in zip(tile.out, axes, strict=True)
    ]
    insides = [
        range(max(span.start, 0), max(min(span.stop, a.n), span.start, 0))
        for span, a in zip(spans, axes, strict=True)
    ]
    x = x[tile.batch]
    slab = np.empty((*x.shape[:2], *map(len, spans)), dtype)
    source = tuple(slice(i.start, i.stop) for i in insides)
    target = tuple(
        slice(i.start - s.start, i.stop - s.start) for i, s in zip(insides, spans, strict=True)
    )
    slab[at(..., *target)] = x[at(..., *source)]
    for k, (span, inside, axis) in enumerate(zip(spans, insides, axes, strict=True)):
        for part in (range(span.start, inside.start), range(inside.stop, span.stop)):
            if not part:
                continue
            strip = slice(part.start - span.start, part.stop - span.start)
            # Axes before this one are whole by now, those after it still lack their padding.
            where = at(..., *(slice(None),) * k, strip, *target[k + 1 :])
            if mode == "zeros":
                slab[where] = 0
                continue
            index = [border_index(s, a.n, mode) for s, a in zip(spans[:k], axes, strict=False)]
            index.append(border_index(part, axis.n, mode))
            index += [np.arange(i.start, i.stop) for i in insides[k + 1 :]]
            slab[where] = x[at(slice(None), slice(None), *np.ix_(*index))]
    return slab


def border_index(span: range, n: int, mode: str) -> NDArray[np.intp]:
    """Say which input pixel stands at each place of a span that may reach past the input."""
    index = np.arange(span.start, span.stop)
    if mode == "replicate":
        return index.clip(0, n - 1)
    if mode == "circular":
        return index % n
    period = max(2 * (n - 1), 1)  # reflect
    index = index % period
    return np.minimum(index, period - index) if n > 1 else index * 0

"""Cuts an output into tiles, and copies the slab of the input that each of them reads.

A tile is a box of the output. It needs one slab of the input, its halo included; where the slab
reaches past the input it is padding.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from convcli.arrays.box import slices, starts
from convcli.arrays.dtypes import Array, DType, at
from convcli.engines.scratch import buffer
from convcli.geometry.window.axis import Axis
from convcli.run.compute.padding import border_index, fill_border, inside


class Tile(NamedTuple):
    """A box of the output: images of the batch, groups of channels, a range for each axis."""

    batch: slice
    groups: slice
    outputs: tuple[range, ...]


def cut(batch: int, groups: int, outputs: Sequence[range], sizes: Sequence[int]) -> Iterator[Tile]:
    """Cut a box of an output into tiles.

    Parameters
    ----------
    batch, groups : int
        Number of images, and of groups of channels.
    outputs : sequence of range
        The outputs of each spatial axis to cut.
    sizes : sequence of int
        Of a tile: images, groups, outputs of each spatial axis.
    """
    whole = (range(batch), range(groups), *outputs)
    pieces = [
        [each[start : start + size] for start in range(0, len(each), size)]
        for each, size in zip(whole, sizes, strict=True)
    ]
    for images, channels, *box in itertools.product(*pieces):
        yield Tile(
            slice(images.start, images.stop), slice(channels.start, channels.stop), tuple(box)
        )


def span(axis: Axis, outputs: range) -> range:
    """Return the places of the padded input that some outputs read; place 0 is pixel 0."""
    first, last = outputs.start, outputs.stop - 1
    return range(first * axis.s - axis.pb, last * axis.s - axis.pb + axis.e)


def without_padding(axes: Sequence[Axis], outputs: Sequence[range]) -> Iterator[tuple[range, ...]]:
    """Cut a box of outputs: first those that read no padding, then strips of the others.

    ::

        1 1 1 1 1
        2 # # # 2      # read pixels only
        2 # # # 2
        1 1 1 1 1

    Parameters
    ----------
    axes : sequence of Axis
    outputs : sequence of range
        For each axis.
    """
    inner = []
    for axis, some in zip(axes, outputs, strict=True):
        start = min(max(-(-axis.pb // axis.s), some.start), some.stop)
        stop = max(min((axis.n + axis.pb - axis.e) // axis.s + 1, some.stop), start)
        inner.append(range(start, stop))
    yield tuple(inner)
    for k, (some, middle) in enumerate(zip(outputs, inner, strict=True)):
        for strip in (range(some.start, middle.start), range(middle.stop, some.stop)):
            yield (*inner[:k], strip, *outputs[k + 1 :])


def needed(axis: Axis, outputs: range, mode: str) -> range:
    """Return the input pixels that some outputs need, directly or as padding.

    Parameters
    ----------
    axis : Axis
    outputs : range
        Neighbouring outputs.
    mode : str
        One of `pad_modes.PAD_MODES`.
    """
    n = axis.n
    if axis.kind == "convt":
        # Input i writes the outputs from i·s - pb to i·s - pb + e - 1.
        first = -(-(outputs.start + axis.pb - axis.e + 1) // axis.s)
        last = (outputs.stop - 1 + axis.pb) // axis.s
        return inside(range(first, max(last + 1, first)), n)
    places = span(axis, outputs)
    pixels = inside(places, n)
    if mode == "zeros" or len(pixels) == len(places):
        return pixels
    before = range(places.start, min(places.stop, 0))
    after = range(max(places.start, n), places.stop)
    ends = [pixels.start, pixels.stop - 1] if pixels else []
    for padding in filter(None, (before, after)):
        index = border_index(padding, n, mode)
        ends += [int(index.min()), int(index.max())]
    return range(min(ends), max(ends) + 1)


def padded_slab(
    x: Array,
    axes: Sequence[Axis],
    outputs: Sequence[range],
    mode: str,
    dtype: DType,
    origin: Sequence[int],
    fill: Any = 0,
) -> Array:
    """Copy the slab that a tile reads, padded and in the type to compute in.

    Parameters
    ----------
    x : ndarray, shape (images, channels, spatial...)
        Images and channels of the tile; all their pixels, or those that `needed` returns.
    axes : sequence of Axis
    outputs : sequence of range
        Of the tile, for each axis.
    mode : str
        One of `pad_modes.PAD_MODES`.
    dtype : dtype
    origin : sequence of int
        The input pixel of each axis that is first in `x`.
    fill : number
        What stands beyond the border where `mode` is ``zeros``.

    Returns
    -------
    ndarray, shape (images, channels, slab...)
        C-contiguous, in memory that the next slab of this thread uses again.
    """
    n = [axis.n for axis in axes]
    spans = [span(axis, out) for axis, out in zip(axes, outputs, strict=True)]
    pixels = [inside(places, size) for places, size in zip(spans, n, strict=True)]
    slab = buffer("slab", (*x.shape[:2], *map(len, spans)), dtype)
    slab[at(..., *slices(pixels, starts(spans)))] = x[at(..., *slices(pixels, origin))]
    fill_border(slab, x, spans, n, mode, origin, fill)
    return slab


def slab_view(
    x: Array, axes: Sequence[Axis], outputs: Sequence[range], origin: Sequence[int]
) -> tuple[Array, list[tuple[int, int]]]:
    """View the pixels that some outputs read, see `padded_slab`.

    Returns
    -------
    slab : ndarray
    zeros : list of (int, int)
        The places of padding before and after the pixels of each spatial axis.
    """
    spans = list(map(span, axes, outputs))
    pixels = [inside(places, axis.n) for places, axis in zip(spans, axes, strict=True)]
    zeros = []
    for some, whole in zip(pixels, spans, strict=True):
        before = min(max(some.start - whole.start, 0), len(whole))
        zeros.append((before, len(whole) - len(some) - before))
    return x[at(..., *slices(pixels, origin))], zeros

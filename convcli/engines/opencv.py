"""OpenCV's filter2D on planes: one pass over memory, for filters of up to about 11 by 11."""

import sys
from functools import cache
from importlib.util import find_spec
from math import prod
from typing import Any

import numpy as np

from convcli.arrays.dtypes import Array
from convcli.engines.base import Pads
from convcli.engines.correlation import Correlation
from convcli.engines.scratch import buffer
from convcli.geometry.window.size import effective_filter

Pair = tuple[int, int]
Kernel = tuple[Array, ...]  # a filter of two axes; or a column and a row whose product it is

# Nanoseconds that its import adds to a command: most of 25 ms pass while the first blocks are read.
START = 7e6
TILE = 4 << 20  # bytes of the outputs of a tile
# Nanoseconds on one core: for an output, for a tap of it that is not zero, by the type of the
# numbers (those of float64 count as two, see `Method.cost`), for a plane, and for an output of a
# plane of one row, which OpenCV copies.
PASS, TAP, PLANE, IN_A_ROW = 0.3, {"f4": 0.045, "f8": 0.075}, 4e3, 1.4
# Area of a filter from which on OpenCV takes a Fourier transform, which spreads a NaN.
_TRANSFORM = {"f4": 130, "f8": 50}
_NARROW = 4  # rows for each column, from which on a plane is turned
# Columns and rows of a plane for each of the filter, less one, up to which it is made by a buffer:
# its edges would be made twice.
_FEW_COLUMNS, _FEW_ROWS = 8, 2
_MANY = 48  # rows of a tile for each row of the filter, from which on those made twice cost little


def installed() -> bool:
    """Whether OpenCV is here; an import that has been made is not made again."""
    return "cv2" in sys.modules or find_spec("cv2") is not None


def applies(corr: Correlation) -> bool:
    """Whether one filter serves all channels, stride is 1, and OpenCV convolves it directly."""
    area = prod(map(effective_filter, corr.f, corr.dilation))
    return (
        corr.reduction == "sum"
        and len(corr.f) < 3
        and max(corr.stride) == 1
        and area < _TRANSFORM.get(corr.filter.dtype.str[1:], 0)
        and bool(np.isfinite(corr.filter[0]).all())
        and corr.has_one_filter
    )


def least_rows(corr: Correlation) -> int:
    """Count the rows of a tile from which on those that are made twice cost little."""
    return _MANY * effective_filter(corr.f[0], corr.dilation[0])


def cost(corr: Correlation, sizes: tuple[int, ...]) -> float:
    """Estimate nanoseconds for an output pixel of a group."""
    taps = TAP[corr.filter.dtype.str[1:]] * np.count_nonzero(corr.filter[0])
    row = IN_A_ROW if len(sizes) == 1 else 0
    return float(PASS + row + taps + PLANE / prod(sizes))


def correlate(slab: Array, corr: Correlation, out: Array, zeros: Pads = ()) -> bool:
    """Correlate a slab, see `numpy_engine.Method`.

    Parameters
    ----------
    slab : ndarray
        May be a view whose last axis is contiguous.
    corr : Correlation
    out : ndarray
    zeros : sequence of (int, int)
        To add before and after each spatial axis of the slab.
    """
    # OpenCV leaves out taps of zero, and zero times NaN is NaN.
    if corr.cached(_has_zeros) and not np.isfinite(slab.sum()):
        return False
    if len(corr.f) == 1:
        slab, out = slab[:, :, None], out[:, :, None]
    filter_planes(slab, (corr.cached(_kernel),), out, zeros)
    return True


def filter_planes(slab: Array, kernel: Kernel, out: Array, zeros: Pads = ()) -> None:
    """Filter each plane of a slab of two axes.

    A filter is put on pixels by its *anchor*: the first of its taps that is not on the zeros before
    a plane, so that fewest outputs are made again, see `_filter`. A column is put by its middle.

    Parameters
    ----------
    slab, out : ndarray, shape (batch, channels, rows, columns)
    kernel : tuple of ndarray
    zeros : sequence of (int, int)
        To add before and after each spatial axis of the slab, see `correlate`.
    """
    down, across = (size - 1 for size in _size(kernel))
    (above, below), (before, after) = ((0, 0), (0, 0), *zeros)[-2:]
    row = down // 2 if len(kernel) == 2 else above
    # The filter cannot hang over by more than the anchor lets it.
    if above > row or below > down - row or after > across - before:
        slab = np.pad(slab, ((0, 0), (0, 0), (above, below), (before, after)))
        above = before = 0
        row = row if len(kernel) == 2 else 0
    for planes, made in zip(slab, out, strict=True):
        for plane, y in zip(planes, made, strict=True):
            _filter(plane, kernel, y, (above, before), (row, before))


def _filter(plane: Array, kernel: Kernel, out: Array, zeros: Pair, anchor: Pair) -> None:
    """Make all outputs of a plane to which zeros are added.

    OpenCV makes an output for every pixel. Where a plane has more pixels than outputs, some of the
    first call read beyond what it was given; they are made again, by a buffer::

        a a a a
        # # # r      # right at once
        # # # r      a, b, r read above, below or right of what OpenCV was given
        b b b b

    Parameters
    ----------
    plane : ndarray
    kernel : tuple of ndarray
    out : ndarray
    zeros : (int, int)
        Zeros before the rows and the columns.
    anchor : (int, int)
        Row and column of the filter. Where the row is not that of the first pixel, there is an a.
    """
    h, w = out.shape
    down, across = (size - 1 for size in _size(kernel))
    first = anchor[0] - zeros[0]  # the pixels in whose place the first outputs are
    above = anchor[0] if first else 0
    below = down - anchor[0] if len(plane) > first + h else 0
    right = across - anchor[1] if plane.shape[1] > w else 0
    narrow = right and w <= _FEW_COLUMNS * across
    low = (above or below) and h <= _FEW_ROWS * down
    if narrow or low or out.strides[1] != out.itemsize:
        _by_buffer(plane, kernel, out, zeros, anchor)
        return
    _call(plane[first : first + h, :w], kernel, out, anchor)
    if right:
        some = plane[:, w - across :]
        _by_buffer(some, kernel, out[:, w - right :], (zeros[0], 0), (anchor[0], 0))
    if above:
        _by_buffer(plane[: above + down - zeros[0]], kernel, out[:above], zeros, anchor)
    if below:
        some = plane[h - below - zeros[0] :]
        _by_buffer(some, kernel, out[h - below :], (0, zeros[1]), anchor)


def _by_buffer(plane: Array, kernel: Kernel, out: Array, zeros: Pair, anchor: Pair) -> None:
    """Make the outputs of a plane, see `_filter`, in a buffer that has one for every pixel."""
    if len(plane) > _NARROW * plane.shape[1]:  # OpenCV has a start for every row
        plane, out, zeros, anchor = plane.T, out.T, zeros[::-1], anchor[::-1]
        kernel = tuple(np.ascontiguousarray(each.T) for each in reversed(kernel))
    if plane.strides[1] != plane.itemsize:
        copied = buffer("copied", plane.shape, plane.dtype)
        np.copyto(copied, plane)
        plane = copied
    made = buffer("made", plane.shape, out.dtype)
    _call(plane, kernel, made, anchor)
    first, left = (a - z for a, z in zip(anchor, zeros, strict=True))
    np.copyto(out, made[first : first + len(out), left : left + out.shape[1]])


def _call(plane: Array, kernel: Kernel, out: Array, anchor: Pair) -> None:
    cv2 = library()
    how = (out, anchor[::-1], 0, cv2.BORDER_CONSTANT)
    if len(kernel) == 1:
        cv2.filter2D(plane, -1, *kernel, *how)
    else:
        column, row = kernel
        cv2.sepFilter2D(plane, -1, row, column, *how)


def _size(kernel: Kernel) -> Pair:
    return len(kernel[0]), kernel[-1].shape[1]


def _has_zeros(corr: Correlation) -> bool:
    return not corr.filter[0].all()


def _kernel(corr: Correlation) -> Array:
    """Spread the filter: zeros between the taps, which OpenCV leaves out."""
    *_, rows, columns = (1, *corr.f)
    *_, down, right = (1, *corr.dilation)
    kernel = np.zeros(
        (effective_filter(rows, down), effective_filter(columns, right)), corr.filter.dtype
    )
    kernel[::down, ::right] = corr.filter[0, 0].reshape(rows, columns)
    return kernel


@cache
def library() -> Any:
    """Import OpenCV; tiles go to threads of our own."""
    import cv2  # noqa: PLC0415  seldom worth its import

    cv2.setNumThreads(1)
    return cv2

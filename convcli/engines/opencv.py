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
from convcli.geometry.size import effective_filter

Pair = tuple[int, int]

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
_MANY = 48  # rows of a tile for each row of the filter, from which on those made twice cost little


def installed() -> bool:
    """Whether OpenCV is here; an import that has been made is not made again."""
    return "cv2" in sys.modules or find_spec("cv2") is not None


def applies(corr: Correlation) -> bool:
    """Whether one filter serves all channels, stride is 1, and OpenCV convolves it directly."""
    w = corr.filter
    area = prod(map(effective_filter, corr.f, corr.dilation))
    return (
        corr.reduction == "sum"
        and len(corr.f) < 3
        and max(corr.stride) == 1
        and corr.each_in == corr.each_out == 1
        and area < _TRANSFORM.get(w.dtype.str[1:], 0)
        and bool(np.isfinite(w[0]).all())
        and (w.strides[0] == 0 or len(w) == 1 or bool((w == w[:1]).all()))
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
    pads = ((0, 0), (0, 0), *zeros)[-2:]
    kernel = corr.cached(_kernel)
    if any(sum(pair) >= size for pair, size in zip(pads, kernel.shape, strict=True)):
        slab, pads = np.pad(slab, ((0, 0), (0, 0), *pads)), ((0, 0), (0, 0))
    for planes, made in zip(slab, out, strict=True):
        for plane, y in zip(planes, made, strict=True):
            _filter(plane, kernel, y, *pads)
    return True


def _filter(plane: Array, kernel: Array, out: Array, rows: Pair, columns: Pair) -> None:
    """Make all outputs of a plane to which zeros are added.

    OpenCV makes an output for every pixel. Where a plane has more pixels than outputs, the last
    outputs of the first call read beyond what it was given; they are made again, by a buffer::

        # # # r      # right at once
        # # # r      r read beyond the right edge of what OpenCV was given, b beyond the lower
        b b b b

    Parameters
    ----------
    plane, kernel, out : ndarray
    rows, columns : (int, int)
        Zeros to add before and after.
    """
    h, w = out.shape
    down, across = (size - 1 for size in kernel.shape)
    lower = down - rows[0] if len(plane) > h else 0
    right = across - columns[0] if plane.shape[1] > w else 0
    narrow = right and w <= 8 * across
    if narrow or (lower and h <= 2 * down) or out.strides[1] != out.itemsize:
        _by_buffer(plane, kernel, out, rows[0], columns[0])
        return
    _call(plane[:h, :w], kernel, out, rows[0], columns[0])
    if right:
        _by_buffer(plane[:, w - across :], kernel, out[:, w - right :], rows[0], 0)
    if lower:
        _by_buffer(plane[h - down :], kernel, out[h - lower :], 0, columns[0])


def _by_buffer(plane: Array, kernel: Array, out: Array, above: int, left: int) -> None:
    if len(plane) > _NARROW * plane.shape[1]:  # OpenCV has a start for every row
        plane, kernel, out = plane.T, np.ascontiguousarray(kernel.T), out.T
        above, left = left, above
    if plane.strides[1] != plane.itemsize:
        copied = buffer("copied", plane.shape, plane.dtype)
        np.copyto(copied, plane)
        plane = copied
    made = buffer("made", plane.shape, out.dtype)
    _call(plane, kernel, made, above, left)
    np.copyto(out, made[: len(out), : out.shape[1]])


def _call(plane: Array, kernel: Array, out: Array, above: int, left: int) -> None:
    cv2 = library()
    cv2.filter2D(plane, -1, kernel, out, (left, above), 0, cv2.BORDER_CONSTANT)


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

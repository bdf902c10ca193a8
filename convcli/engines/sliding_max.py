"""The maximum of each window, one axis after another: max pooling of any real type.

The maximum of a box is the maximum along one axis of the maxima along the other, so a window
costs the sum of its sizes, not their product; and along one axis only their logarithm, as the
maximum of two overlapping runs is that of their union.
"""

import numpy as np

from convcli.arrays.dtypes import Array, at
from convcli.engines.correlation import Correlation

_UFUNC = 0.4  # nanoseconds for the maximum of two float32, on one core


def cost(corr: Correlation) -> float:
    """Estimate nanoseconds for an output pixel of a group."""
    return _UFUNC * sum(_passes(f, s) for f, s in zip(corr.f, corr.stride, strict=True))


def correlate(slab: Array, corr: Correlation, out: Array) -> bool:
    """Take the maxima of a slab, see `numpy_engine.Method`; one with a NaN is NaN."""
    for k, (f, s, d) in enumerate(zip(corr.f, corr.stride, corr.dilation, strict=True), 2):
        slab = _along(slab, k, f, s, d, out.shape[k])
    out[...] = slab
    return True


def _along(x: Array, axis: int, f: int, s: int, d: int, count: int) -> Array:
    """Take the maximum of `count` windows along one axis."""

    def shifted(x: Array, start: int, count: int, step: int = 1) -> Array:
        part = slice(start, start + (count - 1) * step + 1, step)
        return x[at(*(slice(None),) * axis, part)]

    if _direct(f, s):
        best = shifted(x, 0, count, s).copy()
        for tap in range(1, f):
            np.maximum(best, shifted(x, tap * d, count, s), out=best)
        return best
    run = 1  # x holds the maxima of runs of so many taps
    while run < f:
        step = min(run, f - run)
        left = x.shape[axis] - step * d
        x = np.maximum(shifted(x, 0, left), shifted(x, step * d, left))
        run += step
    return shifted(x, 0, count, s)


def _direct(f: int, s: int) -> bool:
    """Whether reading every tap of every window is less work than doubling runs of pixels."""
    return f - 1 <= s * (f - 1).bit_length()


def _passes(f: int, s: int) -> int:
    """Maxima of two numbers for each output."""
    return f - 1 if _direct(f, s) else s * (f - 1).bit_length()

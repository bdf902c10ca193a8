"""OpenCV's sepFilter2D: the product of a column and a row, both in one pass over memory."""

import numpy as np

from convcli.arrays.dtypes import Array
from convcli.engines.base import Pads
from convcli.engines.correlation import Correlation
from convcli.engines.opencv import Kernel, filter_planes
from convcli.engines.separable import terms

# Nanoseconds on one core for an output, and for a tap of the column or the row: a few taps wait for
# memory, many do not. Numbers of float64 count as two.
_FEW = {"f4": (1.2, 0.03), "f8": (1, 0.04)}
_MANY = {"f4": (-1.2, 0.115), "f8": (-4, 0.25)}


def applies(corr: Correlation) -> bool:
    """Whether one filter serves all channels, and is the product of a column and a row."""
    return (
        len(corr.f) == 2
        and corr.filter.dtype.str[1:] in _FEW
        and max(corr.stride + corr.dilation) == 1
        and bool(corr.cached(_kernel))
    )


def cost(corr: Correlation) -> float:
    """Estimate nanoseconds for an output pixel of a group."""
    kind = corr.filter.dtype.str[1:]
    return max(each + sum(corr.f) * tap for each, tap in (_FEW[kind], _MANY[kind]))


def correlate(slab: Array, corr: Correlation, out: Array, zeros: Pads = ()) -> bool:
    """Correlate a slab, see `numpy_engine.Method`."""
    kernel = corr.cached(_kernel)
    # OpenCV leaves out the tap in the middle of one whose sides differ by the sign.
    if not all(each.all() for each in kernel) and not np.isfinite(slab.sum()):
        return False
    filter_planes(slab, kernel, out, zeros)
    # Two pixels are added before they are multiplied: large ones overflow.
    return bool(np.isfinite(out.sum()))


def _kernel(corr: Correlation) -> Kernel:
    """Take a column and a row that a filter is the product of; empty if there are none.

    OpenCV has fast code only for a column that mirrors itself, and is put on pixels by its middle.
    """
    found = corr.cached(terms)
    if len(found) != 1:
        return ()
    ((column, row),) = found
    mirrored = len(column) % 2 and np.array_equal(np.abs(column), np.abs(column[::-1]))
    return (column[:, None], row[None]) if mirrored else ()

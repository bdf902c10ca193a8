"""Multiply and add one shifted view for each tap: any type, exact, and no NaN spreads.

The taps of a row are summed by themselves, and then the rows: rounding grows with the larger of
their numbers, and not with all taps.
"""

import itertools
from collections.abc import Sequence
from math import prod

import numpy as np

from convcli.arrays.dtypes import Array, at
from convcli.engines.correlation import EVERY, Correlation, split
from convcli.engines.scratch import buffer

# Nanoseconds on one core: to multiply and add a float32, and for the two calls that do it.
UFUNCS, CALLS = 0.4, 3e3


def cost(corr: Correlation, sizes: tuple[int, ...]) -> float:
    """Estimate nanoseconds for an output pixel of a group."""
    each = UFUNCS + CALLS / (corr.groups * prod(sizes))
    return each * corr.each_out * prod(corr.filter.shape[1:])


def correlate(slab: Array, corr: Correlation, out: Array) -> bool:
    """Correlate a slab, see `numpy_engine.Method`."""
    batch, groups, sizes = len(slab), corr.groups, out.shape[2:]
    x = split(slab, 1, groups)
    w = split(corr.filter, 0, groups)
    y = split(out, 1, groups)
    shape = (batch, groups, *sizes)
    for o in range(corr.each_out):
        total = y[:, :, o]
        for i, (c, *row) in enumerate(itertools.product(*map(range, w.shape[2:-1]))):
            sums = buffer("row", shape, out.dtype) if i else total
            _sum_row(x[:, :, c], w[at(EVERY, o, c, *row)], corr, row, sums)
            if i:
                np.add(total, sums, out=total)
    return True


def _sum_row(x: Array, weights: Array, corr: Correlation, row: Sequence[int], out: Array) -> None:
    """Sum the taps of a row of the filter.

    Parameters
    ----------
    x : ndarray, shape (batch, groups, spatial...)
    weights : ndarray, shape (groups, taps)
    corr : Correlation
    row : sequence of int
        The taps of all axes but the last.
    out : ndarray, shape (batch, groups, sizes...)
    """
    sizes = out.shape[2:]
    product = buffer("product", out.shape, out.dtype)
    for j in range(weights.shape[1]):
        window = (
            slice(k * d, k * d + (n - 1) * s + 1, s)
            for k, n, s, d in zip((*row, j), sizes, corr.stride, corr.dilation, strict=True)
        )
        weight = weights[:, j].reshape(-1, *(1,) * len(sizes))
        np.multiply(x[at(EVERY, EVERY, *window)], weight, out=product if j else out)
        if j:
            np.add(out, product, out=out)

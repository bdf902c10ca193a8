"""Multiply and add one shifted view for each tap: any type, exact, and no NaN spreads.

The taps of a row are summed by themselves, and then the rows: rounding grows with the larger of
their numbers, and not with all taps.
"""

import itertools
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
    product, row = (buffer(name, (batch, groups, *sizes), out.dtype) for name in ("product", "row"))
    *rows, last = w.shape[2:]
    for o in range(corr.each_out):
        total = y[:, :, o]
        for i, (c, *before) in enumerate(itertools.product(*map(range, rows))):
            sums = row if i else total
            for j in range(last):
                tap = (*before, j)
                window = (
                    slice(k * d, k * d + (n - 1) * s + 1, s)
                    for k, n, s, d in zip(tap, sizes, corr.stride, corr.dilation, strict=True)
                )
                weight = w[at(EVERY, o, c, *tap)].reshape(groups, *(1,) * len(sizes))
                seen = x[at(EVERY, EVERY, c, *window)]
                np.multiply(seen, weight, out=product if j else sums)
                if j:
                    np.add(sums, product, out=sums)
            if i:
                np.add(total, sums, out=total)
    return True

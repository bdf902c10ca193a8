"""Multiply and add one shifted view for each tap: any type, exact, and no NaN spreads."""

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
    product = buffer("product", (batch, groups, *sizes), out.dtype)
    for o in range(corr.each_out):
        total = y[:, :, o]
        for i, (c, *tap) in enumerate(itertools.product(*map(range, w.shape[2:]))):
            window = (
                slice(k * d, k * d + (n - 1) * s + 1, s)
                for k, n, s, d in zip(tap, sizes, corr.stride, corr.dilation, strict=True)
            )
            weight = w[at(EVERY, o, c, *tap)].reshape(groups, *(1,) * len(sizes))
            seen = x[at(EVERY, EVERY, c, *window)]
            np.multiply(seen, weight, out=product if i else total)
            if i:
                np.add(total, product, out=total)
    return True

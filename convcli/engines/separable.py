"""Separable filters: sums of a few outer products of 1-D filters, one pass along each axis."""

import numpy as np

from convcli.arrays.dtypes import Array
from convcli.engines import gemm
from convcli.engines.correlation import Correlation
from convcli.engines.scratch import buffer
from convcli.geometry.window.size import effective_filter

_ROWS = 16  # outputs of an axis that one product makes
_TERMS = 4  # a sum of more products is slower than the filter itself
_FLOP = 1 / 60  # nanoseconds of a multiply-add in products of that many rows, on one core

Passes = list[list[Correlation]]


def applies(corr: Correlation) -> bool:
    """Whether all channels have one filter, and it is separable."""
    return bool(corr.cached(passes))


def cost(corr: Correlation) -> float:
    """Estimate nanoseconds for an output pixel of a group."""
    reaches = [
        (_ROWS - 1) * s + effective_filter(f, d)
        for f, s, d in zip(corr.f, corr.stride, corr.dilation, strict=True)
    ]
    return len(corr.cached(passes)) * sum(gemm.PASS + 2 * reach * _FLOP for reach in reaches)


def factors(w: Array) -> list[tuple[Array, ...]]:
    """Write a filter as a sum of outer products of 1-D filters; empty if that takes too many.

    Each is a column and a row through the largest number that is left, which its product takes away
    (cross approximation with full pivoting). What is left counts as zero where all of it is two
    roundings of the sum of the weights: it would add as much to an output.
    """
    floor = 2 * float(np.finfo(w.dtype).eps) * float(np.abs(w).sum(dtype=np.float64))
    return [tuple(each.astype(w.dtype) for each in term) for term in _crosses(w, floor)]


def _crosses(w: Array, floor: float) -> list[tuple[Array, ...]]:
    if w.ndim == 1:
        return [(w,)]
    left = w.reshape(len(w), -1).astype(np.float64)
    terms: list[tuple[Array, ...]] = []
    while len(terms) < _TERMS:
        i, j = np.unravel_index(np.abs(left).argmax(), left.shape)
        column, row = left[:, j].copy(), left[i] / (left[i, j] or 1)
        rest = _crosses(row.reshape(w.shape[1:]), floor / float(np.abs(column).sum() or 1))
        terms += [(column, *term) for term in rest]
        left -= np.outer(column, row)
        if not rest or np.abs(left).sum() <= floor:
            return terms if rest and len(terms) <= _TERMS else []
    return []


def terms(corr: Correlation) -> list[tuple[Array, ...]]:
    """Factor the one filter of all channels, see `factors`; empty if it is not separable."""
    w = corr.filter
    if len(corr.f) == 1 or w.dtype.kind != "f" or not corr.has_one_filter:
        return []
    return factors(w[0, 0])


def passes(corr: Correlation) -> Passes:
    """List the 1-D passes of each product, one per axis; empty if the filter is not separable."""
    ones = (1,) * (len(corr.f) - 1)

    def along(factor: Array, s: int, d: int) -> Correlation:
        shape = (corr.groups, 1, len(factor), *ones)
        weights = np.broadcast_to(factor.reshape(-1, *ones), shape)
        return Correlation(weights, (s, *ones), (d, *ones), corr.groups)

    return [
        [along(*each) for each in zip(term, corr.stride, corr.dilation, strict=True)]
        for term in corr.cached(terms)
    ]


def correlate(slab: Array, corr: Correlation, out: Array) -> bool:
    """Correlate a slab, see `numpy_engine.Method`."""
    finite = True
    for i, term in enumerate(corr.cached(passes)):
        x = slab
        for k, one in enumerate(term):
            sizes = (*out.shape[2 : 3 + k], *slab.shape[3 + k :])
            last = k + 1 == len(term)
            direct = last and not i
            target = out if direct else buffer(f"pass{k % 2}", (*out.shape[:2], *sizes), out.dtype)
            ok = gemm.correlate(x.swapaxes(2, 2 + k), one, target.swapaxes(2, 2 + k), _ROWS)
            x = target
        finite = finite and ok
        if i:
            np.add(out, x, out=out)
    return finite

"""Separable filters: sums of a few outer products of 1-D filters, one pass along each axis."""

import numpy as np

from convcli.arrays.dtypes import Array
from convcli.engines import gemm
from convcli.engines.correlation import Correlation
from convcli.engines.scratch import buffer
from convcli.geometry.size import effective_filter

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


def factors(w: Array, floor: float | None = None) -> list[tuple[Array, ...]]:
    """Write a filter as a sum of outer products of 1-D filters; empty if that takes too many.

    A singular value decomposition gives them. Singular values up to `floor` count as zero: by
    default four roundings of the largest, which is the rounding of the filter itself.
    """
    if w.ndim == 1:
        return [(w,)]
    u, s, v = np.linalg.svd(w.reshape(len(w), -1).astype(np.float64), full_matrices=False)
    floor = float(s[0] * 4 * np.finfo(w.dtype).eps) if floor is None else floor
    rank = max(int((s > floor).sum()), 1)
    if rank > _TERMS:
        return []
    terms: list[tuple[Array, ...]] = []
    for k in range(rank):
        # A vector of a small singular value holds the rounding of the filter magnified.
        rest = factors(v[k].reshape(w.shape[1:]).astype(w.dtype), floor / float(s[k] or 1))
        terms += [((u[:, k] * s[k]).astype(w.dtype), *term) for term in rest]
        if not rest:
            return []
    return terms if len(terms) <= _TERMS else []


def passes(corr: Correlation) -> Passes:
    """List the 1-D passes of each product, one per axis; empty if the filter is not separable."""
    w = corr.filter
    if len(corr.f) == 1 or w.dtype.kind != "f" or not corr.has_one_filter:
        return []
    ones = (1,) * (len(corr.f) - 1)

    def along(factor: Array, s: int, d: int) -> Correlation:
        shape = (corr.groups, 1, len(factor), *ones)
        weights = np.broadcast_to(factor.reshape(-1, *ones), shape)
        return Correlation(weights, (s, *ones), (d, *ones), corr.groups)

    return [
        [along(*each) for each in zip(term, corr.stride, corr.dilation, strict=True)]
        for term in factors(w[0, 0])
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

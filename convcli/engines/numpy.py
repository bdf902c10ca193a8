"""Convolution of one tile on the CPU with NumPy: one product for each tap of the filter."""

import itertools
import os

import numpy as np

from convcli.arrays import Array, at

_EXACT = ((np.float32, 2**24), (np.float64, 2**53))  # integers below are exact in each type


class NumpyEngine:
    """Sums over the taps of a filter; of many channels each tap is a matrix product."""

    name = "numpy"
    device = "cpu"

    def __init__(self, threads: int | None = None) -> None:
        """Take the number of threads; by default one for each core."""
        self.tile_threads = threads or os.cpu_count() or 1

    def compute_dtype(self, out: np.dtype[np.generic], bound: int) -> np.dtype[np.generic]:
        """Sum in float32 at least; integers in the fastest type in which they are exact."""
        if out.kind in "iu":
            exact = (np.dtype(kind) for kind, below in _EXACT if bound < below)
            return next(exact, np.dtype(np.int64))
        return np.result_type(out, np.float32)

    def convolve(
        self,
        slab: Array,
        filter_: Array,
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        groups: int,
    ) -> Array:
        """Convolve, see `engines.Engine.convolve`."""
        sizes = filter_.shape[2:]
        out_sizes = [
            (n - d * (f - 1) - 1) // s + 1
            for n, f, s, d in zip(slab.shape[2:], sizes, stride, dilation, strict=True)
        ]
        batch, channels = slab.shape[:2]
        each = channels // groups
        slab = slab.reshape(batch, groups, each, *slab.shape[2:])
        weights = filter_.reshape(groups, -1, *filter_.shape[1:])
        out = np.zeros((batch, groups, weights.shape[1], *out_sizes), slab.dtype)
        for tap in itertools.product(*map(range, sizes)):
            window = (
                slice(k * d, k * d + (n - 1) * s + 1, s)
                for k, n, s, d in zip(tap, out_sizes, stride, dilation, strict=True)
            )
            seen = slab[at(..., *window)]
            weight = weights[at(..., *tap)]
            if each == 1 and weights.shape[1] == 1:
                out += seen * weight.reshape(groups, 1, *(1,) * len(sizes))
            else:
                flat = seen.reshape(batch, groups, each, -1)
                out += np.matmul(weight, flat).reshape(out.shape)
        return out.reshape(batch, -1, *out_sizes)

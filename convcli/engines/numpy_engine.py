"""Convolution on the CPU with NumPy: chooses the cheapest method, and how large a tile is."""

import os
from collections.abc import Callable
from math import ceil, prod
from typing import Any, NamedTuple

import numpy as np

from convcli.arrays.dtypes import Array, exact_dtype
from convcli.engines import fft, gemm, separable, shift
from convcli.engines.base import Plan
from convcli.engines.correlation import Correlation, even
from convcli.errors import UsageError

_BLAS = tuple(np.dtype(kind) for kind in ("f4", "f8", "c8", "c16"))  # what has fast products
_CACHE = 8 << 20  # bytes that a tile takes: two of them fit a shared cache of 16 MB
_WORTH = 1e7  # nanoseconds of work below which starting threads does not pay
_THICK = 32  # slices of a volume in a tile
_TALL, _NARROWEST = 4, 8  # filters on top of each other in a tile; its columns, at the least
_FIRST = 2  # where the spatial axes of a tile start


class Method(NamedTuple):
    """A way to convolve a slab.

    `convolve(slab, corr, out)` fills `out` (batch, out channels, sizes...) from `slab` (batch, in
    channels, sizes...) and returns False if it met numbers that it may have spread: NaN, infinity,
    or for `fft` one that drowns the others.
    `cost(corr, sizes)` estimates nanoseconds on one core for an output pixel of a group, in
    float32, or is None where the method does not apply. A new method is one file and one entry in
    `METHODS`.
    """

    convolve: Callable[[Array, Correlation, Array], bool]
    start: float  # nanoseconds that a tile costs at the least
    cost: Callable[[Correlation, tuple[int, ...]], float | None]
    needs: str  # what a correlation must be for the method to apply


def _shift_cost(corr: Correlation, sizes: tuple[int, ...]) -> float | None:
    return shift.cost(corr)


def _gemm_cost(corr: Correlation, sizes: tuple[int, ...]) -> float | None:
    return gemm.cost(corr, sizes) if corr.table(_has_products) else None


def _separable_cost(corr: Correlation, sizes: tuple[int, ...]) -> float | None:
    plain = corr.table(_has_products) and not corr.exact
    return separable.cost(corr) if plain and separable.applies(corr) else None


def _fft_cost(corr: Correlation, sizes: tuple[int, ...]) -> float | None:
    plain = corr.table(_has_products) and corr.filter.dtype.kind == "f"
    return fft.cost(corr, sizes) if plain and fft.applies(corr) else None


def _has_products(corr: Correlation) -> bool:
    """Whether BLAS has the type, and no weight is NaN or infinite, which zeros would spread."""
    return corr.filter.dtype in _BLAS and bool(np.isfinite(corr.filter).all())


METHODS = {
    "gemm": Method(gemm.convolve, 1e5, _gemm_cost, "finite weights of single or double precision"),
    "separable": Method(
        separable.convolve, 3e5, _separable_cost, "one separable filter of floats for every channel"
    ),
    "fft": Method(fft.convolve, 3e5, _fft_cost, "real floats, stride 1 and dilation 1"),
    "shift": Method(shift.convolve, 1e4, _shift_cost, "nothing"),
}


class NumpyEngine:
    """Tiles go to threads of our own, BLAS has one thread: see `cli.run`."""

    name = "numpy"
    device = "cpu"
    methods = tuple(METHODS)

    def __init__(self, threads: int | None = None, method: str = "auto") -> None:
        """Take the number of threads, by default one for each core, and a method to force."""
        if method not in ("auto", *METHODS):
            raise UsageError(
                f"--method {method!r} is not a method of NumPy's engine; "
                f"write auto, {', '.join(METHODS)}"
            )
        self.threads = threads or os.cpu_count() or 1
        self._method = method

    def compute_dtype(self, out: "np.dtype[Any]", bound: int) -> "np.dtype[Any]":
        """Sum in float32 at least; integers in the fastest type in which they are exact."""
        if out.kind in "iu":
            return exact_dtype(bound)
        return np.result_type(out, np.float32)

    def plan(self, corr: Correlation, batch: int, sizes: tuple[int, ...]) -> Plan:
        """Choose method and tile for an output of `batch` images of some sizes.

        Raises
        ------
        UsageError
            The method asked for does not apply.
        """
        pixels = batch * corr.groups * prod(sizes) * corr.filter.itemsize / 4
        known = {}
        for name, each in METHODS.items():
            cost = each.cost(corr, sizes)
            if cost is not None:
                known[name] = each.start + cost * pixels
        method = self._method
        if method == "auto":
            method = min(known, key=lambda name: known[name])
        elif method not in known:
            raise UsageError(
                f"--method {method} does not apply: it needs {METHODS[method].needs}; "
                f"use --method auto"
            )
        return Plan(method, self._tile(method, corr, batch, sizes, known[method]), known)

    def convolve(self, plan: Plan, slab: Array, corr: Correlation, out: Array) -> None:
        """Convolve one padded slab into its place."""
        if METHODS[plan.method].convolve(slab, corr, out):
            return
        if plan.method == "fft" and gemm.convolve(slab, corr, out):
            return
        shift.convolve(slab, corr, out)  # what a number reaches is what reads it, and no more

    def layer(self, *_args: object, **_kwargs: object) -> None:
        """NumPy has no layers."""

    def _tile(
        self, method: str, corr: Correlation, batch: int, sizes: tuple[int, ...], cost: float
    ) -> tuple[int, ...]:
        """Say how large a tile is: it fits the cache, and every thread gets as many as another."""
        groups, threads = corr.groups, self.threads
        if method == "fft":
            steps = fft.tile(corr, sizes)
            return (1, even(groups, max(fft.WINDOW // prod(steps), 1), threads), *steps)
        copied = gemm.copies(corr) if method == "gemm" else 2
        per_pixel = corr.filter.itemsize * (copied + corr.each_in + corr.each_out)
        whole = batch * groups * prod(sizes)
        if cost < _WORTH:
            threads = 1
        room = _CACHE // per_pixel
        pixels = min(room, ceil(whole / threads))
        # The last axis first, then the first, whose rows share halo and band; then the channels.
        extent = (batch, groups, *sizes)
        tile = [1] * len(extent)
        for k in (len(extent) - 1, *range(_FIRST, len(extent) - 1), 1, 0):
            most = min(ceil(pixels / prod(tile)), extent[k])
            if k == _FIRST and len(sizes) == 3:
                most = min(most, _THICK)
            elif k == _FIRST + 1 and len(sizes) == 2:  # rows so wide that few fit are mostly halo
                most = min(most, max(room // (_TALL * corr.f[0]), _NARROWEST))
            tile[k] = even(extent[k], most, threads, gemm.band_rows(corr) if k == _FIRST else 1)
        return tuple(tile)

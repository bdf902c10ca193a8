"""Convolution on the CPU with NumPy: chooses the cheapest method and the size of a tile."""

import os
from collections.abc import Callable
from math import ceil, inf, prod
from typing import NamedTuple

import numpy as np

from convcli.arrays.dtypes import Array, DType, exact_dtype
from convcli.engines import (
    fft,
    gemm,
    non_finite,
    opencv,
    opencv_fft,
    opencv_separable,
    separable,
    shift,
    sliding_max,
)
from convcli.engines.base import Engine, Pads, Plan
from convcli.engines.correlation import Correlation, even_step
from convcli.errors import ConvcliError, UsageError, install_command

_BLAS = tuple(np.dtype(kind) for kind in ("f4", "f8", "c8", "c16"))  # types with fast products
_CACHE = 5 << 20  # bytes of a tile: those of two threads fit a shared cache of 16 MB
_WORTH_THREADS = 4.5e5  # nanoseconds of shared work from which on threads pay
_MOST_SPECTRA = 64 << 20  # bytes of the spectra of all filters of a layer, which are kept
_MOST_SLICES = 32  # of a volume, in a tile
_LEAST_FILTERS, _LEAST_COLUMNS = 8, 8  # in a tile: its height in filters, its width
_FIRST = 2  # position of the first spatial axis in a tile


class Method(NamedTuple):
    """A way to correlate a slab. A new method is one file and one entry in `METHODS`.

    Attributes
    ----------
    correlate : callable
        ``correlate(slab, corr, out)`` fills `out` (batch, out channels, sizes...) from `slab`
        (batch, in channels, sizes...). Returns False if a NaN, an infinity, or for `fft` the
        rounding of a large number, may have spread beyond the outputs that read it.
    start : float
        Nanoseconds that every tile costs.
    cost : callable
        ``cost(corr, sizes)`` estimates nanoseconds on one core for an output pixel of a group, in
        float32; None where the method does not apply.
    needs : str
        What a correlation must be for the method to apply.
    in_place : bool
        `slab` may be a view whose last axis is contiguous, and a fourth argument says which zeros
        are missing around it.
    """

    correlate: Callable[..., bool]
    start: float
    cost: Callable[[Correlation, tuple[int, ...]], float | None]
    needs: str
    in_place: bool = False


def _shift_cost(corr: Correlation, sizes: tuple[int, ...]) -> float | None:
    return shift.cost(corr, sizes) if corr.reduction == "sum" else None


def _max_cost(corr: Correlation, sizes: tuple[int, ...]) -> float | None:
    return sliding_max.cost(corr) if corr.reduction == "max" else None


def _gemm_cost(corr: Correlation, sizes: tuple[int, ...]) -> float | None:
    return gemm.cost(corr, sizes) if corr.cached(_has_products) else None


def _separable_cost(corr: Correlation, sizes: tuple[int, ...]) -> float | None:
    possible = corr.cached(_has_products) and not corr.exact
    return separable.cost(corr) if possible and separable.applies(corr) else None


def _fft_cost(corr: Correlation, sizes: tuple[int, ...]) -> float | None:
    possible = corr.cached(_has_products) and corr.filter.dtype.kind == "f" and fft.applies(corr)
    if not possible or fft.spectrum_size(corr, sizes) > _MOST_SPECTRA:
        return None
    return fft.cost(corr, sizes)


def _opencv_cost(corr: Correlation, sizes: tuple[int, ...]) -> float | None:
    return opencv.cost(corr, sizes) if corr.cached(opencv.applies) else None


def _opencv_separable_cost(corr: Correlation, sizes: tuple[int, ...]) -> float | None:
    possible = corr.cached(_has_products) and not corr.exact
    return opencv_separable.cost(corr) if possible and opencv_separable.applies(corr) else None


def _opencv_fft_cost(corr: Correlation, sizes: tuple[int, ...]) -> float | None:
    possible = corr.cached(_has_products) and opencv_fft.applies(corr)
    if not possible or opencv_fft.spectrum_size(corr, sizes) > _MOST_SPECTRA:
        return None
    return opencv_fft.cost(corr, sizes)


def _has_products(corr: Correlation) -> bool:
    """Whether BLAS has the type and all weights are finite: a band's zeros spread the others."""
    if corr.reduction != "sum" or corr.filter.dtype not in _BLAS:
        return False
    return bool(np.isfinite(corr.filter).all())


METHODS = {
    "gemm": Method(gemm.correlate, 1e5, _gemm_cost, "finite weights of single or double precision"),
    "separable": Method(
        separable.correlate, 3e5, _separable_cost, "one separable float filter for all channels"
    ),
    "fft": Method(
        fft.correlate,
        3e5,
        _fft_cost,
        "real floats, stride 1 and dilation 1, and spectra of 64 MB at most",
    ),
    "opencv": Method(
        opencv.correlate,
        2e4,  # a call for a tile, and one for its last rows
        _opencv_cost,
        "one filter for all channels of up to about 11x11 floats, stride 1",
        in_place=True,
    ),
    "opencv-separable": Method(
        opencv_separable.correlate,
        5e4,  # as above, and for its first rows
        _opencv_separable_cost,
        "one float filter for all channels, a column times a row, the column odd and symmetric, "
        "stride 1 and dilation 1",
        in_place=True,
    ),
    "opencv-fft": Method(
        opencv_fft.correlate,
        3e5,
        _opencv_fft_cost,
        "two axes of floats, one channel in and out a group, stride 1 and dilation 1, and spectra "
        "of 64 MB at most",
    ),
    "shift": Method(shift.correlate, 1e4, _shift_cost, "a sum of products"),
    "max": Method(sliding_max.correlate, 1e4, _max_cost, "max pooling"),
}


class NumpyEngine(Engine):
    """Tiles go to threads of our own; BLAS should have one thread, which `__main__` sees to."""

    name = "numpy"
    device = "cpu"
    methods = tuple(METHODS)

    def __init__(
        self, threads: int | None = None, method: str = "auto", with_opencv: bool = False
    ) -> None:
        """Check the options.

        Parameters
        ----------
        threads : int, optional
            Default: one for each core.
        method : str
            One of `METHODS`, or ``auto``.
        with_opencv : bool
            Whether ``auto`` may choose OpenCV's methods, for which it must be imported.
        """
        if method not in ("auto", *METHODS):
            raise UsageError(
                f"--method {method!r} is not a method of the NumPy engine; "
                f"write auto, {', '.join(METHODS)}"
            )
        self.threads = threads or os.cpu_count() or 1
        self._method = method
        self._with_opencv = with_opencv or method.startswith("opencv")
        if self._with_opencv and not opencv.installed():
            raise ConvcliError(
                f"--method {method} needs OpenCV, which is not installed; "
                f"{install_command('opencv-python-headless')}, or use --method auto"
            )

    def warm_up(self) -> None:
        """See `Engine.warm_up`."""
        if self._with_opencv:
            opencv.library()

    def compute_dtype(self, out: DType, bound: int) -> DType:
        """Sum in float32 at least; integers in the fastest type in which they are exact."""
        if out.kind in "iu":
            return exact_dtype(bound)
        return np.result_type(out, np.float32)

    def plan(self, corr: Correlation, batch: int, sizes: tuple[int, ...]) -> Plan:
        """Choose the cheapest method and a tile, see `Engine.plan`."""
        costs = _costs(corr, batch, sizes)
        if not self._with_opencv:
            costs = {name: cost for name, cost in costs.items() if not _is_opencv(name)}
        method = self._method
        if method == "auto":
            method = min(costs, key=lambda name: costs[name])
        elif method not in costs:
            needs = METHODS[method].needs if corr.reduction == "sum" else "a sum of products"
            raise UsageError(
                f"--method {method} does not apply: it needs {needs}; use --method auto"
            )
        shared = costs[method] - METHODS[method].start
        tile = _tile(method, corr, batch, sizes, self.threads_for(shared))
        return Plan(method, tile, costs, in_place=METHODS[method].in_place, shared=shared)

    def threads_for(self, nanoseconds: float) -> int:
        """See `Engine.threads_for`."""
        return self.threads if nanoseconds >= _WORTH_THREADS else 1

    def saved_by_opencv(self, corr: Correlation, batch: int, sizes: tuple[int, ...]) -> float:
        """Estimate the nanoseconds that OpenCV saves for an output, its import not counted."""
        costs = _costs(corr, batch, sizes)
        ours = min((cost for name, cost in costs.items() if _is_opencv(name)), default=inf)
        others = min(cost for name, cost in costs.items() if not _is_opencv(name))
        return (others - ours) / self.threads

    def with_opencv(self) -> "NumpyEngine":
        """Return the same engine, but `auto` may choose OpenCV's methods."""
        return NumpyEngine(self.threads, self._method, with_opencv=True)

    def convolve_slab(
        self, plan: Plan, slab: Array, corr: Correlation, out: Array, zeros: Pads = ()
    ) -> None:
        """Convolve one padded slab, by another method where the planned one is inaccurate."""
        if METHODS[plan.method].correlate(slab, corr, out, *([zeros] if zeros else ())):
            return
        if zeros:
            slab = np.pad(slab, ((0, 0), (0, 0), *zeros))
        if len(slab) > 1:  # what one image holds changes no other
            for i in range(len(slab)):
                self.convolve_slab(plan, slab[i : i + 1], corr, out[i : i + 1])
            return
        places = non_finite.find(slab, corr, out.shape[2:])
        if places is not None:
            self.convolve_slab(plan, np.where(places, slab.dtype.type(0), slab), corr, out)
            non_finite.add(slab, places, corr, out)
            return
        if plan.method in fft.METHODS and gemm.correlate(slab, corr, out):
            return
        shift.correlate(slab, corr, out)  # every output reads its own pixels only


def _is_opencv(name: str) -> bool:
    return name.startswith("opencv")


def _costs(corr: Correlation, batch: int, sizes: tuple[int, ...]) -> dict[str, float]:
    """Estimate the nanoseconds of each method that applies, on one core."""
    pixels = batch * corr.groups * prod(sizes) * corr.filter.itemsize / 4
    costs = {name: each.cost(corr, sizes) for name, each in METHODS.items()}
    return {
        name: METHODS[name].start + cost * pixels
        for name, cost in costs.items()
        if cost is not None
    }


def _tile(
    method: str, corr: Correlation, batch: int, sizes: tuple[int, ...], threads: int
) -> tuple[int, ...]:
    """Choose the size of a tile: it fits the cache, and all threads get equally many.

    The last axis grows first (contiguous memory), then the first spatial one, whose rows share
    halo and band, then the axes between, the channels and the batch: a 4096x4096 image in float32
    under 3x3 is cut into tiles of about 100 whole rows.
    """
    groups = corr.groups
    if method in fft.METHODS:
        steps = (fft if method == "fft" else opencv_fft).tile(corr, sizes)
        return (1, even_step(groups, max(fft.WINDOW // prod(steps), 1), threads), *steps)
    copied = gemm.copies(corr) if method == "gemm" else 2
    in_cache = _CACHE // (corr.filter.itemsize * (copied + corr.each_in + corr.each_out))
    if METHODS[method].in_place:  # it keeps what it needs of a plane in the cache by itself
        in_cache = opencv.TILE // corr.filter.itemsize
        if len(sizes) > 1:
            in_cache = max(in_cache, opencv.least_rows(corr) * sizes[-1])
        else:  # a single row, which does not fit it
            in_cache //= 4
    extent = (batch, groups, *sizes)
    pixels = min(in_cache, ceil(prod(extent) / threads))
    tile = [1] * len(extent)
    for k in (len(extent) - 1, *range(_FIRST, len(extent) - 1), 1, 0):
        most = min(ceil(pixels / prod(tile)), extent[k])
        unit = 1
        if k == _FIRST:
            unit = gemm.band_rows(corr) * gemm.phases(corr)
            if len(sizes) == 3:
                most = min(most, _MOST_SLICES)
        elif k == _FIRST + 1 and len(sizes) == 2:
            # Rows so wide that few fit would be mostly halo: keep the tile some filters high.
            least = ceil(_LEAST_FILTERS * corr.f[0] / corr.stride[0])
            most = min(most, max(in_cache // least, _LEAST_COLUMNS))
        tile[k] = even_step(extent[k], most, threads, unit)
    return tuple(tile)

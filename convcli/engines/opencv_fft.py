"""Overlap-save of planes by OpenCV's Fourier transform, which is twice as fast as NumPy's."""

import os
import platform
import sys
from functools import cache
from importlib.util import find_spec
from math import prod

import numpy as np

from convcli.arrays.dtypes import Array
from convcli.engines import fft
from convcli.engines.correlation import Correlation
from convcli.engines.opencv import library
from convcli.engines.scratch import buffer

# Nanoseconds for a number of a window, on one core: both transforms, the product, the copies. A
# number of float64 counts as two.
EACH = {"f4": 5.3, "f8": 8.0}
_OWN = 3  # times as long without Intel's library
_LEAST, _MOST = 256, 720  # numbers along an axis of the window of a plane


@cache
def is_fast() -> bool:
    """Whether OpenCV brings Intel's library: the wheels of PyPI do, builds of others need not.

    Before its import that can only be guessed, by a file that those wheels have.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    if "cv2" in sys.modules:
        return bool(library().ipp.useIPP())
    spec = find_spec("cv2")
    return spec is not None and os.path.exists(
        os.path.join(os.path.dirname(str(spec.origin)), "version.py")
    )


def applies(corr: Correlation) -> bool:
    """Whether there are two axes of floats, and one channel in and out of a group."""
    single = corr.each_in == corr.each_out == 1
    return fft.applies(corr) and single and len(corr.f) == 2 and corr.filter.dtype.str[1:] in EACH


def cost(corr: Correlation, sizes: tuple[int, ...]) -> float:
    """Estimate nanoseconds for an output pixel of a group."""
    share = prod(best_window(n, f)[1] / n for n, f in zip(sizes, corr.f, strict=True))
    return share * EACH[corr.filter.dtype.str[1:]] * (1 if is_fast() else _OWN)


def spectrum_size(corr: Correlation, sizes: tuple[int, ...]) -> int:
    """Count the bytes of the spectra of all filters, for windows of a tile."""
    steps = tile(corr, sizes)
    window = prod(fast_size(step + f - 1) for step, f in zip(steps, corr.f, strict=True))
    filters = corr.groups if corr.filter.strides[0] else 1
    return filters * window * corr.filter.itemsize


def tile(corr: Correlation, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Choose the outputs of a tile: those of one window."""
    pairs = zip(sizes, corr.f, strict=True)
    return tuple(min(best_window(n, f)[0] - f + 1, n) for n, f in pairs)


@cache
def best_window(n: int, f: int) -> tuple[int, int]:
    """Choose the window along an axis, so that all windows together are as short as can be.

    Parameters
    ----------
    n, f : int
        Outputs, and size of the filter.

    Returns
    -------
    window, total : int
        Numbers of a window, and of all; the last one is as short as what is left allows.
    """
    window = fast_size(max(_LEAST, 2 * f))
    found = []
    while True:
        whole, rest = divmod(n, window - f + 1)
        found.append((whole * window + (fast_size(rest + f - 1) if rest else 0), -window))
        if not whole or window >= max(_MOST, 4 * f):
            total, window = min(found)
            return -window, total
        window = fast_size(window + 1)


@cache
def fast_size(n: int) -> int:
    """Find the next multiple of 16 without a prime factor larger than 5: those transform fast."""
    size = -(-n // 16) * 16
    while (60**8) % size:
        size += 16
    return size


def correlate(slab: Array, corr: Correlation, out: Array) -> bool:
    """Correlate a slab, see `numpy_engine.Method`."""
    if not fft.balanced(slab, corr.f, corr.groups):
        return False
    finite = True
    for planes, made in zip(slab, out, strict=True):
        for group, (plane, y) in enumerate(zip(planes, made, strict=True)):
            own = group if corr.filter.strides[0] else 0  # or one filter for all groups
            finite = _correlate(plane, corr, own, y) and finite
    return finite


def _correlate(plane: Array, corr: Correlation, group: int, out: Array) -> bool:
    """Correlate a plane in one window."""
    cv2 = library()
    window = tuple(map(fast_size, plane.shape))
    spectrum = corr.cached(_spectrum, group, window)
    if window != plane.shape:
        plane = _padded(plane, window)
    packed, real = (buffer(name, window, plane.dtype) for name in ("packed", "real"))
    cv2.dft(plane, packed)
    cv2.mulSpectrums(packed, spectrum, 0, packed, True)
    cv2.dft(packed, real, cv2.DFT_INVERSE | cv2.DFT_REAL_OUTPUT | cv2.DFT_SCALE)
    np.copyto(out, real[tuple(map(slice, out.shape))])
    # A NaN or an infinity spreads over its window; large numbers overflow in a part of it.
    return bool(np.isfinite(out.sum()))


def _padded(plane: Array, shape: tuple[int, ...]) -> Array:
    """Add zeros below and to the right."""
    padded = buffer("padded", shape, plane.dtype)
    h, w = plane.shape
    padded[:h, :w] = plane
    padded[h:] = 0
    padded[:h, w:] = 0
    return padded


def _spectrum(corr: Correlation, group: int, window: tuple[int, int]) -> Array:
    """Transform a filter, for planes of that shape, as OpenCV packs it."""
    w = corr.filter[group, 0].astype(np.float64)
    pads = [(0, size - f) for size, f in zip(window, w.shape, strict=True)]
    spectrum: Array = library().dft(np.pad(w, pads))
    return spectrum.astype(corr.filter.dtype)

"""Overlap-save: the slab of a tile is one window of a Fourier transform."""

from collections.abc import Sequence
from functools import reduce
from math import prod

import numpy as np

from convcli.arrays.dtypes import Array, at
from convcli.engines.correlation import EVERY, Correlation, even_step, split
from convcli.engines.scratch import buffer

WINDOW = 1 << 18  # numbers in a window
LINE = 1 << 16  # of a line, which has no other axis: some of them fit the cache of a core
LARGEST_ERROR = 1e-4  # from rounding, of the largest number that an output reads
_LONG = 32  # numbers of a cell along an axis, from which on one reduction is faster than many
TRANSFORM = 9.0  # nanoseconds for a number, both ways, on one core
DOUBLE = 0.7  # of that for each half of a float64, as other methods take twice as long for one


def applies(corr: Correlation) -> bool:
    """Whether stride and dilation are 1, and sums may be rounded."""
    return max(*corr.stride, *corr.dilation) == 1 and not corr.exact


def cost(corr: Correlation, sizes: tuple[int, ...]) -> float:
    """Estimate nanoseconds for an output pixel of a group."""
    steps = tile(corr, sizes)
    window = prod(fast_size(step + f - 1) for step, f in zip(steps, corr.f, strict=True))
    each = corr.each_in + corr.each_out
    number = TRANSFORM / 2 * each + 2 * corr.each_in * corr.each_out
    if corr.filter.itemsize > 4:
        number *= DOUBLE
    return window / prod(steps) * number


def tile(corr: Correlation, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Choose the outputs of a tile: a window of at least twice the filter, less the filter."""
    side = min(WINDOW, LINE) if len(sizes) == 1 else round(WINDOW ** (1 / len(sizes)))
    sides = (max(side, 1 << (2 * f).bit_length()) for f in corr.f)
    return tuple(even_step(n, m - f + 1, 1) for n, m, f in zip(sizes, sides, corr.f, strict=True))


def fast_size(n: int) -> int:
    """Find the next size that is 4, 5 or 6 times a power of 2: those transform fast."""
    power = max(1 << (n - 1).bit_length(), 8)
    return next(size for size in (power * 5 // 8, power * 3 // 4, power) if size >= n)


def balanced(slab: Array, f: Sequence[int], groups: int) -> bool:
    """Whether a transform is accurate for every output, by what that output reads.

    A transform rounds against the largest number of its window. So every output must read some
    number that is not too far below that. The slab is divided into cells of a quarter of the
    filter; an output reads at least some neighbouring cells completely, and their maximum is
    compared.

    Parameters
    ----------
    slab : ndarray, shape (batch, channels, spatial...)
    f : sequence of int
        Filter size of each spatial axis.
    groups : int
        An output reads all channels of its group.
    """
    magnitude = np.abs(slab)
    largest = magnitude.max()
    if not np.isfinite(largest):
        return False
    channels = split(magnitude, 1, groups)
    read = reduce(np.maximum, (channels[:, :, c] for c in range(channels.shape[2])))
    for axis, size in enumerate(f, 2):
        cell = max(size // 4, 1)
        count = read.shape[axis] // cell
        if cell < _LONG:
            read = _maximum(read, axis, [slice(k, count * cell, cell) for k in range(cell)])
        else:
            inside = read[at(*(EVERY,) * axis, slice(count * cell))]
            read = split(inside, axis, count).max(axis + 1)
        whole = (size - cell + 1) // cell  # cells that every output reads completely
        read = _maximum(read, axis, [slice(k, count - whole + 1 + k) for k in range(whole)])
    return bool(largest * np.finfo(slab.dtype).eps <= LARGEST_ERROR * read.min())


def _maximum(x: Array, axis: int, parts: list[slice]) -> Array:
    """Return the maximum of some parts of an axis, element by element."""
    return reduce(np.maximum, (x[at(*(EVERY,) * axis, part)] for part in parts))


def correlate(slab: Array, corr: Correlation, out: Array) -> bool:
    """Correlate a slab, see `numpy_engine.Method`."""
    if not balanced(slab, corr.f, corr.groups):
        return False
    batch, groups, dims = len(slab), corr.groups, len(corr.f)
    window = tuple(fast_size(n) for n in slab.shape[2:])
    spectrum = corr.cached(_spectrum, window)
    half = buffer("half", (*slab.shape[:2], *window[:-1], window[-1] // 2 + 1), spectrum.dtype)
    inside = half[at(..., *map(slice, slab.shape[2:-1]), EVERY)]
    if inside.shape != half.shape:
        half[...] = 0
    np.fft.rfft(slab, window[-1], out=inside)
    for axis in range(-2, -dims - 1, -1):
        np.fft.fft(half, None, axis, out=half)
    x, y = split(half, 1, groups), split(out, 1, groups)
    finite = True
    for o in range(corr.each_out):
        total = _mix(x, spectrum[:, o])
        for axis in range(-dims, -1):  # only what is kept goes on
            np.fft.ifft(total, None, axis, out=total)
            total = total[at(..., slice(out.shape[axis]), *(EVERY,) * (-axis - 1))]
        real = buffer("real", (*total.shape[:-1], window[-1]), slab.dtype)
        np.fft.irfft(total, window[-1], out=real)
        y[:, :, o] = real[..., : out.shape[-1]]
        # A NaN or an infinity spreads over its whole window.
        finite = finite and bool(np.isfinite(real.reshape(batch * groups, -1)[:, 0]).all())
    return finite


def _spectrum(corr: Correlation, window: tuple[int, ...]) -> Array:
    """Transform the filter: (groups, out, in, window); conjugate, as it is not flipped."""
    axes = tuple(range(2, corr.filter.ndim))
    spectrum = np.fft.rfftn(corr.filter.astype(np.float64), window, axes).conj()
    single = np.result_type(corr.filter.dtype, np.complex64)
    return split(spectrum, 0, corr.groups).astype(single)


def _mix(x: Array, spectrum: Array) -> Array:
    """Sum over the input channels of each group."""
    total = buffer("total", x[:, :, 0].shape, x.dtype)
    product = buffer("product", total.shape, x.dtype)
    for c in range(x.shape[2]):
        np.multiply(x[:, :, c], spectrum[:, c], out=product if c else total)
        if c:
            np.add(total, product, out=total)
    return total

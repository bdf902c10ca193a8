"""Overlap-save: the slab of a tile is one window of a Fourier transform."""

from collections.abc import Iterator, Sequence
from functools import reduce
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convcli.arrays.dtypes import Array, at
from convcli.engines.correlation import EVERY, Correlation, even_step, split
from convcli.engines.scratch import buffer

METHODS = frozenset({"fft", "opencv-fft"})  # that round as a transform does
WINDOW = 1 << 18  # numbers in a window
SHORTEST = 1 << 10  # of those of a line, which is cut into short ones: they fit the first cache
LINE = 1 << 16  # outputs of a tile of a line: with fewer, threads would wait for each other
LARGEST_ERROR = 1e-4  # from rounding, of the largest number that an output reads
_LONG = 32  # numbers of a cell along an axis, from which on one reduction is faster than many
TRANSFORM = 9.0  # nanoseconds for a number, both ways, on one core
OF_A_LINE = 5.0  # the same in a short window
DOUBLE = 0.7  # of that for each half of a float64, as other methods take twice as long for one


def applies(corr: Correlation) -> bool:
    """Whether stride and dilation are 1, and sums may be rounded."""
    return max(*corr.stride, *corr.dilation) == 1 and not corr.exact


def cost(corr: Correlation, sizes: tuple[int, ...]) -> float:
    """Estimate nanoseconds for an output pixel of a group."""
    each = corr.each_in + corr.each_out
    transform = TRANSFORM if len(sizes) > 1 else OF_A_LINE
    number = transform / 2 * each + 2 * corr.each_in * corr.each_out
    if corr.filter.itemsize > 4:
        number *= DOUBLE
    if len(sizes) == 1:
        return line_window(corr.f[0]) / line_step(corr.f[0]) * number
    return _window(corr, sizes) / prod(tile(corr, sizes)) * number


def spectrum_size(corr: Correlation, sizes: tuple[int, ...]) -> int:
    """Count the bytes of the spectra of all filters, for windows of a tile."""
    window = line_window(corr.f[0]) if len(sizes) == 1 else _window(corr, sizes)
    filters = len(corr.filter) * corr.each_in
    return filters * window * corr.filter.itemsize  # half of the numbers, and each is complex


def _window(corr: Correlation, sizes: tuple[int, ...]) -> int:
    """Count the numbers of the window of a tile, of several axes."""
    steps = tile(corr, sizes)
    return prod(fast_size(step + f - 1) for step, f in zip(steps, corr.f, strict=True))


def tile(corr: Correlation, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Choose the outputs of a tile: a window of at least twice the filter, less the filter."""
    if len(sizes) == 1:
        step = line_step(corr.f[0])
        return (min(max(LINE // step, 1) * step, sizes[0]),)
    side = round(WINDOW ** (1 / len(sizes)))
    sides = (max(side, 1 << (2 * f).bit_length()) for f in corr.f)
    return tuple(even_step(n, m - f + 1, 1) for n, m, f in zip(sizes, sides, corr.f, strict=True))


def line_window(f: int) -> int:
    """Choose the numbers of a window of a line: eight times the filter, a power of 2."""
    return max(1 << (8 * f - 1).bit_length(), SHORTEST)


def line_step(f: int) -> int:
    """Count the outputs of a window of a line."""
    return line_window(f) - f + 1


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
    largest = max(slab.max(), -slab.min())
    if not np.isfinite(largest):
        return False
    least = largest * np.finfo(slab.dtype).eps / LARGEST_ERROR
    # Most often a line of each cell holds a number that is large enough.
    some = len(f) > 1 and _least_read(slab[:, :, :: _cell(f[0])], f, groups, lines=True) >= least
    return bool(some or _least_read(slab, f, groups) >= least)


def _least_read(slab: Array, f: Sequence[int], groups: int, lines: bool = False) -> float:
    """Find the magnitude that every output reads at least; `lines` are the first of each cell."""
    channels = split(np.abs(slab), 1, groups)
    read = reduce(np.maximum, (channels[:, :, c] for c in range(channels.shape[2])))
    for axis, size in enumerate(f, 2):
        cell = _cell(size)
        if lines and axis == 2:
            count = read.shape[axis]
        else:
            count = read.shape[axis] // cell
            read = _cells(read, axis, count, cell)
        whole = (size - cell + 1) // cell  # cells that every output reads completely
        read = _maximum(read, axis, [slice(k, count - whole + 1 + k) for k in range(whole)])
    return float(read.min())


def _cell(f: int) -> int:
    return max(f // 4, 1)


def _cells(read: Array, axis: int, count: int, cell: int) -> Array:
    """Take the maximum of each cell along an axis."""
    if cell < _LONG:
        return _maximum(read, axis, [slice(k, count * cell, cell) for k in range(cell)])
    inside: Array = read[at(*(EVERY,) * axis, slice(count * cell))]
    largest: Array = split(inside, axis, count).max(axis + 1)
    return largest


def _maximum(x: Array, axis: int, parts: list[slice]) -> Array:
    """Return the maximum of some parts of an axis, element by element."""
    return reduce(np.maximum, (x[at(*(EVERY,) * axis, part)] for part in parts))


def correlate(slab: Array, corr: Correlation, out: Array) -> bool:
    """Correlate a slab, see `numpy_engine.Method`."""
    if not balanced(slab, corr.f, corr.groups):
        return False
    if len(corr.f) > 1:
        return _correlate(slab, corr, out)
    finite = True
    for x, y in _in_windows(slab, out, corr.f[0]):
        finite = _correlate(x, corr, y) and finite
    return finite


def _in_windows(slab: Array, out: Array, f: int) -> Iterator[tuple[Array, Array]]:
    """View lines as many short ones, and their outputs.

    Parameters
    ----------
    slab, out : ndarray, shape (images, channels, line)
    f : int
        Size of the filter.

    Yields
    ------
    x, y : ndarray, shape (windows, channels, window) and (windows, channels, step)
        Those of an image; the last window, which is shorter, by itself.
    """
    step = line_step(f)
    count, rest = divmod(out.shape[-1], step)
    for line, made in zip(slab, out, strict=True):
        if count:
            x = _overlapping(line, count, step, step + f - 1)
            yield x, _overlapping(made, count, step, step)
        if rest:
            yield line[None, :, count * step :], made[None, :, count * step :]


def _overlapping(lines: Array, count: int, step: int, size: int) -> Array:
    """View windows of lines, which begin `step` numbers apart: (windows, channels, size)."""
    along = lines.strides[-1]
    strides = (step * along, lines.strides[0], along)
    return as_strided(lines, (count, len(lines), size), strides)


def _correlate(slab: Array, corr: Correlation, out: Array) -> bool:
    """Correlate a slab in one window of each image."""
    groups, dims = corr.groups, len(corr.f)
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
    for o in range(corr.each_out):
        total = _mix(x, spectrum[:, o])
        for axis in range(-dims, -1):  # only what is kept goes on
            np.fft.ifft(total, None, axis, out=total)
            total = total[at(..., slice(out.shape[axis]), *(EVERY,) * (-axis - 1))]
        real = buffer("real", (*total.shape[:-1], window[-1]), slab.dtype)
        np.fft.irfft(total, window[-1], out=real)
        y[:, :, o] = real[..., : out.shape[-1]]
    # A NaN or an infinity spreads over its whole window; large numbers overflow in a part of it.
    return bool(np.isfinite(out.sum()))


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

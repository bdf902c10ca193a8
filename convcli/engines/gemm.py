"""Matrix products: a banded filter times shifted copies of the slab.

One product makes `rows` outputs of the first axis for all columns. With 3 taps and ``rows = 2``::

    [w0 w1 w2  0]     [x0]     [y0]        x0, x1, ...: rows of the slab
    [ 0 w0 w1 w2]  @  [x1]  =  [y1]        y0, y1, ...: rows of the output
                      [x2]
                      [x3]

The next product starts `rows` rows further down. Each x stands for several *lines*, one for each
input channel and each tap of the other axes: the row copied, shifted by that tap. Each w stands for
as many weights.
"""

from collections.abc import Iterator
from functools import cache
from math import ceil, prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convcli.arrays.dtypes import Array
from convcli.engines.correlation import Correlation, even_step, split
from convcli.engines.scratch import buffer
from convcli.geometry.window.size import effective_filter

# Nanoseconds on one core, float32: to copy a number; to multiply and add it with BLAS in the
# columns of 1-D, in a few rows with and without AVX-512, and in 16 or more; to pass over it in the
# tile; to lay out an output of a single axis.
COPY, COLUMNS, FEW_512, FEW, MANY, PASS, LAID_OUT = 0.2, 1 / 50, 1 / 90, 1 / 50, 1 / 80, 0.6, 1.7
# Multiplications up to which OpenBLAS with AVX-512 does not first copy the second matrix, which
# takes longer than to multiply it by a few rows; fewer columns than this are slow by themselves.
_SMALL, _LEAST_COLUMNS = 10**6, 64


def band_rows(corr: Correlation) -> int:
    """Choose how many outputs of the first axis one product makes, so that it has 4 to 14 rows."""
    if corr.each_out == 1:
        return 4 if corr.f[0] <= 5 else 8
    return 4 if corr.each_out < 4 else 2 if corr.each_out < 16 else 1


def cost(corr: Correlation, sizes: tuple[int, ...]) -> float:
    """Estimate nanoseconds for an output pixel of a group."""
    f, *taps = corr.f
    s: float
    s, d = corr.stride[0], corr.dilation[0]
    rows = min(band_rows(corr), sizes[0])
    lines = corr.each_in * prod(taps)
    reach = (rows - 1) * s + (f if s == 1 else effective_filter(f, d))
    if rows == 1:
        lines, reach, s = lines * f, 1, 1
    multiplied, laid_out = (MANY if corr.each_out >= 16 else _few()), 0.0
    if len(corr.f) == 1:  # in 1-D every product copies its rows
        s, multiplied, laid_out = reach / rows, COLUMNS, LAID_OUT
    products = 2 * corr.each_out * reach * lines
    return lines * s * COPY + laid_out + products * multiplied + corr.each_out * PASS


@cache
def _few() -> float:
    """Estimate nanoseconds to multiply by a few rows, for which OpenBLAS has a kernel or not."""
    found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    return FEW_512 if {"X86_V4", "AVX512_SKX"}.intersection(found) else FEW


def copies(corr: Correlation) -> int:
    """Count the numbers copied for an output pixel of a group."""
    if band_rows(corr) == 1:
        return corr.each_in * prod(corr.f)
    return ceil(corr.each_in * prod(corr.f[1:]) * corr.stride[0] / phases(corr))


def correlate(slab: Array, corr: Correlation, out: Array, rows: int | None = None) -> bool:
    """Correlate a slab, see `numpy_engine.Method`; one product makes `rows` outputs."""
    rows = rows or band_rows(corr)
    if rows == 1 and len(corr.f) < 3:
        slab, out, corr = slab[:, :, None], out[:, :, None], corr.cached(_with_first_axis)
    count = phases(corr)
    if count > 1:
        parts = [slice(phase, None, count) for phase in range(min(count, out.shape[2]))]
        finite = [_correlate(slab[:, :, p], corr, out[:, :, p], rows, 1, 1) for p in parts]
        return all(finite)
    return _correlate(slab, corr, out, rows, corr.stride[0], corr.dilation[0])


def phases(corr: Correlation) -> int:
    """Count the correlations without dilation of its first axis that a correlation is.

    Without stride, the outputs of every d-th row read every d-th row.
    """
    return corr.dilation[0] if corr.stride[0] == 1 else 1


def _with_first_axis(corr: Correlation) -> Correlation:
    """Add a first axis of size 1: the band is then trivial, and every tap is a copy."""
    stride, dilation = (1, *corr.stride), (1, *corr.dilation)
    return Correlation(corr.filter[:, :, None], stride, dilation, corr.groups, corr.exact)


def _correlate(slab: Array, corr: Correlation, out: Array, rows: int, s: int, d: int) -> bool:
    """Make all outputs: as many products of `rows` outputs as fit, and one for the rest."""
    h = out.shape[2]
    rows = min(rows, h)
    lines = _copy_lines(slab, corr, out.shape[3:])
    count, rest = divmod(h, rows)
    finite = _multiply(lines, corr, out[:, :, : count * rows], rows, s, d)
    if rest:
        start = count * rows
        finite &= _multiply(lines[:, :, start * s :], corr, out[:, :, start:], rest, s, d)
    return finite


def _multiply(lines: Array, corr: Correlation, out: Array, rows: int, s: int, d: int) -> bool:
    """Make outputs by products of `rows` of them; returns False if a NaN may have spread.

    Parameters
    ----------
    lines : ndarray, shape (batch, groups, slab rows, lines of a row, columns)
    corr : Correlation
    out : ndarray, shape (batch, out channels, a multiple of `rows`, sizes...)
    rows, s, d : int
        Outputs of a product; stride and dilation of the first axis.
    """
    batch, groups, _, per_row, columns = lines.shape
    count = out.shape[2] // rows
    band = corr.cached(_band, rows, s, d)
    # (batch, groups, count, lines under the band, columns): overlapping views, no copies.
    step = lines.strides[2]
    under = as_strided(
        lines,
        (batch, groups, count, band.shape[2], columns),
        (*lines.strides[:2], rows * s * step, step // per_row, lines.strides[4]),
        writeable=False,
    )
    y = split(split(out, 1, groups), 3, count).swapaxes(2, 3)  # b g count o rows *sizes
    target = y.reshape(batch, groups, count, band.shape[1], columns)
    # BLAS writes to any matrix with one contiguous axis; a reshape may have copied.
    direct = np.may_share_memory(target, out) and target.itemsize in target.strides[-2:]
    if not direct:
        target = buffer("target", target.shape, out.dtype)
    if columns == 1:  # the products as columns: one matrix product instead of many with a vector
        packed = buffer("packed", under.shape[:-1], lines.dtype)
        np.copyto(packed, under[..., 0])
        np.matmul(packed, band.swapaxes(1, 2), out=target[..., 0])
    else:
        for some in _pieces(columns, band[0].size):
            np.matmul(band[:, None], under[..., some], out=target[..., some])
    if not direct:
        y[...] = target.reshape(y.shape)
    # The zeros of the band spread a NaN to all rows of a product: one of them shows it.
    return bool(np.isfinite(target[..., ::rows, :].sum()))


def _pieces(columns: int, each: int) -> Iterator[slice]:
    """Cut the columns of a product so that BLAS is fast; each takes so many multiplications."""
    most = _SMALL // each
    step = even_step(columns, most, 1) if most >= _LEAST_COLUMNS else columns
    for start in range(0, columns, step):
        yield slice(start, start + step)


def _copy_lines(slab: Array, corr: Correlation, sizes: tuple[int, ...]) -> Array:
    """Copy the slab once for each tap of all axes but the first.

    Returns
    -------
    ndarray, shape (batch, groups, slab rows, lines, columns)
        Lines: channels of a group, then taps. Columns: outputs of all axes but the first.
    """
    batch, _, n = slab.shape[:3]
    steps = slab.strides
    shape = (batch, corr.groups, n, corr.each_in, *corr.f[1:], *sizes)
    strides: tuple[int, ...] = (steps[0], steps[1] * corr.each_in, steps[2], steps[1])
    for factors in (corr.dilation[1:], corr.stride[1:]):
        strides += tuple(k * step for k, step in zip(factors, steps[3:], strict=True))
    lines = as_strided(slab, shape, strides, writeable=False)
    per_row, columns = corr.each_in * prod(corr.f[1:]), prod(sizes)
    if per_row > 1 or len(sizes) != 1:
        copied = buffer("lines", shape, slab.dtype)
        np.copyto(copied, lines)
        lines = copied
    return lines.reshape(batch, corr.groups, n, per_row, columns)


def _band(corr: Correlation, rows: int, stride: int, dilation: int) -> Array:
    """Repeat the filter on a diagonal: (groups, outputs of a group * rows, lines)."""
    outputs, channels, f, *rest = corr.filter.shape
    e = effective_filter(f, dilation)
    w = corr.filter.reshape(corr.groups, -1, channels, f, prod(rest)).transpose(0, 1, 3, 2, 4)
    band = np.zeros((*w.shape[:2], rows, (rows - 1) * stride + e, *w.shape[3:]), w.dtype)
    for r in range(rows):
        band[:, :, r, r * stride : r * stride + e : dilation] = w
    return band.reshape(corr.groups, outputs // corr.groups * rows, -1)

"""Matrix products: the slab is copied once for each tap of every axis but the first, and the first
axis becomes a banded matrix over several output rows, so that one product does all taps.
"""

from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convcli.arrays.dtypes import Array
from convcli.engines.correlation import Correlation, split
from convcli.engines.scratch import buffer

# Nanoseconds on one core, float32: a number copied; multiplied and added by BLAS in a few rows, in
# 16 or more; a pass over the tile.
COPY, FEW, MANY, PASS = 0.2, 1 / 50, 1 / 80, 0.6


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
    reach = (rows - 1) * s + (f if s == 1 else d * (f - 1) + 1)
    if rows == 1:
        lines, reach, s = lines * f, 1, 1
    if len(corr.f) == 1:  # of a line, each block of rows is copied
        s = reach / rows
    products = 2 * corr.each_out * reach * lines
    return (
        lines * s * COPY + products * (MANY if corr.each_out >= 16 else FEW) + corr.each_out * PASS
    )


def copies(corr: Correlation) -> int:
    """Numbers that are copied for an output pixel of a group."""
    taps = corr.f[1:] if band_rows(corr) > 1 else corr.f
    return corr.each_in * prod(taps) * corr.stride[0]


def convolve(slab: Array, corr: Correlation, out: Array, rows: int | None = None) -> bool:
    """Convolve a slab, see `numpy.Method.convolve`; `rows` outputs of the first axis at once."""
    rows = rows or band_rows(corr)
    if rows == 1 and len(corr.f) < 3:
        slab, out, corr = slab[:, :, None], out[:, :, None], corr.table(_with_axis)
    s, d = corr.stride[0], corr.dilation[0]
    if s == 1 and d > 1:  # the rows of each phase are a plain convolution
        phases = [slice(phase, None, d) for phase in range(min(d, out.shape[2]))]
        done = [_convolve(slab[:, :, p], corr, out[:, :, p], rows, 1, 1) for p in phases]
        return all(done)
    return _convolve(slab, corr, out, rows, s, d)


def _with_axis(corr: Correlation) -> Correlation:
    """Put an axis of size 1 in front: then no axis is banded, and every tap is copied."""
    stride, dilation = (1, *corr.stride), (1, *corr.dilation)
    return Correlation(corr.filter[:, :, None], stride, dilation, corr.groups, corr.exact)


def _convolve(slab: Array, corr: Correlation, out: Array, rows: int, s: int, d: int) -> bool:
    batch, groups, h = len(slab), corr.groups, out.shape[2]
    seen, lines, columns = _copy_taps(slab, corr, out.shape[3:])
    y = split(out, 1, groups)  # batch, groups, outputs, h, *sizes
    finite = True
    rows = min(rows, h)
    # Blocks of `rows` outputs, and what remains of them.
    for start, count, r in ((0, h // rows, rows), (h // rows * rows, 1, h % rows)):
        if not count or not r:
            continue
        band = corr.table(_band, r, s, d)
        blocks = as_strided(
            seen[:, :, start * s * lines :],
            (batch, groups, count, band.shape[2], columns),
            (*seen.strides[:2], r * s * lines * seen.strides[2], *seen.strides[2:]),
            writeable=False,
        )
        part = split(y[:, :, :, start : start + count * r], 3, count)  # b g o count r *sizes
        target = part.swapaxes(2, 3).reshape(batch, groups, count, band.shape[1], columns)
        # BLAS writes to any matrix one of whose axes is dense; a reshape may have copied.
        direct = np.may_share_memory(target, out) and target.itemsize in target.strides[-2:]
        if not direct:
            target = buffer("target", target.shape, out.dtype)
        if columns == 1:  # blocks as columns: else a product with a vector
            packed = buffer("blocks", blocks.shape[:-1], slab.dtype)
            np.copyto(packed, blocks[..., 0])
            np.matmul(packed, band.swapaxes(1, 2), out=target[..., 0])
        else:
            np.matmul(band[:, None], blocks, out=target)
        if not direct:
            part.swapaxes(2, 3)[...] = target.reshape(part.swapaxes(2, 3).shape)
        # One row of each block tells: 0 * nan is nan, and every row of a block read the same.
        finite = finite and bool(np.isfinite(target[..., ::r, :].sum()))
    return finite


def _copy_taps(slab: Array, corr: Correlation, sizes: tuple[int, ...]) -> tuple[Array, int, int]:
    """Copy the slab for each tap of the rear axes: (batch, groups, n * lines, columns)."""
    batch, _, n = slab.shape[:3]
    item = slab.strides
    shape = (batch, corr.groups, n, corr.each_in, *corr.f[1:], *sizes)
    strides: tuple[int, ...] = (item[0], item[1] * corr.each_in, item[2], item[1])
    for steps in (corr.dilation[1:], corr.stride[1:]):
        strides += tuple(step * size for step, size in zip(steps, item[3:], strict=True))
    copied = as_strided(slab, shape, strides, writeable=False)
    lines, columns = corr.each_in * prod(corr.f[1:]), prod(sizes)
    if lines > 1 or len(sizes) != 1:
        made = buffer("copies", shape, slab.dtype)
        np.copyto(made, copied)
        copied = made
    return copied.reshape(batch, corr.groups, n * lines, columns), lines, columns


def _band(corr: Correlation, rows: int, stride: int, dilation: int) -> Array:
    """Spread the filter over several outputs of the first axis: (groups, out * rows, taps)."""
    outputs, channels, f, *rest = corr.filter.shape
    e = dilation * (f - 1) + 1
    w = corr.filter.reshape(corr.groups, -1, channels, f, prod(rest)).transpose(0, 1, 3, 2, 4)
    band = np.zeros((*w.shape[:2], rows, (rows - 1) * stride + e, *w.shape[3:]), w.dtype)
    for r in range(rows):
        band[:, :, r, r * stride : r * stride + e : dilation] = w
    return band.reshape(corr.groups, outputs // corr.groups * rows, -1)

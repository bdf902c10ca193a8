"""Columns as channels: turns a convolution of one channel into one of many, for PyTorch on a CPU.

oneDNN has fast kernels for many channels only. The columns that a *run* of 16 outputs reads become
input channels, the outputs of the run output channels. With a filter of 3 columns, stride 1::

    outputs     y0 y1 ... y15 | y16 ...            18 input channels, 16 output channels,
    columns  x0 x1 x2 ... x17 | x16 x17 ...        one run every 16 columns

    band     [w0 w1 w2  0 ...  0]     y0  = w0 x0 + w1 x1 + w2 x2
             [ 0 w0 w1 w2 ...  0]     y1  = w0 x1 + w1 x2 + w2 x3
             ...
"""

import itertools
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from convcli.engines.base import Pads
from convcli.engines.correlation import Correlation
from convcli.geometry.window.size import effective_filter

_RUN = 16  # outputs of a run: one AVX-512 vector of float32


def applies(corr: Correlation) -> bool:
    """Whether all channels are separate and share one filter of finite weights."""
    return corr.has_one_filter and bool(np.isfinite(corr.filter[:1]).all())


def products(corr: Correlation) -> int:
    """Count multiplications for each output, including those with zeros of the band."""
    return prod(corr.f[:-1]) * _run(corr)[0]


def copied(corr: Correlation) -> float:
    """Count numbers copied for each number of the input."""
    size, step = _run(corr)
    return size / step


def correlate(torch: Any, x: Any, corr: Correlation, pads: Pads, sizes: tuple[int, ...]) -> Any:
    """Correlate.

    Parameters
    ----------
    torch : module
    x : Tensor, shape (batch, channels, spatial...)
    corr : Correlation
        One to which this method `applies`.
    pads : sequence of (int, int)
        Zeros to add to `x`.
    sizes : tuple of int
        Outputs of each axis.

    Returns
    -------
    Tensor or None
        (batch, channels, sizes...); None if the zeros of the band spread a NaN or an infinity.
    """
    *others, (before, _) = pads
    padding = (*map(min, others), 0)
    images = padded(torch, x.reshape(-1, *x.shape[2:]), (*others, (0, 0)), padding)
    runs = _runs(torch, images, before, -(-sizes[-1] // _RUN), *_run(corr))
    made = getattr(torch.nn.functional, f"conv{len(corr.f)}d")(
        runs, corr.cached(_band, torch), None,
        (*corr.stride[:-1], 1), padding, (*corr.dilation[:-1], 1),
    )  # fmt: skip
    if not torch.isfinite(made[:, 0].sum()):  # every output of a run has read the same columns
        return None
    return made.movedim(1, -1).reshape(*x.shape[:2], *sizes[:-1], -1)[..., : sizes[-1]]


def padded(torch: Any, x: Any, pads: Pads, padding: Sequence[int]) -> Any:
    """Add the zeros that PyTorch's `padding` cannot: it adds as many at both ends."""
    if all(pad == (p, p) for pad, p in zip(pads, padding, strict=True)):
        return x
    rest = ((before - p, after - p) for (before, after), p in zip(pads, padding, strict=True))
    innermost_first = [side for pad in reversed([*rest]) for side in pad]
    return torch.nn.functional.pad(x, innermost_first)


def _run(corr: Correlation) -> tuple[int, int]:
    """Count the columns that a run of outputs reads, and those from one run to the next."""
    s, d = corr.stride[-1], corr.dilation[-1]
    return (_RUN - 1) * s + effective_filter(corr.f[-1], d), _RUN * s


def _runs(torch: Any, x: Any, before: int, count: int, size: int, step: int) -> Any:
    """Copy the columns of each run: (images, size, all spatial axes but the last..., count).

    The first run starts in the zeros before `x`. Runs inside `x` are copied in one step; only
    those at its two ends are padded first::

        zeros | x ..................... | zeros
        [run 0    ] [run 1] [run 2] [run 3    ]
        padded      one copy        padded
    """
    first, last = -(-before // step), min((before + x.shape[-1] - size) // step + 1, count)
    cuts = [0, first, last, count] if first < last else [0, count]
    parts = []
    for i, j in itertools.pairwise(cuts):
        if i == j:
            continue
        start, width = i * step - before, (j - i - 1) * step + size
        part = x[..., max(start, 0) : max(start + width, 0)]
        left = min(max(-start, 0), width)
        right = width - left - part.shape[-1]
        if left or right:
            part = torch.nn.functional.pad(part, (left, right))
        parts.append(part.unfold(-1, size, step))
    return torch.cat(parts, -2).movedim(-1, 1)


def _band(corr: Correlation, torch: Any) -> Any:
    """Repeat the filter on a diagonal: (outputs, columns, f without its last axis..., 1)."""
    w = corr.filter[0, 0]
    size, _ = _run(corr)
    s, d = corr.stride[-1], corr.dilation[-1]
    band = np.zeros((_RUN, *w.shape[:-1], 1, size), w.dtype)
    for b in range(_RUN):
        band[b, ..., 0, b * s : b * s + d * w.shape[-1] : d] = w
    return torch.from_numpy(band).movedim(-1, 1)  # columns innermost, as `_runs` lays them out

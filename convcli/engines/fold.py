"""Makes channels for PyTorch where there is one: the columns that a run of outputs reads.

The filter becomes a band that makes a run from them, so that a convolution of one channel is one of
many, for which oneDNN has fast kernels.
"""

import itertools
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from convcli.engines.base import Pads
from convcli.engines.correlation import Correlation

_RUN = 16  # outputs of a run: in float32 a vector of AVX-512


def applies(corr: Correlation) -> bool:
    """Whether every channel stands by itself, all under one filter that zeros do not spread."""
    w = corr.filter
    single = corr.each_in == corr.each_out == 1
    return single and bool((w == w[:1]).all()) and bool(np.isfinite(w).all())


def products(corr: Correlation) -> int:
    """Products for each output, those with a zero of the band among them."""
    return prod(corr.f[:-1]) * _run(corr)[0]


def copied(corr: Correlation) -> float:
    """Numbers that are copied for each of the input."""
    size, step = _run(corr)
    return size / step


def convolve(torch: Any, x: Any, corr: Correlation, pads: Pads, sizes: tuple[int, ...]) -> Any:
    """Convolve.

    Parameters
    ----------
    torch : module
    x : Tensor, shape (batch, channels, spatial...)
    corr : Correlation
        That `applies`.
    pads : sequence of (int, int)
        Zeros to add to `x`.
    sizes : tuple of int
        Outputs of each axis.

    Returns
    -------
    Tensor or None
        (batch, channels, sizes...); None if there is a NaN or an infinity, which the zeros of the
        band spread.
    """
    *others, (before, _) = pads
    padding = (*map(min, others), 0)
    images = padded(torch, x.reshape(-1, *x.shape[2:]), (*others, (0, 0)), padding)
    runs = _runs(torch, images, before, -(-sizes[-1] // _RUN), *_run(corr))
    made = getattr(torch.nn.functional, f"conv{len(corr.f)}d")(
        runs, corr.table(_band, torch), None,
        (*corr.stride[:-1], 1), padding, (*corr.dilation[:-1], 1),
    )  # fmt: skip
    if not torch.isfinite(made[:, 0].sum()):  # every column of a run has read the same
        return None
    return made.movedim(1, -1).reshape(*x.shape[:2], *sizes[:-1], -1)[..., : sizes[-1]]


def padded(torch: Any, x: Any, pads: Pads, padding: Sequence[int]) -> Any:
    """Add the zeros that a layer of PyTorch's will not, which has as many at both ends."""
    if all(pad == (p, p) for pad, p in zip(pads, padding, strict=True)):
        return x
    rest = ((before - p, after - p) for (before, after), p in zip(pads, padding, strict=True))
    innermost_first = [side for pad in reversed([*rest]) for side in pad]
    return torch.nn.functional.pad(x, innermost_first)


def _run(corr: Correlation) -> tuple[int, int]:
    """How many columns a run of outputs reads, and how many further the next one begins."""
    s, d = corr.stride[-1], corr.dilation[-1]
    return (_RUN - 1) * s + d * (corr.f[-1] - 1) + 1, _RUN * s


def _runs(torch: Any, x: Any, before: int, count: int, size: int, step: int) -> Any:
    """Copy what each run reads: (images, size, spatial but the last..., count).

    The first run begins in the zeros before `x`. Those that `x` holds whole are copied from it at
    once; only those at its ends are padded.
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
    """Spread the filter: (column out, column in, f but its last axis..., 1)."""
    w = corr.filter[0, 0]
    size, _ = _run(corr)
    s, d = corr.stride[-1], corr.dilation[-1]
    band = np.zeros((_RUN, *w.shape[:-1], 1, size), w.dtype)
    for b in range(_RUN):
        band[b, ..., 0, b * s : b * s + d * w.shape[-1] : d] = w
    return torch.from_numpy(band).movedim(-1, 1)  # columns innermost, as `_runs` lays them

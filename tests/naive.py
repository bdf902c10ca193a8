"""Convolution as the definition says it, one sum at a time: the oracle of these tests."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

PAD_MODES = {
    "symmetric": "symmetric",
    "zeros": "constant",
    "reflect": "reflect",
    "replicate": "edge",
    "circular": "wrap",
}


def convolve(
    x: NDArray[Any],
    w: NDArray[Any],
    stride: Sequence[int],
    pads: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    groups: int = 1,
    mode: str = "zeros",
) -> NDArray[Any]:
    """Cross-correlate x (batch, channels, spatial...) with w (out, in/groups, spatial...)."""
    x = np.pad(x, [(0, 0), (0, 0), *pads], mode=PAD_MODES[mode])  # type: ignore[call-overload]
    dims = x.ndim - 2
    out = [
        (x.shape[2 + k] - dilation[k] * (w.shape[2 + k] - 1) - 1) // stride[k] + 1
        for k in range(dims)
    ]
    y = np.zeros((x.shape[0], w.shape[0], *out), np.result_type(x, w))
    each_in, each_out = w.shape[1], w.shape[0] // groups
    for b, o in itertools.product(range(y.shape[0]), range(y.shape[1])):
        first = o // each_out * each_in
        for place in np.ndindex(*out):
            for c, *tap in itertools.product(range(each_in), *map(range, w.shape[2:])):
                at = tuple(place[k] * stride[k] + tap[k] * dilation[k] for k in range(dims))
                y[(b, o, *place)] += x[(b, first + c, *at)] * w[(o, c, *tap)]
    return y


def transpose_convolve(
    x: NDArray[Any],
    w: NDArray[Any],
    stride: Sequence[int],
    pads: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    output_padding: Sequence[int],
    groups: int = 1,
) -> NDArray[Any]:
    """Spread x (batch, channels, ...) over an output by w (in, out/groups, ...), then crop."""
    dims = x.ndim - 2
    whole = [
        (x.shape[2 + k] - 1) * stride[k]
        + dilation[k] * (w.shape[2 + k] - 1)
        + 1
        + output_padding[k]
        for k in range(dims)
    ]
    each_in, each_out = x.shape[1] // groups, w.shape[1]
    y = np.zeros((x.shape[0], each_out * groups, *whole), np.result_type(x, w))
    for b, c in itertools.product(range(x.shape[0]), range(x.shape[1])):
        group = c // each_in
        for place in np.ndindex(*x.shape[2:]):
            for o, *tap in itertools.product(range(each_out), *map(range, w.shape[2:])):
                at = tuple(place[k] * stride[k] + tap[k] * dilation[k] for k in range(dims))
                y[(b, group * each_out + o, *at)] += x[(b, c, *place)] * w[(c, o, *tap)]
    crop = tuple(slice(b, y.shape[2 + k] - e) for k, (b, e) in enumerate(pads))
    return y[(slice(None), slice(None), *crop)]

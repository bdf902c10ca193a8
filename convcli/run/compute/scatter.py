"""A transposed convolution by its definition: every input pixel adds to the outputs it writes.

Lowered to plain convolutions (see `passes`) an output also reads the zeros around the input. That
makes no difference unless a weight is NaN or infinite: then zero times the weight is NaN.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from convcli.arrays.dtypes import Array, at
from convcli.engines.correlation import split
from convcli.geometry.window.axis import Axis


def scatter(
    x: Array,
    filter_: Array,
    axes: Sequence[Axis],
    groups: int,
    origin: Sequence[int],
    outputs: Sequence[range],
) -> Array:
    """Make a box of the output of a transposed convolution.

    Parameters
    ----------
    x : ndarray, shape (batch, channels, spatial...)
        The input, or the part of it that the outputs need; of the type to compute in.
    filter_ : ndarray, shape (out, in per group, *f)
    axes : sequence of Axis
    groups : int
    origin : sequence of int
        The input pixel of each axis that is first in `x`.
    outputs : sequence of range
        Of each spatial axis.

    Returns
    -------
    ndarray, shape (batch, out, *outputs)
    """
    y = np.zeros((len(x), len(filter_), *map(len, outputs)), x.dtype)
    inputs, weights, sums = split(x, 1, groups), split(filter_, 0, groups), split(y, 1, groups)
    for tap in itertools.product(*(range(axis.f) for axis in axes)):
        source, target = [], []
        for axis, k, first, size, out in zip(axes, tap, origin, x.shape[2:], outputs, strict=True):
            shift = k * axis.d - axis.pb  # input i writes output i·s + shift
            low = max(-(-(out.start - shift) // axis.s), first)
            high = max(min((out.stop - 1 - shift) // axis.s + 1, first + size), low)
            start = low * axis.s + shift - out.start
            source.append(slice(low - first, high - first))
            target.append(slice(start, start + (high - low) * axis.s, axis.s))
        # (batch, groups, 1, in, ...) times (groups, out, in, 1...)
        seen = inputs[at(..., *source)][:, :, None]
        w = weights[at(..., *tap)]
        products = seen * w.reshape(*w.shape, *(1,) * len(axes))
        sums[at(..., *target)] += products.sum(axis=3)
    return y

"""What pooling needs besides a filter of ones: the lowest number of a type, and the divisors."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from convcli.arrays.dtypes import Array, DType
from convcli.geometry.window.axis import Axis


def lowest(dtype: DType) -> Any:
    """Return what padding holds for max pooling: it is below, or equal to, every number."""
    if dtype.kind in "iu":
        return np.iinfo(dtype).min  # type: ignore[type-var]
    return False if dtype.kind == "b" else -np.inf


def divisors(axes: Sequence[Axis], outputs: Sequence[range]) -> Array:
    """Count the numbers in the window of each output, padding included.

    PyTorch's rule for ceil mode: what a window reads beyond the padding is not counted.

    Parameters
    ----------
    axes : sequence of Axis
    outputs : sequence of range
        Of each axis.

    Returns
    -------
    ndarray, shape (outputs of each axis...)
    """
    return reduce(np.multiply.outer, map(_counted, axes, outputs))


def _counted(axis: Axis, outputs: range) -> Array:
    starts = np.arange(outputs.start, outputs.stop) * axis.s - axis.pb
    inside = (axis.n + axis.pe - 1 - starts) // axis.d + 1
    return np.minimum(inside, axis.f)

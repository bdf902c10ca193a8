"""An independent check: outputs computed anew, one by one, from the definition."""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.arrays.dtypes import Array, at
from convcli.run.axes import canonical
from convcli.run.operation import Operation
from convcli.run.padding import border_index
from convcli.run.results import Verdict

_MOST = 20_000  # outputs that are checked, drawn at random beside the corners
_ROUNDINGS = 64  # units in the last place, of the sum of magnitudes, that are let pass
_SPREAD = 8  # the same of the largest sum there can be, where a transform rounds against that


def verify(x: Array, y: Array, operation: Operation, spread: bool = False) -> Verdict:
    """Compute outputs anew and compare.

    Nothing is shared with the engines but the settled operation: no tile, no pass, no padding;
    each output is the sum of its own products. Integers are compared exactly.

    Parameters
    ----------
    x, y : ndarray
        Input and output, in the operation's layouts.
    operation : Operation
    spread : bool
        The outputs were made by a transform, which rounds against the largest input.

    Returns
    -------
    Verdict
        An output may be off by 64 units in the last place of the sum of the magnitudes of its own
        products, by one rounding to its type, and where `spread` by 8 units in the last place of
        ``sum|w| · max|x|``. Of all outputs the one that goes furthest beyond counts.
    """
    images = canonical(x, operation.layout, operation.spatial)
    found = canonical(y, operation.out_layout, operation.spatial)
    places = _places(found.shape)
    exact = operation.out_dtype.kind in "iu"
    kind = np.int64 if exact else np.complex128 if operation.out_dtype.kind == "c" else np.float64
    with np.errstate(all="ignore"):
        expected, magnitude = _sums(images, operation, places, np.dtype(kind))
        actual = found[at(*places)].astype(kind)
        same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
        error = np.where(same, 0, np.abs(actual - expected).astype(np.float64))
    error[np.isnan(error)] = np.inf
    if exact:
        return Verdict(len(actual), y.size, float(error.max()), 0.0)
    working = float(np.finfo(np.result_type(operation.out_dtype, np.float32)).eps)
    tolerance = _ROUNDINGS * working * magnitude
    rounding: Any = np.finfo(operation.out_dtype)
    tolerance += float(rounding.eps) * np.abs(expected)
    if spread:
        tolerance += _SPREAD * working * _largest(images, operation)
    tolerance[~np.isfinite(tolerance)] = 0
    worst = int(np.argmax(error - tolerance))
    return Verdict(len(actual), y.size, float(error[worst]), float(tolerance[worst]))


def _largest(images: Array, operation: Operation) -> float:
    """Bound every output: the largest input times the sum of a filter's magnitudes."""
    weights = np.abs(operation.filter.reshape(len(operation.filter), -1).astype(np.complex128))
    values = np.abs(images.astype(np.complex128))
    finite = values[np.isfinite(values)]
    return float(weights.sum(axis=1).max()) * float(finite.max(initial=0))


def _places(shape: tuple[int, ...]) -> tuple[NDArray[np.intp], ...]:
    """Choose outputs: all of few; else the corners, where borders meet, and random ones."""
    if prod(shape) <= _MOST:
        return tuple(axis.ravel() for axis in np.indices(shape))
    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in shape], indexing="ij"))
    random = np.random.default_rng(0)
    drawn = [random.integers(0, n, _MOST) for n in shape]
    return tuple(
        np.concatenate([corner.ravel(), some]) for corner, some in zip(corners, drawn, strict=True)
    )


def _sums(
    x: Array, operation: Operation, places: tuple[NDArray[np.intp], ...], kind: np.dtype[np.generic]
) -> tuple[Array, Array]:
    """Sum the products that the definition gives for each place, and their magnitudes."""
    batch, channel, *outputs = places
    w = operation.filter
    each_in, groups = w.shape[1], operation.groups
    own = np.zeros_like(channel) if operation.each_channel else channel
    first_in = channel if operation.each_channel else channel // (len(w) // groups) * each_in
    total = np.zeros(len(batch), kind)
    magnitude = np.zeros(len(batch))
    if operation.bias is not None:
        total += operation.bias[channel].astype(kind)
        magnitude += np.abs(operation.bias[channel].astype(np.complex128))
    for tap in np.ndindex(w.shape[2:]):
        index, counts = [], np.ones(len(batch), bool)
        for output, k, axis in zip(outputs, tap, operation.axes, strict=True):
            if axis.kind == "convt":
                pixel, rest = np.divmod(output + axis.pb - k * axis.d, axis.s)
                counts &= (rest == 0) & (pixel >= 0) & (pixel < axis.n)
            else:
                pixel = output * axis.s + k * axis.d - axis.pb
                if operation.pad_mode == "zeros":
                    counts &= (pixel >= 0) & (pixel < axis.n)
                else:
                    reach = range(-axis.pb, axis.n + axis.pe)
                    pixel = border_index(reach, axis.n, operation.pad_mode)[pixel + axis.pb]
            index.append(pixel.clip(0, axis.n - 1))
        for c in range(each_in):
            seen = x[at(batch, first_in + c, *index)].astype(kind)
            weight = w[at(own, c, *tap)].astype(kind)
            # A zero of the padding still meets the weight: 0·inf is NaN.
            products = np.where(counts, seen, 0) * weight
            total += np.where(counts, products, 0) if operation.transposed else products
            magnitude += np.abs(np.where(counts, products, 0))
    return total, magnitude

"""An independent check: outputs computed anew, one by one, from the definition."""

from math import prod

import numpy as np
from numpy.typing import NDArray

from convcli.arrays import Array, at
from convcli.borders import border_index
from convcli.layout import canonical
from convcli.operation import Operation
from convcli.results import Verdict

_MOST = 20_000  # outputs that are checked, drawn at random beside the corners
_ROUNDINGS = 64  # units in the last place, of the largest sum there can be, that are let pass


def verify(x: Array, y: Array, operation: Operation) -> Verdict:
    """Compute outputs anew and compare.

    Nothing is shared with the engines but the settled operation: no tile, no pass, no padding;
    each output is the sum of its own products. Integers are compared exactly.

    Parameters
    ----------
    x, y : ndarray
        Input and output, in the operation's layouts.
    operation : Operation

    Returns
    -------
    Verdict
        The tolerance is 64 units in the last place of ``sum|w| · max|x|``, and for half floats
        one rounding of the result.
    """
    images = canonical(x, operation.layout, operation.spatial)
    found = canonical(y, operation.out_layout, operation.spatial)
    places = _places(found.shape)
    exact = operation.out_dtype.kind in "iu"
    kind = object if exact else np.complex128 if operation.out_dtype.kind == "c" else np.float64
    expected = _sums(images, operation, places, np.dtype(kind))
    actual = found[at(*places)].astype(kind)
    if exact:
        error = max((abs(int(d)) for d in actual - expected), default=0)
        return Verdict(len(actual), y.size, error, 0)
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    difference = np.where(same, 0, np.abs(actual - expected))
    difference[np.isnan(difference)] = np.inf
    sums = np.abs(operation.filter.astype(kind)).sum(axis=tuple(range(1, operation.filter.ndim)))
    finite = np.abs(images[np.isfinite(images)]) if images.dtype.kind in "fc" else np.abs(images)
    scale = float(sums.max()) * float(finite.max(initial=0))
    working = np.finfo(np.result_type(operation.out_dtype, np.float32)).eps
    tolerance = _ROUNDINGS * float(working) * scale
    if operation.out_dtype == np.float16:
        tolerance += float(np.finfo(np.float16).eps) * scale
    return Verdict(len(actual), y.size, float(difference.max(initial=0)), tolerance)


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
) -> Array:
    """Sum the products that the definition gives for each place."""
    batch, channel, *outputs = places
    w = operation.filter
    each_in, groups = w.shape[1], operation.groups
    own = np.zeros_like(channel) if operation.each_channel else channel
    first_in = channel if operation.each_channel else channel // (len(w) // groups) * each_in
    total = np.zeros(len(batch), kind)
    if operation.bias is not None:
        total += operation.bias[channel].astype(kind)
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
    return total

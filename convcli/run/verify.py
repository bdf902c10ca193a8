"""An independent check: outputs recomputed one by one from the definition."""

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.arrays.box import Box
from convcli.arrays.dtypes import Array, DType, at
from convcli.engines.fft import LARGEST_ERROR
from convcli.run.compute.blocks import Block
from convcli.run.compute.padding import border_index
from convcli.run.resolve.axes import canonical
from convcli.run.resolve.operation import Operation
from convcli.run.results import Verdict

Places = tuple[NDArray[np.intp], ...]

_MOST = 20_000  # outputs to check, drawn at random in addition to the corners
_ROUNDINGS = 64  # tolerance in units in the last place of the sum of magnitudes
_SPREAD = 8  # the same of the largest possible sum, for a transform, which rounds against that


class _Part:
    """A box of an array, which is indexed by places of the array."""

    def __init__(self, array: Array, box: Box) -> None:
        self.array, self.dtype = array, array.dtype
        self._starts = [part.start for part in box]
        self._most = [len(part) - 1 for part in box]

    def __getitem__(self, places: Places) -> Array:
        """Take the values at places; a place that the box does not hold has any value."""
        inside = (
            (np.asarray(place) - start).clip(0, most)
            for place, start, most in zip(places, self._starts, self._most, strict=True)
        )
        return self.array[at(*inside)]

    def astype(self, dtype: DType) -> Array:
        """Convert all of the box."""
        return self.array.astype(dtype)


def verify(
    x: Array,
    y: Array,
    operation: Operation,
    transformed: bool = False,
    block: Block | None = None,
    most: int = _MOST,
) -> Verdict:
    """Recompute outputs and compare.

    The engines share nothing with it but the resolved operation: no tile, no pass, no padding.
    Each output is the sum of its own products, in float64 at least. Integers are compared exactly.

    Parameters
    ----------
    x, y : ndarray
        Input and output, in the operation's layouts.
    operation : Operation
    transformed : bool
        The outputs come from a transform, which rounds against the largest input.
    block : Block, optional
        Which boxes of input and output `x` and `y` are; by default, all.
    most : int
        How many outputs are drawn, where there are more.

    Returns
    -------
    Verdict
        Of the output that is furthest beyond its tolerance. That is 64 units in the last place of
        the sum of the magnitudes of its own products, or an eighth of one for each product where
        they are more than 512, and one rounding to its type. A transform
        may add 8 units of ``sum|w| · max|x|``, but no more than `fft.balanced` allows for the
        largest number that the output reads.
    """
    images: Any = canonical(x, operation.layout, operation.spatial)
    found: Any = canonical(y, operation.out_layout, operation.spatial)
    places = _places(found.shape, most)
    if block is not None:
        outputs = _ordered(block.output, operation.out_layout, operation.spatial)
        images = _Part(images, _ordered(block.input, operation.layout, operation.spatial))
        found = _Part(found, outputs)
        places = tuple(place + part.start for place, part in zip(places, outputs, strict=True))
    return _compare(images, found, operation, transformed, places)._replace(total=y.size)


def _compare(
    images: Any, found: Any, operation: Operation, transformed: bool, places: Places
) -> Verdict:
    if operation.kind == "maxpool":
        return _verify_maxima(images, found, operation, places)
    if operation.parts:
        return _verify_joined(images, found, operation, transformed, places)
    exact = operation.out_dtype.kind in "iu"
    kind = np.dtype(np.int64) if exact else np.result_type(operation.out_dtype, np.float64)
    with np.errstate(all="ignore"):
        sums = _sums(images, operation, places, kind)
        actual = found[at(*places)].astype(kind)
        same = (actual == sums.total) | (np.isnan(actual) & np.isnan(sums.total))
        error = np.where(same, 0, np.abs(actual - sums.total).astype(np.float64))
        error[np.isnan(error)] = np.inf
        if exact:
            return Verdict(len(actual), len(actual), float(error.max()), 0.0)
        tolerance = _tolerance(images, operation, sums, transformed)
        # What the output's type cannot hold is infinite.
        stored: Any = np.finfo(operation.out_dtype)
        beyond = np.abs(sums.total) + tolerance >= stored.max
        error[np.isinf(actual) & beyond & (np.sign(actual) == np.sign(sums.total))] = 0
    worst = int(np.argmax(error - tolerance))
    return Verdict(len(actual), len(actual), float(error[worst]), float(tolerance[worst]))


def _ordered(box: Box, layout: str, spatial: str) -> Box:
    """Give a box the order of axes that `canonical` gives an array."""
    parts = dict(zip(layout, box, strict=True))
    return tuple(parts.get(letter, range(1)) for letter in "NC" + spatial)


def _verify_maxima(images: Any, found: Any, operation: Operation, places: Places) -> Verdict:
    """Compare maxima, which are exact but for the rounding to another type."""
    batch, channel, *outputs = places
    best = np.zeros(len(batch), images.dtype)
    begun = np.zeros(len(batch), bool)
    for tap in np.ndindex(operation.filter.shape[2:]):
        index, counts = [], np.ones(len(batch), bool)
        for output, k, axis in zip(outputs, tap, operation.axes, strict=True):
            pixel = output * axis.s + k * axis.d - axis.pb
            counts &= (pixel >= 0) & (pixel < axis.n)
            index.append(pixel.clip(0, axis.n - 1))
        seen = images[at(batch, channel, *index)]
        larger = counts & (~begun | (seen > best) | np.isnan(seen))
        best = np.where(larger, seen, best)
        begun |= counts
    with np.errstate(all="ignore"):
        if operation.parts:  # integers that are clipped to their type
            info: Any = np.iinfo(operation.out_dtype)
            best = np.minimum(np.maximum(np.rint(best.astype(np.longdouble)), info.min), info.max)
        actual, expected = found[at(*places)], best.astype(operation.out_dtype)
        same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
        wrong = np.abs(actual.astype(np.float64) - expected.astype(np.float64))
        error = np.where(same, 0, np.where(wrong > 0, wrong, np.inf))
    return Verdict(len(actual), len(actual), float(error.max()), 0.0)


def _counted(operation: Operation, outputs: Sequence[NDArray[np.intp]]) -> Array:
    """Count the taps of windows that are on the input or its padding, but not beyond."""
    count = np.ones(len(outputs[0]))
    for output, axis in zip(outputs, operation.axes, strict=True):
        taps = output[:, None] * axis.s - axis.pb + np.arange(axis.f) * axis.d
        count *= (taps < axis.n + axis.pe).sum(axis=1)
    return count


def _verify_joined(
    images: Any, found: Any, operation: Operation, transformed: bool, places: Places
) -> Verdict:
    """Check outputs that are joined from sums: magnitudes of gradients, and clipped integers."""
    to_integers = operation.out_dtype.kind in "iu"
    totals, tolerance = [], np.zeros(len(places[0]))
    with np.errstate(all="ignore"):
        for part in operation.parts:
            exact = part.out_dtype.kind in "iu"
            kind = np.dtype(np.int64) if exact else np.result_type(part.out_dtype, np.float64)
            sums = _sums(images, part, places, kind)
            totals.append(sums.total)
            if not exact:
                tolerance += _tolerance(images, part, sums, transformed)
        expected = np.hypot(*totals) if len(totals) == 2 else totals[0]
        if to_integers:
            info: Any = np.iinfo(operation.out_dtype)
            expected = np.minimum(np.maximum(expected.astype(np.longdouble), info.min), info.max)
            rounds = len(totals) == 2 or totals[0].dtype.kind == "f"
            tolerance += 0.5 if rounds else 0
        else:
            stored: Any = np.finfo(operation.out_dtype)
            tolerance += 4 * float(stored.eps) * expected + float(stored.smallest_subnormal)
        actual = found[at(*places)].astype(np.longdouble if to_integers else np.float64)
        same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
        error = np.where(same, 0, np.abs(actual - expected)).astype(np.float64)
        error[np.isnan(error)] = np.inf
        tolerance[~np.isfinite(tolerance)] = 0
        if not to_integers:  # what the output's type cannot hold is infinite
            error[np.isinf(actual) & (expected + tolerance >= stored.max)] = 0
    worst = int(np.argmax(error - tolerance))
    return Verdict(len(actual), len(actual), float(error[worst]), float(tolerance[worst]))


class _Sums(NamedTuple):
    """For each output: the sum of its products, of their magnitudes, and the largest input."""

    total: Array
    magnitude: Array
    largest: Array


def _tolerance(images: Any, operation: Operation, sums: _Sums, transformed: bool) -> Array:
    stored: Any = np.finfo(operation.out_dtype)
    working: Any = np.finfo(np.result_type(operation.out_dtype, np.float32))
    products = prod(operation.filter.shape[1:]) + 1
    # Equal numbers added one by one are off by a twelfth of a unit for each.
    tolerance = max(_ROUNDINGS, products / 8) * float(working.eps) * sums.magnitude
    tolerance += float(stored.eps) * np.abs(sums.total).astype(np.float64)
    # Below the smallest normal number rounding is no longer relative.
    tolerance += products * float(working.smallest_subnormal) + float(stored.smallest_subnormal)
    if transformed:
        weights = np.abs(operation.filter.reshape(len(operation.filter), -1).astype(np.complex128))
        values = np.abs(images.astype(np.complex128))
        most = float(values[np.isfinite(values)].max(initial=0)) * float(working.eps)
        rounding = np.minimum(most, LARGEST_ERROR * sums.largest)
        tolerance += _SPREAD * float(weights.sum(axis=1).max()) * rounding
    tolerance[~np.isfinite(tolerance)] = 0
    return tolerance


def _places(shape: tuple[int, ...], most: int) -> Places:
    """Choose outputs: all of few; else the corners, where borders meet, and random ones."""
    if prod(shape) <= most:
        return tuple(axis.ravel() for axis in np.indices(shape))
    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in shape], indexing="ij"))
    random = np.random.default_rng(0)
    drawn = [random.integers(0, n, most) for n in shape]
    return tuple(
        np.concatenate([corner.ravel(), some]) for corner, some in zip(corners, drawn, strict=True)
    )


def _sums(x: Any, operation: Operation, places: Places, kind: DType) -> _Sums:
    """Sum the products that the definition gives for each place."""
    batch, channel, *outputs = places
    w = operation.filter
    each_in, groups = w.shape[1], operation.groups
    own = np.zeros_like(channel) if operation.each_channel else channel
    first_in = channel if operation.each_channel else channel // (len(w) // groups) * each_in
    total: Array = np.zeros(len(batch), kind)
    magnitude, largest = np.zeros(len(batch)), np.zeros(len(batch))
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
            # A padding zero times the weight is a product too: 0·inf is NaN.
            products = np.where(counts, seen, 0) * weight
            total += np.where(counts, products, 0) if operation.transposed else products
            magnitude += np.abs(np.where(counts, products, 0)).astype(np.float64)
            largest = np.maximum(largest, np.abs(np.where(counts, seen, 0)).astype(np.float64))
    if operation.kind == "avgpool":
        count = _counted(operation, outputs)
        return _Sums(total / count, magnitude / count, largest)
    return _Sums(total, magnitude, largest)

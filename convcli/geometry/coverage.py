"""Which input pixels the windows of one axis read, and how often; plain integers.

Tap ``t`` of window ``i`` reads pixel ``i·s + t·d - pb``. Layers may be of any size, so nothing here
visits all pixels, windows or taps, unless it is asked for the count of every pixel.
"""

from collections.abc import Iterable
from math import gcd

from convcli.geometry.axis import Axis


def coverage(axis: Axis, pixels: Iterable[int] | None = None) -> list[int]:
    """Count how many windows read each input pixel of one axis.

    For a transposed layer, whose windows write, it counts how many input pixels write each
    output pixel: uneven counts are the checkerboard of Odena et al. (2016).

    Parameters
    ----------
    axis : Axis
    pixels : iterable of int, optional
        Those to count for; every one of the `extent` by default.

    Returns
    -------
    list of int
        One count for each pixel.
    """
    windows = _windows(axis)
    common = gcd(axis.s, axis.d)
    period = axis.s // common  # how far apart the taps are that read one pixel
    inverse = pow(axis.d // common, -1, period)
    counts = []
    for x in range(extent(axis)) if pixels is None else pixels:
        place = x + axis.pb
        low = max(-(((windows - 1) * axis.s - place) // axis.d), 0)
        high = min(place // axis.d, axis.f - 1)
        tap = place // common * inverse
        found = (high - tap) // period - (low - 1 - tap) // period
        counts.append(0 if place % common else max(found, 0))
    return counts


def extent(axis: Axis) -> int:
    """Count the pixels that there are to be read, or, of a transposed layer, to be written."""
    return axis.out if axis.kind == "convt" else axis.n


def most(axis: Axis) -> int:
    """Find the largest count of `coverage`."""
    windows, common = _windows(axis), gcd(axis.s, axis.d)
    window_gap, tap_gap = axis.d // common, axis.s // common

    def happens(count: int) -> bool:
        """Is there a pixel that `count` windows read, each `window_gap` from the next?

        Then the first of them reads it with a tap that leaves `tap_gap` taps for each other one.
        """
        more = count - 1
        first = axis.pb - more * tap_gap * axis.d
        left = windows - more * window_gap, axis.f - more * tap_gap
        return _places(axis, *left, first, first + extent(axis) - 1)[0] > 0

    low, high = 0, min((windows - 1) // window_gap, (axis.f - 1) // tap_gap) + 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if happens(middle) else (low, middle - 1)
    return low


def unread(axis: Axis) -> int:
    """Count the pixels for which `coverage` is zero."""
    last = axis.pb + extent(axis) - 1
    return extent(axis) - _places(axis, _windows(axis), axis.f, axis.pb, last)[0]


def unread_end(axis: Axis) -> int:
    """Count the pixels after the last one for which `coverage` is not zero."""
    last = axis.pb + extent(axis) - 1
    return last - _places(axis, _windows(axis), axis.f, axis.pb, last)[1]


def _places(axis: Axis, windows: int, taps: int, first: int, last: int) -> tuple[int, int]:
    """Count the places from `first` to `last` that are ``i·s + t·d``, and find the last of them.

    Of windows `i` and taps `t`, those are walked over that have fewer remainders modulo the step
    of the others. Places of one remainder are an arithmetic progression: in it each that is
    walked over makes an interval, as long as there are others, a `gap` after the one before.

    Returns
    -------
    tuple of int
        The count and the last place, ``first - 1`` where there is none.
    """
    s, d = axis.s, axis.d
    common = gcd(s, d)
    walked, step, length, other = taps, d, windows, s
    if min(windows, d // common) < min(taps, s // common):
        walked, step, length, other = windows, s, taps, d
    period, gap = other // common, step // common
    count, end = 0, first - 1
    for k in range(min(walked, period)):
        start, remainder = divmod(k * step, other)
        stop = start + (walked - 1 - k) // period * gap + length
        low = max(-((remainder - first) // other), start)
        high = min((last - remainder) // other, stop - 1)
        if low > high:
            continue
        before, before_part = divmod(low - 1 - start, gap)
        whole, part = divmod(high - start, gap)
        found = (whole - before) * min(gap, length)
        found += min(part + 1, length) - min(before_part + 1, length)
        if found:
            count += found
            end = max(end, (start + whole * gap + min(part, length - 1)) * other + remainder)
    return count, end


def reads(axis: Axis, first: int, last: int) -> tuple[int, int] | None:
    """Find the input pixels that outputs `first` to `last` read, not cut at the borders.

    Returns
    -------
    tuple of int, or None
        First and last input pixel; None where a transposed layer leaves the outputs unwritten.
    """
    if axis.kind != "convt":
        return first * axis.s - axis.pb, last * axis.s - axis.pb + axis.e - 1
    s, d, f = axis.s, axis.d, axis.f
    first, last = first + axis.pb, last + axis.pb
    low, high = -((d * (f - 1) - first) // s), last // s
    tries = d // gcd(s, d)  # so many inputs have among them every remainder that there is
    if f <= tries:
        ends = [(-((t * d - first) // s), (last - t * d) // s) for t in range(f)]
        writers = [i for pair in ends if pair[0] <= pair[1] for i in pair]
        return (min(writers), max(writers)) if writers else None

    def writes(i: int) -> bool:
        return max(-((i * s - first) // d), 0) <= min((last - i * s) // d, f - 1)

    lowest = next(filter(writes, range(low, min(low + tries, high + 1))), None)
    highest = next(filter(writes, range(high, max(high - tries, low - 1), -1)), None)
    return None if lowest is None or highest is None else (lowest, highest)


def _windows(axis: Axis) -> int:
    """A transposed layer is the convolution that would take its output back to its input."""
    return axis.n if axis.kind == "convt" else axis.out

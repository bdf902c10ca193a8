"""Which input pixels the windows of one axis read, and how often, in plain integers.

Tap ``t`` of window ``i`` reads pixel ``i·s + t·d - pb``. Layers may be of any size, so nothing here
iterates over all pixels, windows or taps, except `coverage` over the pixels it is called with.
"""

from collections.abc import Iterable
from math import gcd
from typing import NamedTuple

from convcli.geometry.axis import Axis


def coverage(axis: Axis, pixels: Iterable[int] | None = None) -> list[int]:
    """Count how many windows read each input pixel of one axis.

    For a transposed layer, whose windows write, it counts how many input pixels write each
    output pixel: uneven counts are the checkerboard of Odena et al. (2016).

    Parameters
    ----------
    axis : Axis
    pixels : iterable of int, optional
        Default: all pixels of the `extent`.

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
    """Return the number of input pixels, or for a transposed layer of output pixels."""
    return axis.out if axis.kind == "convt" else axis.n


def most(axis: Axis) -> int:
    """Find the largest count of `coverage`."""
    windows, common = _windows(axis), gcd(axis.s, axis.d)
    window_gap, tap_gap = axis.d // common, axis.s // common

    def reached(count: int) -> bool:
        """Whether some pixel is read by `count` windows, `window_gap` apart, or by more.

        Each next window reads it with a tap `tap_gap` lower. So the first window is one of those
        with that many after it, and reads the pixel with a tap that has that many below it.
        """
        more = count - 1
        first = axis.pb - more * tap_gap * axis.d
        left = windows - more * window_gap, axis.f - more * tap_gap
        return _positions(axis, *left, first, first + extent(axis) - 1)[0] > 0

    low, high = 0, min((windows - 1) // window_gap, (axis.f - 1) // tap_gap) + 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if reached(middle) else (low, middle - 1)
    return low


def unread(axis: Axis) -> int:
    """Count the pixels for which `coverage` is zero."""
    last = axis.pb + extent(axis) - 1
    return extent(axis) - _positions(axis, _windows(axis), axis.f, axis.pb, last)[0]


def unread_end(axis: Axis) -> int:
    """Count the pixels after the last one for which `coverage` is not zero."""
    last = axis.pb + extent(axis) - 1
    return last - _positions(axis, _windows(axis), axis.f, axis.pb, last)[1]


def _positions(axis: Axis, windows: int, taps: int, first: int, last: int) -> tuple[int, int]:
    """Count the positions ``i·s + t·d`` from `first` to `last`, and find the last of them.

    The count is taken per remainder modulo `s`. With s=3, d=2, f=4 and two windows::

        tap                   0     1     2     3
        window 0 reads        0     2     4     6
        window 1 reads        3     5     7     9
        remainder modulo 3    0     2     1     0
        quotients             0..1  0..1  1..2  2..3

    Each tap reads consecutive quotients, one for each window. Taps ``s/gcd(s, d)`` apart, here 0
    and 3, have the same remainder, so together they form a `_Comb`, here 0..3.

    Windows and taps are interchangeable: the roles are exchanged where that leaves fewer combs.

    Returns
    -------
    tuple of int
        The count and the last position, ``first - 1`` where there is none.
    """
    s, d = axis.s, axis.d
    common = gcd(s, d)
    if min(windows, d // common) < min(taps, s // common):
        windows, taps, s, d = taps, windows, d, s
    count, end = 0, first - 1
    for tap in range(min(taps, s // common)):
        quotient, remainder = divmod(tap * d, s)
        teeth = len(range(tap, taps, s // common))
        comb = _Comb(quotient, gap=d // common, width=windows, teeth=teeth)
        low, high = -((remainder - first) // s), (last - remainder) // s + 1
        found = comb.count_below(high) - comb.count_below(low)
        if found > 0:
            count += found
            end = max(end, comb.last_below(high) * s + remainder)
    return count, end


class _Comb(NamedTuple):
    """Runs of `width` integers ("teeth"), the first at `start`, each `gap` after the one before.

    ::

        start=1, gap=5, width=3, teeth=3:    . # # # . . # # # . . # # # . .
    """

    start: int
    gap: int
    width: int
    teeth: int

    def count_below(self, end: int) -> int:
        """Count the integers below `end`; teeth that overlap are counted once."""
        tooth, into = self._locate(end)
        return tooth * min(self.gap, self.width) + into if into > 0 else 0

    def last_below(self, end: int) -> int:
        """Find the largest integer below `end`, of which there must be one."""
        tooth, into = self._locate(end)
        return self.start + tooth * self.gap + into - 1

    def _locate(self, end: int) -> tuple[int, int]:
        """Return the last tooth that starts below `end`, and how much of it lies below `end`."""
        tooth = min((end - 1 - self.start) // self.gap, self.teeth - 1)
        return tooth, min(end - self.start - tooth * self.gap, self.width) if tooth >= 0 else 0


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

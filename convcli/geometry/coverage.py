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
    pixels = range(extent(axis)) if pixels is None else pixels
    return [_count_inside(_windows_on(axis, pixel), windows) for pixel in pixels]


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


def reads(axis: Axis, output: int) -> range:
    """Return the input pixels that one output reads, those outside the input included."""
    if axis.kind == "convt":
        return _windows_on(axis, output)
    first = output * axis.s - axis.pb
    return range(first, first + axis.e, axis.d)


def _windows_on(axis: Axis, pixel: int) -> range:
    """Return the windows ``i`` with a tap on a pixel, ``i·s + t·d - pb = pixel``.

    With s=2, d=3, f=6, pb=0, tap 0 of window 6 is on pixel 12, and so are tap 2 of window 3 and
    tap 4 of window 0: taps are ``s/gcd(s, d)`` apart, windows ``d/gcd(s, d)``.
    """
    s, d = axis.s, axis.d
    common = gcd(s, d)
    place = pixel + axis.pb
    if place % common:
        return range(0)
    gap = s // common
    first = place // common * pow(d // common, -1, gap) % gap
    taps = range(first, axis.f, gap)
    if not taps:
        return range(0)
    return range((place - taps[-1] * d) // s, (place - first * d) // s + 1, d // common)


def _count_inside(positions: range, size: int) -> int:
    """Count the positions from 0 to ``size - 1``."""
    first = max(-(positions.start // positions.step), 0)
    last = min((size - 1 - positions.start) // positions.step, len(positions) - 1)
    return max(last - first + 1, 0)


def _windows(axis: Axis) -> int:
    """A transposed layer is the convolution that would take its output back to its input."""
    return axis.n if axis.kind == "convt" else axis.out

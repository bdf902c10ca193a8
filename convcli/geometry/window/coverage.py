"""Which input pixels the windows of one axis read, and how often, in plain integers.

Tap ``t`` of window ``i`` reads pixel ``i·s + t·d - pb``. Layers may be of any size, so nothing here
iterates over all pixels, windows or taps, except `coverage` over the pixels it is called with.
"""

from collections.abc import Iterable
from math import gcd

from convcli.geometry.window.axis import Axis
from convcli.geometry.window.lattice import count_pairs


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
        return _count_positions(axis, *left, first, first + extent(axis) - 1) > 0

    low, high = 0, min((windows - 1) // window_gap, (axis.f - 1) // tap_gap) + 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if reached(middle) else (low, middle - 1)
    return low


def unread(axis: Axis) -> int:
    """Count the pixels for which `coverage` is zero."""
    last = axis.pb + extent(axis) - 1
    return extent(axis) - _count_positions(axis, _windows(axis), axis.f, axis.pb, last)


def unread_end(axis: Axis) -> int:
    """Count the pixels after the last one for which `coverage` is not zero."""
    windows, last = _windows(axis), axis.pb + extent(axis) - 1
    final = (windows - 1) * axis.s + axis.e - 1  # the last position of all
    if final <= last:
        return min(last - final, extent(axis))

    def is_read(count: int) -> bool:
        """Whether one of the last `count` pixels is read."""
        return _count_positions(axis, windows, axis.f, last - count + 1, last) > 0

    # A window lies on the end, and most have a tap on one of the last pixels.
    high = 1
    while high < extent(axis) and not is_read(high):
        high *= 2
    low, high = high // 2, min(high, extent(axis))
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_read(middle + 1) else (middle + 1, high)
    return low


def _count_positions(axis: Axis, windows: int, taps: int, first: int, last: int) -> int:
    """Count the positions from `first` to `last` that are ``i·s + t·d`` of some window and tap.

    A position can be that of several pairs (i, t). They are a chain, each ``d/gcd`` windows and
    ``s/gcd`` taps from the next one, so there is one more of them than of links between them. The
    pairs less the links are the positions. With s=2, d=1, three windows (rows) and four taps::

        0 1 2 3        links, from the row above
            2 3 4 5        2 3        12 pairs - 4 links = positions 0 to 7
                4 5 6 7        4 5
    """
    s, d = axis.s, axis.d
    common = gcd(s, d)
    window_gap, tap_gap = d // common, s // common

    def count(limit: int) -> int:
        pairs = count_pairs(windows, taps, s, d, limit)
        links = count_pairs(windows - window_gap, taps - tap_gap, s, d, limit - tap_gap * d)
        return pairs - links

    return count(last) - count(first - 1)


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

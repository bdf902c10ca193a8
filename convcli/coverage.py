"""Which input pixels the windows of one axis read, and how often; plain integers."""

from convcli.geometry import Axis


def coverage(axis: Axis) -> list[int]:
    """Count how many windows read each input pixel of one axis.

    For a transposed layer, whose windows write, it counts how many input pixels write each
    output pixel: uneven counts are the checkerboard of Odena et al. (2016).

    Returns
    -------
    list of int
        ``axis.n`` counts, or ``axis.out`` of them for a transposed layer.
    """
    windows, pixels = _windows_and_pixels(axis)
    counts = [0] * pixels
    for tap in range(axis.f):
        first = tap * axis.d - axis.pb
        skip = max(-(first // axis.s), 0)
        for x in range(first + skip * axis.s, min(first + windows * axis.s, pixels), axis.s):
            counts[x] += 1
    return counts


def unread(axis: Axis) -> int:
    """Count the pixels for which `coverage` is zero, without visiting every pixel.

    Taps that agree modulo the stride read one arithmetic progression of pixels: within it each
    tap reads an interval, and the intervals are joined.
    """
    windows, pixels = _windows_and_pixels(axis)
    read = 0
    done: dict[int, int] = {}  # last place read so far in the progression of each remainder
    for tap in range(axis.f):
        place, remainder = divmod(tap * axis.d, axis.s)
        first_inside = -(-(axis.pb - remainder) // axis.s)
        last_inside = (axis.pb + pixels - 1 - remainder) // axis.s
        first = max(place, first_inside, done.get(remainder, first_inside - 1) + 1)
        last = min(place + windows - 1, last_inside)
        read += max(last - first + 1, 0)
        done[remainder] = max(last, done.get(remainder, last))
    return pixels - read


def unread_end(axis: Axis) -> int:
    """Count the pixels after the last one for which `coverage` is not zero."""
    windows, pixels = _windows_and_pixels(axis)
    last_read = -1
    for tap in range(axis.f):
        first = tap * axis.d - axis.pb
        window = min((pixels - 1 - first) // axis.s, windows - 1)
        if window >= 0:
            last_read = max(last_read, first + window * axis.s)
    return pixels - 1 - last_read


def reads(axis: Axis, first: int, last: int) -> tuple[int, int] | None:
    """Find the input pixels that outputs `first` to `last` read, not cut at the borders.

    Returns
    -------
    tuple of int, or None
        First and last input pixel; None where a transposed layer leaves the outputs unwritten.
    """
    if axis.kind != "convt":
        return first * axis.s - axis.pb, last * axis.s - axis.pb + axis.e - 1
    writers = []
    for tap in range(axis.f):
        shift = axis.pb - tap * axis.d
        low, high = -(-(first + shift) // axis.s), (last + shift) // axis.s
        if low <= high:
            writers += [low, high]
    return (min(writers), max(writers)) if writers else None


def _windows_and_pixels(axis: Axis) -> tuple[int, int]:
    """A transposed layer is the convolution that would take its output back to its input."""
    return (axis.n, axis.out) if axis.kind == "convt" else (axis.out, axis.n)

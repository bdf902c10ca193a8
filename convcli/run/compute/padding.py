"""What is beyond the border of an input, by pad mode; the one place that fills it.

Only a fused layer (see `engines.base`) leaves its zeros to the library that adds them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.arrays.box import slices, starts
from convcli.arrays.dtypes import Array, at


def border_index(places: range, n: int, mode: str) -> NDArray[np.intp]:
    """Find the input pixel that stands at each place of a padded axis.

    Parameters
    ----------
    places : range
        Place 0 is pixel 0; places below 0, and from `n` on, are padding.
    n : int
        Input size.
    mode : str
        One of `pad_modes.PAD_MODES` except ``zeros``.

    Examples
    --------
    >>> border_index(range(-2, 5), 3, "reflect").tolist()
    [2, 1, 0, 1, 2, 1, 0]
    """
    index = np.arange(places.start, places.stop)
    if mode == "replicate":
        return index.clip(0, n - 1)
    if mode == "circular":
        return index % n
    if mode == "symmetric":
        index = index % (2 * n)
        return np.minimum(index, 2 * n - 1 - index)
    period = max(2 * (n - 1), 1)  # reflect; with one pixel, that pixel everywhere
    index = index % period
    return np.minimum(index, period - index)


def inside(places: range, n: int) -> range:
    """Return the places that are input pixels, not padding."""
    start = min(max(places.start, 0), n)
    return range(start, max(min(places.stop, n), start))


def fill_border(
    slab: Array,
    x: Array,
    spans: Sequence[range],
    n: Sequence[int],
    mode: str,
    origin: Sequence[int],
    fill: Any = 0,
) -> None:
    """Fill the padding of a slab whose input pixels are in place.

    The strips of each axis (0, 1, ...) extend over the padding of the axes before it::

        1 0 0 0 1
        1 # # # 1      # input pixels
        1 # # # 1
        1 0 0 0 1

    Parameters
    ----------
    slab : ndarray, shape (images, channels, *lengths of spans)
    x : ndarray, shape (images, channels, spatial...)
        The input, or the part of it that the slab needs.
    spans : sequence of range
        Places of the padded input that the slab holds, for each axis.
    n : sequence of int
        Input size of each axis.
    mode : str
        One of `pad_modes.PAD_MODES`.
    origin : sequence of int
        The input pixel of each axis that is first in `x`.
    fill : number
        What stands there in mode ``zeros``.
    """
    insides = [inside(places, size) for places, size in zip(spans, n, strict=True)]
    for k, (places, pixels) in enumerate(zip(spans, insides, strict=True)):
        before = range(places.start, min(pixels.start, places.stop))
        after = range(max(pixels.stop, places.start), places.stop)
        for strip in filter(None, (before, after)):
            box = [*spans[:k], strip, *insides[k + 1 :]]
            where = at(..., *slices(box, starts(spans)))
            if mode == "zeros":
                slab[where] = fill
                continue
            pixels_of = (
                border_index(part, size, mode) - start
                for part, size, start in zip(box, n, origin, strict=True)
            )
            slab[where] = x[at(slice(None), slice(None), *np.ix_(*pixels_of))]

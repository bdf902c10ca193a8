"""NaN and infinity in a slab: the few outputs that read one are made by definition."""

from math import prod

import numpy as np

from convcli.arrays.dtypes import Array
from convcli.engines import shift
from convcli.engines.correlation import Correlation

_EACH, _TAP = 4e4, 30.0  # nanoseconds for a number that is not finite, and for each of its products


def find(slab: Array, corr: Correlation, sizes: tuple[int, ...]) -> Array | None:
    """Find where a slab is not finite.

    Returns
    -------
    ndarray of bool or None
        None if nowhere, or in so many places that all outputs are faster made tap by tap.
    """
    places = ~np.isfinite(slab)
    count = np.count_nonzero(places)
    added = count * (_EACH + _TAP * corr.each_out * prod(corr.f))
    by_taps = shift.cost(corr, sizes) * corr.groups * prod(sizes)
    return places if count and added <= by_taps else None


def add(slab: Array, places: Array, corr: Correlation, out: Array) -> None:
    """Add what numbers that are not finite make of the outputs that read them.

    Parameters
    ----------
    slab : ndarray, shape (batch, channels, spatial...)
    places : ndarray of bool
        Where it is not finite.
    corr : Correlation
    out : ndarray, shape (batch, out channels, spatial...)
        The correlation of the slab with zeros in those places.
    """
    w = corr.filter
    steps = list(zip(corr.f, corr.stride, corr.dilation, out.shape[2:], strict=True))
    for image, channel, *pixel in np.argwhere(places).tolist():
        group, c = divmod(channel, corr.each_in)
        outputs = range(group * corr.each_out, (group + 1) * corr.each_out)
        taps, made = [], []
        for place, (f, s, d, size) in zip(pixel, steps, strict=True):
            read = {k: place - k * d for k in range(f)}  # where a window of that tap begins
            own = {k: at // s for k, at in read.items() if at % s == 0 and 0 <= at // s < size}
            taps.append(list(own))
            made.append(list(own.values()))
        products = slab[(image, channel, *pixel)] * w[np.ix_(outputs, [c], *taps)]
        out[np.ix_([image], outputs, *made)] += products.swapaxes(0, 1)

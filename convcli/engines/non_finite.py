"""NaN and infinity in a slab: the few outputs that read one are made by definition."""

import numpy as np

from convcli.arrays.dtypes import Array
from convcli.engines.correlation import Correlation

_MOST = 10_000  # numbers of a slab that are not finite: each takes some 30 µs


def find(slab: Array) -> Array | None:
    """Find where a slab is not finite; None if nowhere, or in too many places."""
    places = ~np.isfinite(slab)
    return places if 0 < np.count_nonzero(places) <= _MOST else None


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

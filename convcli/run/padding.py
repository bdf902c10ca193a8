"""What stands beyond the border of an input, by pad mode."""

import numpy as np
from numpy.typing import NDArray


def border_index(places: range, n: int, mode: str) -> NDArray[np.intp]:
    """Say which input pixel stands at each place of a span that may reach past the input."""
    index = np.arange(places.start, places.stop)
    if mode == "replicate":
        return index.clip(0, n - 1)
    if mode == "circular":
        return index % n
    if mode == "symmetric":
        index = index % (2 * n)
        return np.minimum(index, 2 * n - 1 - index)
    period = max(2 * (n - 1), 1)  # reflect; of one pixel everywhere that pixel
    index = index % period
    return np.minimum(index, period - index)

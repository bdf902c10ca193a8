"""Work space that a thread keeps from tile to tile."""

import threading
from math import prod

import numpy as np

from convcli.arrays.dtypes import Array, DType

_kept = threading.local()


def buffer(name: str, shape: tuple[int, ...], dtype: DType) -> Array:
    """Take work space that this thread keeps: fresh memory costs a page fault every 4 KB."""
    size = prod(shape) * dtype.itemsize
    store = _kept.__dict__
    if name not in store or store[name].nbytes < size:
        store[name] = np.empty(size, np.uint8)
    space: Array = store[name][:size].view(dtype).reshape(shape)
    return space

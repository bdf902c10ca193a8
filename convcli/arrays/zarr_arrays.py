"""Arrays in chunked stores, by the library zarr: opened by name, read and written box by box."""

import functools
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np
import zarr
from zarr.core.buffer import default_buffer_prototype

from convcli.arrays.dtypes import Array, DType
from convcli.arrays.ring import Loan, Ring
from convcli.arrays.sources import Box, InMemory
from convcli.arrays.stores import StoreName


class StoredArray(NamedTuple):
    """The name of an array in a store: what is sent to a process that reads or writes it."""

    name: StoreName

    @property
    def array(self) -> "zarr.Array[Any]":
        """The library's array, opened once in each process."""
        return _opened(self.name)

    def read(self, box: Box, out: Array) -> Array:
        """Read a box into an array of its shape; chunks that are missing are fill values."""
        if out.size:
            buffer = default_buffer_prototype().nd_buffer.from_numpy_array(out)
            self.array.get_basic_selection(_slices(box), out=buffer)
        return out

    def write(self, box: Box, y: Array) -> None:
        """Write a box of whole chunks."""
        self.array[_slices(box)] = y


def _slices(box: Box) -> tuple[slice, ...]:
    return tuple(slice(part.start, part.stop) for part in box)


@functools.lru_cache(maxsize=16)
def _opened(name: StoreName) -> "zarr.Array[Any]":
    found = zarr.open_array(name.url, path=name.path or None, mode="r+")
    return found.with_config({"write_empty_chunks": True})


class StoredSource:
    """An array in a store, as an input."""

    on_stream = True  # reading takes time

    def __init__(self, spec: str, stored: StoredArray) -> None:
        """Take the name that reports use, and the array."""
        self.name = spec
        self.stored = stored
        self.shape = tuple(stored.array.shape)
        self.dtype: DType = np.dtype(stored.array.dtype)
        self.layout: str | None = None

    def read(self, box: Box, ring: Ring) -> "Loan | nullcontext[Array]":
        """Read a box, in any order."""
        loan = ring.lend(tuple(map(len, box)), self.dtype)
        try:
            self.stored.read(box, loan.array)
        except BaseException:
            loan.give_back()
            raise
        return loan

    def whole(self) -> InMemory:
        """Read all of it."""
        out = np.empty(self.shape, self.dtype)
        return InMemory(self.name, self.stored.read(tuple(map(range, self.shape)), out))

    def finish(self) -> None:
        """Do nothing: no array follows."""

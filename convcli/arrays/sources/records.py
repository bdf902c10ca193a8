"""Many equal arrays that follow one another in a stream of ``.npy``, as one array."""

import math
from collections.abc import Iterator
from typing import BinaryIO, cast

import numpy as np

from convcli.arrays.dtypes import Array, DType
from convcli.arrays.files.transfer import MOST_AHEAD, FullReads
from convcli.arrays.sources.npy import Header, header_bytes, read_headers
from convcli.arrays.sources.ring import Loan, Ring
from convcli.arrays.sources.source import InMemory, Source, source_of


class Records:
    """Arrays with the same header that are all in memory.

    ::

        header | data | header | data | header | data
                 ----            ----            ----   `arrays`: one view of all
    """

    def __init__(self, name: str, header: Header, memory: Array) -> None:
        """Take the memory, an array of bytes with a row for each array and its header."""
        self.name = name
        self.arrays = payload(memory, len(header.raw), header.shape, header.dtype)

    def one_by_one(self) -> Iterator[InMemory]:
        """Give the arrays in turn."""
        for array in self.arrays:
            yield InMemory(self.name, array)


def sources_together(
    stream: FullReads, name: str, called: str, head: bytes, most: int
) -> Iterator[Source | Records]:
    """Read a stream as `sources.stream_sources` does, but equal arrays that are there as one.

    Arrays of more than `most` bytes are not waited for: they are to be read in parts.
    """
    file = cast("BinaryIO", stream)
    for header in read_headers(file, called, head):
        found = _records(name, header, stream) if header.nbytes <= most else None
        if found is None:
            yield from source_of(header, file, name, called)
        else:
            yield found


def _records(name: str, header: Header, stream: FullReads) -> Records | None:
    """Take the array whose header has been read together with those that follow it and equal it.

    Returns
    -------
    Records or None
        They last until the next read. None, and nothing is taken, if fewer than two are there.
    """
    raw, size = header.raw, len(header.raw) + header.nbytes
    if header.fortran or not header.nbytes or 2 * size > MOST_AHEAD:
        return None
    there = stream.gather(raw, size)
    count = len(there) // size
    if count < 2:
        return None
    memory = np.frombuffer(there, np.uint8)[: count * size].reshape(count, size)
    alike = (memory[:, : len(raw)] == memory[0, : len(raw)]).all(axis=1)
    count = count if alike.all() else int(alike.argmin())
    if count < 2:
        return None
    stream.skip(count * size - len(raw))
    return Records(name, header, memory[:count])


def blank(count: int, shape: tuple[int, ...], dtype: DType, ring: Ring) -> tuple[Loan, Array]:
    """Borrow memory for equal arrays with their headers; returns it and a view of the arrays."""
    head = np.frombuffer(header_bytes(shape, dtype), np.uint8)
    size = head.size + math.prod(shape) * dtype.itemsize
    loan = ring.lend((count, size), np.dtype(np.uint8))
    loan.array[:, : head.size] = head
    return loan, payload(loan.array, head.size, shape, dtype)


def payload(memory: Array, start: int, shape: tuple[int, ...], dtype: DType) -> Array:
    """View the numbers that stand in each row of bytes from `start` on."""
    inner = np.empty(shape, dtype).strides
    return np.ndarray((len(memory), *shape), dtype, memory.data, start, (memory.strides[0], *inner))

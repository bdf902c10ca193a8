"""Input arrays, there or still to come, as they are taken: image by image, or row by row."""

import math
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol

import numpy as np

from convcli.arrays.dtypes import Array, DType
from convcli.arrays.npy import Header, read_body, read_headers, read_into


class Source(Protocol):
    """An input array that is taken image by image, or row by row of an image, in order.

    Images are the parts that stand one after another along the first axes, as many of them as
    the operation leaves apart.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType
    layout: str | None
    waits: bool  # for what is read

    def images(self, lead: int, count: int) -> Array:
        """Take the next `count` images, as (count, *the axes after the first `lead`)."""

    def rows(self, lead: int, needs: Sequence[range]) -> Iterator[tuple[int, Array]]:
        """Take parts of the next image by the rows they need; yields (first row, the rows)."""

    def whole(self) -> "InMemory":
        """Take all of it."""

    def finish(self) -> None:
        """Pass over what was not taken, so that the next array can be read."""


class InMemory:
    """An array that is there."""

    waits = False

    def __init__(self, name: str, array: Array, layout: str | None = None) -> None:
        self.name = name
        self.array = array
        self.layout = layout
        self.shape = array.shape
        self.dtype = array.dtype
        self._next = 0

    def images(self, lead: int, count: int) -> Array:
        """Take the next images."""
        images = self.array.reshape(-1, *self.shape[lead:])
        self._next += count
        return images[self._next - count : self._next]

    def rows(self, lead: int, needs: Sequence[range]) -> Iterator[tuple[int, Array]]:
        """Take parts of the next image."""
        (image,) = self.images(lead, 1)
        for need in needs:
            yield need.start, image[need.start : need.stop]

    def whole(self) -> "InMemory":
        """Take all of it, from the start again."""
        return InMemory(self.name, self.array, self.layout)

    def finish(self) -> None:
        """Nothing is left behind."""


class OnStream:
    """An array that is still to come, from a file or a pipe; in C order."""

    layout: str | None = None
    waits = True

    def __init__(self, name: str, called: str, header: Header, stream: BinaryIO) -> None:
        """Take what a report calls it, and what an error does."""
        self.name = name
        self._called = called
        self.shape = header.shape
        self.dtype = header.dtype
        self._header = header
        self._stream = stream
        self._left = header.nbytes

    def images(self, lead: int, count: int) -> Array:
        """Take the next images."""
        return self._read(np.empty((count, *self.shape[lead:]), self.dtype))

    def rows(self, lead: int, needs: Sequence[range]) -> Iterator[tuple[int, Array]]:
        """Take parts of the next image; only the rows that are needed again are kept."""
        n, *row = self.shape[lead:]
        keep = [need.start for need in needs]
        for i in range(len(needs) - 2, -1, -1):  # what a later part needs must stay
            keep[i] = min(keep[i], keep[i + 1])
        start = stop = 0  # the rows that are held
        held, spare = (np.empty((0, *row), self.dtype) for _ in range(2))
        for first, need in zip(keep, needs, strict=True):
            size = max(need.stop, stop) - first
            # What was given out last may still be in use: the next goes to other memory.
            held, spare = spare, held
            if size > len(held):
                held = np.empty((size, *row), self.dtype)
            kept = max(stop - first, 0)
            held[:kept] = spare[first - start : first - start + kept]
            if first > stop:
                self._skip((first - stop) * math.prod(row) * self.dtype.itemsize)
            self._read(held[kept:size])
            start, stop = first, first + size
            yield start, held[:size]
        self._skip((n - stop) * math.prod(row) * self.dtype.itemsize)

    def whole(self) -> InMemory:
        """Read all of it."""
        self._left = 0
        return InMemory(self.name, read_body(self._header, self._stream, self._called))

    def finish(self) -> None:
        """Pass over what was not taken."""
        self._skip(self._left)

    def _read(self, array: Array) -> Array:
        read_into(array, self._stream, self._called)
        self._left -= array.nbytes
        return array

    def _skip(self, nbytes: int) -> None:
        scrap = np.empty(min(nbytes, 1 << 20), np.uint8)
        while nbytes > 0:
            self._left -= len(scrap[:nbytes])
            read_into(scrap[:nbytes], self._stream, self._called)
            nbytes -= len(scrap)


def stream_sources(stream: BinaryIO, name: str, called: str) -> Iterator[Source]:
    for header in read_headers(stream, called):
        source: Source = OnStream(name, called, header, stream)
        if header.fortran:  # its rows do not stand one after another
            source = source.whole()
        yield source
        source.finish()

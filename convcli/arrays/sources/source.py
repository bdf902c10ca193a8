"""Input arrays, in memory or on a stream, read box by box."""

import math
import os
from collections.abc import Iterator
from contextlib import nullcontext
from typing import BinaryIO, NamedTuple, Protocol

import numpy as np

from convcli.arrays.box import Box, slices
from convcli.arrays.dtypes import Array, DType
from convcli.arrays.files.transfer import same_file
from convcli.arrays.sources.npy import Header, read_body, read_headers, read_into
from convcli.arrays.sources.ring import Loan, Ring


class ImageExtras(NamedTuple):
    """What an image holds beside its values: it is not convolved, but written with an image.

    Attributes
    ----------
    alpha : ndarray, shape (rows, columns), or None
        Transparency, from 0 to 255.
    profile : bytes or None
        ICC profile of its colours.
    dpi : (int, int) or None
        Pixels per inch along x and y.
    """

    alpha: Array | None = None
    profile: bytes | None = None
    dpi: tuple[int, int] | None = None

    @property
    def is_transparent(self) -> bool:
        """Whether some pixel is not opaque."""
        return self.alpha is not None and bool((self.alpha < 255).any())


NO_EXTRAS = ImageExtras()


class Source(Protocol):
    """An input array.

    Attributes
    ----------
    name : str
        What reports call it.
    shape : tuple of int
    dtype : dtype
    layout : str or None
        A letter for each axis, where the format defines them.
    on_stream : bool
        Reading takes time, and happens once, in order.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType
    layout: str | None
    on_stream: bool

    def read(self, box: Box, ring: Ring) -> "Loan | nullcontext[Array]":
        """Read a box of the array, in memory that is its own or borrowed from the ring.

        A box is contiguous in C order: one index for the first axes, a range of the next, all of
        the others. On a stream every box starts at or after the start of the one before.
        """

    def whole(self) -> "InMemory":
        """Read all of it."""

    def finish(self) -> None:
        """Skip what was not read, so that the next array of the stream can be."""


class InMemory:
    """An array in memory."""

    on_stream = False

    def __init__(
        self,
        name: str,
        array: Array,
        layout: str | None = None,
        extras: ImageExtras = NO_EXTRAS,
    ) -> None:
        """Take an array, and what else an image holds."""
        self.name = name
        self.array = array
        self.layout = layout
        self.extras = extras
        self.shape = array.shape
        self.dtype = array.dtype

    def read(self, box: Box, _ring: Ring) -> nullcontext[Array]:
        """View a box of the array."""
        return nullcontext(self.array[slices(box)])

    def whole(self) -> "InMemory":
        """Return itself: all of it is here."""
        return self

    def finish(self) -> None:
        """Do nothing: there is no stream."""


class OnStream:
    """An array in a file or a pipe, in C order, not read yet."""

    layout: str | None = None
    on_stream = True

    def __init__(self, name: str, called: str, header: Header, stream: BinaryIO) -> None:
        """Take a stream whose header has been read.

        Parameters
        ----------
        name, called : str
            What reports call the array, and what errors do.
        header : Header
        stream : binary file
        """
        self.name = name
        self._called = called
        self.shape = header.shape
        self.dtype = header.dtype
        self._header = header
        self._stream = stream
        self._held = np.empty(0, header.dtype)  # the numbers read last
        self._position = 0  # of the stream, in numbers of this array

    @property
    def in_own_file(self) -> bool:
        """Whether it is read from the file that it is named by, not from a copy or a member."""
        try:
            return same_file(os.fstat(self._stream.fileno()), os.stat(self.name))
        except (OSError, ValueError):  # a stream without a descriptor, no such file
            return False

    @property
    def followed(self) -> bool:
        """Whether a file holds more than this array, of which nothing has been read."""
        left = os.fstat(self._stream.fileno()).st_size - self._stream.tell()
        return left > self._header.nbytes

    def read(self, box: Box, ring: Ring) -> "Loan | nullcontext[Array]":
        """Read a box; numbers shared with the box before are copied from where it was read to.

        ::

            before    |-------- held --------|
            this box            |-- kept ----|---- read ----|

        Once all is read, boxes are views of what is held: nothing more is borrowed.
        """
        start = 0  # position of its first number; the end of the array if the box is empty
        for part, n in zip(box, self.shape, strict=True):
            start = start * n + part.start
        lengths = [len(part) for part in box]
        size = math.prod(lengths)
        if self._position == math.prod(self.shape):
            first = len(self._held) - (self._position - start)
            return nullcontext(self._held[first : first + size].reshape(lengths))
        kept = max(self._position - start, 0)
        self._skip(start - self._position)
        # All that is held past `start` stays, as a stream cannot be read again.
        loan = ring.lend((max(size, kept),), self.dtype)
        with loan.filling() as held:
            held[:kept] = self._held[len(self._held) - kept :]
            self._read(held[kept:])
        self._held = held
        loan.array = held[:size].reshape(lengths)
        return loan

    def whole(self) -> InMemory:
        """Read all of it."""
        self._position = math.prod(self.shape)
        return InMemory(self.name, read_body(self._header, self._stream, self._called))

    def finish(self) -> None:
        """Skip what was not read."""
        self._skip(math.prod(self.shape) - self._position)

    def _read(self, array: Array) -> None:
        read_into(array, self._stream, self._called)
        self._position += array.size

    def _skip(self, count: int) -> None:
        piece = np.empty(max(min(count, (1 << 20) // self.dtype.itemsize), 0), self.dtype)
        while count > 0:
            self._read(piece[:count])
            count -= len(piece)


def stream_sources(stream: BinaryIO, name: str, called: str, head: bytes = b"") -> Iterator[Source]:
    """Read arrays one after another from a stream of ``.npy``.

    Parameters
    ----------
    stream : binary file
    name, called : str
        What reports call an array, and what errors do.
    head : bytes
        What was read of the stream already, of its magic string.
    """
    for header in read_headers(stream, called, head):
        yield from source_of(header, stream, name, called)


def source_of(header: Header, stream: BinaryIO, name: str, called: str) -> Iterator[Source]:
    """Give the array whose header has been read, and skip what of it was not used."""
    source: Source = OnStream(name, called, header, stream)
    if header.fortran:  # its numbers are not in C order
        source = source.whole()
    yield source
    source.finish()

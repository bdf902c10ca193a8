"""How outputs are written to a stream: what every format has, and ``.npy``."""

import math
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol

from convcli.arrays.dtypes import Array, DType
from convcli.arrays.files.atomic import reserve
from convcli.arrays.sources.npy import write_data, write_header
from convcli.arrays.sources.source import ImageExtras

if TYPE_CHECKING:  # only images need it
    from convcli.arrays.formats.pixels import Mapping, Scaling


class Whole(NamedTuple):
    """All of an output, for a format that needs it.

    Attributes
    ----------
    array : ndarray
    layout : str
        A letter for each of its axes.
    scaling : Scaling
        How its values become those of pixels.
    extras : ImageExtras
        Of the image that was the input, if it was one.
    """

    array: Array
    layout: str
    scaling: "Scaling"
    extras: ImageExtras


class Writer(Protocol):
    """Writes outputs, one after another, in one format.

    Attributes
    ----------
    needs_whole : bool
        An output is written at once by `finish`, not part by part.
    """

    needs_whole: bool

    def begin(self, shape: tuple[int, ...], dtype: DType, layout: str) -> None:
        """Announce an output; refuse before the work what the format cannot hold."""

    def write(self, part: Array) -> None:
        """Write the next numbers of an output, in C order."""

    def finish(self, whole: Whole | None) -> "Mapping | None":
        """End an output; returns how its values were mapped, if they were."""

    def close(self) -> None:
        """End the file."""


class NpyWriter:
    """Writes ``.npy`` arrays one after another."""

    needs_whole = False

    def __init__(self, stream: BinaryIO, is_file: bool) -> None:
        self._stream = stream
        self._is_file = is_file
        self._header: tuple[tuple[int, ...], DType] | None = None

    def begin(self, shape: tuple[int, ...], dtype: DType, layout: str) -> None:
        """Keep the header until there are data to follow it."""
        del layout
        self._header = (shape, dtype)

    def write(self, part: Array) -> None:
        """Write numbers, after the header if they are the first."""
        if self._header is not None:
            shape, dtype = self._header
            write_header(shape, dtype, self._stream)
            nbytes = math.prod(shape) * dtype.itemsize
            if self._is_file and part.nbytes < nbytes:  # what is all here is written at once
                reserve(self._stream, nbytes)
            self._header = None
        write_data(part, self._stream)

    def write_records(self, memory: Array) -> None:
        """Write arrays that have their headers already."""
        write_data(memory, self._stream)

    def finish(self, whole: Whole | None) -> None:
        """Do nothing: all is written."""

    def close(self) -> None:
        """Do nothing: a file may hold any number of arrays."""

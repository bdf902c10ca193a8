"""Arrays in and out as ``.npy``, whole or row by row, from files and from pipes."""

import contextlib
import io
import math
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib import format as npy

from convcli.arrays.dtypes import Array, shape_text
from convcli.arrays.files.transfer import write_all
from convcli.arrays.memory import check_memory, check_shape
from convcli.errors import ConvcliError, reason


class Header(NamedTuple):
    """What a ``.npy`` file says of the data that follow."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[np.generic]
    raw: bytes = b""  # as it stood in the stream

    @property
    def nbytes(self) -> int:
        """Bytes of the data."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_headers(stream: BinaryIO, name: str, head: bytes = b"") -> Iterator[Header]:
    """Read the headers of arrays that follow one another in a stream.

    The data of one must be read before the next header is. A pipe need not be seekable.

    Parameters
    ----------
    stream : binary file
        Open for reading, at the start of an array.
    name : str
        What errors call it.
    head : bytes
        What was read of the stream already, of its magic string.

    Raises
    ------
    ConvcliError
        The stream is empty, or its array is truncated, pickled, not of numbers, or larger
        than memory: found before anything is allocated.
    """
    first, magic = True, head + stream.read(npy.MAGIC_LEN - len(head))
    while magic or first:
        if not first and not magic.startswith(npy.MAGIC_PREFIX):
            raise ConvcliError(
                f"{name} has trailing bytes that are not another array ({magic[:6]!r}); "
                f"save it again"
            )
        header = _read_header(magic, stream, name)
        _check_size(header, stream, name)
        yield header
        first, magic = False, stream.read(npy.MAGIC_LEN)


def _read_header(magic: bytes, stream: BinaryIO, name: str) -> Header:
    """Read the header after the magic string, and refuse what does not hold numbers."""
    if not magic:
        raise ConvcliError(f"{name} is empty, not a .npy array; make one with numpy.save")
    if not magic.startswith(npy.MAGIC_PREFIX):
        raise ConvcliError(
            f"{name} is not a .npy file (bad magic bytes: it starts with {magic[:6]!r}); "
            f"make one with numpy.save"
        )
    version = tuple(magic[len(npy.MAGIC_PREFIX) :])
    if version not in _VERSIONS:
        raise ConvcliError(
            f"{name} is .npy of version {'.'.join(map(str, version))}; "
            f"versions 1.0 and 2.0 are read: save the array again"
        )
    parse, width = _VERSIONS[version]
    length = stream.read(width)
    raw = magic + length + stream.read(int.from_bytes(length, "little"))
    try:
        header = _parse(parse, raw, len(magic))
    except (ConvcliError, MemoryError):
        raise
    # A damaged header can fail anywhere in NumPy's parser.
    except Exception as error:
        raise ConvcliError(
            f"{name} has a broken .npy header ({reason(error)}); save the array again"
        ) from None
    check_numbers(header.dtype, name)
    if any(type(size) is not int or size < 0 for size in header.shape):
        raise ConvcliError(f"{name} has a broken .npy header (shape {header.shape}); save it again")
    check_shape(name, header.shape, header.dtype.itemsize)
    return header


# What parses a header of each version, and the bytes that say how long it is.
_VERSIONS: dict[tuple[int, ...], tuple[Callable[[BinaryIO], Any], int]] = {
    (1, 0): (npy.read_array_header_1_0, 2),
    (2, 0): (npy.read_array_header_2_0, 4),
}


@lru_cache(maxsize=64)  # many arrays of a stream have the same one
def _parse(parse: Callable[[BinaryIO], Any], raw: bytes, start: int) -> Header:
    with warnings.catch_warnings():  # of a file that Python 2 wrote, which is read all the same
        warnings.simplefilter("ignore")
        shape, fortran, dtype = parse(io.BytesIO(raw[start:]))
    return Header(shape, fortran, dtype, raw)


def check_numbers(dtype: np.dtype[np.generic], name: str) -> None:
    """Refuse values that are not numbers."""
    if dtype.hasobject:
        raise ConvcliError(
            f"{name} holds pickled Python objects, which could run code when read; "
            f"save it as an array of numbers"
        )
    if dtype.kind not in "biufc" or dtype.subdtype is not None:
        raise ConvcliError(
            f"{name} holds {dtype} values, and numbers are needed: "
            f"integers, booleans, floats or complex; convert it with numpy.astype"
        )


def _check_size(header: Header, stream: BinaryIO, name: str) -> None:
    """Refuse a header that claims more than a file holds, or more than memory can."""
    claim = (
        f"{name} says it holds {shape_text(header.shape)} {header.dtype}, {header.nbytes:,} bytes"
    )
    with contextlib.suppress(OSError, ValueError, AttributeError):  # a pipe cannot tell
        if stream.seekable():
            left = os.fstat(stream.fileno()).st_size - stream.tell()
            if left < header.nbytes:
                raise ConvcliError(
                    f"{claim}, but {left:,} follow; the file is truncated: copy it again"
                )
            return
    check_memory(claim, header.nbytes)


def read_into(array: Array, stream: BinaryIO, name: str) -> None:
    """Fill a contiguous array with the bytes that come next."""
    view = array.reshape(-1).view(np.uint8).data  # memoryview.cast knows no complex numbers
    done = 0
    while done < len(view):
        count = stream.readinto(view[done:])  # type: ignore[attr-defined]
        if not count:
            raise ConvcliError(
                f"{name} is truncated: {len(view) - done:,} bytes are missing; send it again"
            )
        done += count


def read_body(header: Header, stream: BinaryIO, name: str) -> Array:
    """Read all the data that a header announced."""
    flat = np.empty(math.prod(header.shape), header.dtype)
    read_into(flat, stream, name)
    if header.fortran:
        return flat.reshape(header.shape[::-1]).T
    return flat.reshape(header.shape)


def write_header(shape: Sequence[int], dtype: np.dtype[np.generic], stream: BinaryIO) -> None:
    """Write the header of an array in C order."""
    write_all(header_bytes(tuple(shape), dtype), stream)


@lru_cache(maxsize=64)
def header_bytes(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> bytes:
    """Make the header of an array in C order."""
    descr = npy.dtype_to_descr(dtype)
    header = io.BytesIO()
    npy.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": shape})
    return header.getvalue()


def write_data(array: Array, stream: BinaryIO) -> None:
    """Write the numbers of an array, in C order."""
    write_all(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, stream)

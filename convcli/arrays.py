"""Arrays in and out as ``.npy``: files and pipes, refused in words or read whole."""

import contextlib
import math
import os
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from convcli.errors import ConvcliError

Array = NDArray[Any]  # of any type of number
Index = tuple[Any, ...]


def at(*index: Any) -> Index:
    """Build an index of an array from parts."""
    return index


class Header(NamedTuple):
    """What a ``.npy`` file says of the data that follow."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[np.generic]

    @property
    def nbytes(self) -> int:
        """Bytes of the data."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_arrays(stream: BinaryIO, name: str) -> Iterator[Array]:
    """Read the arrays that stand one after another in a stream; a pipe need not be seekable.

    Parameters
    ----------
    stream : binary file
        Open for reading, at the start of an array.
    name : str
        What errors call it.

    Raises
    ------
    ConvcliError
        The stream holds no array, or one that is cut short, pickled, not of numbers, or larger
        than memory: found before anything is allocated.
    """
    first = True
    while (magic := stream.read(npy.MAGIC_LEN)) or first:
        first = False
        header = read_header(magic, stream, name)
        check_size(header, stream, name)
        yield read_body(header, stream, name)


def read_header(magic: bytes, stream: BinaryIO, name: str) -> Header:
    """Read the header behind the magic string, and refuse what does not hold numbers."""
    if not magic.startswith(npy.MAGIC_PREFIX):
        found = "is empty" if not magic else f"starts with {magic[:6]!r}"
        raise ConvcliError(
            f"{name} {found}, not with the mark of a .npy array; make one with numpy.save"
        )
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = tuple(magic[len(npy.MAGIC_PREFIX) :])
    if version not in readers:
        raise ConvcliError(
            f"{name} is .npy of version {'.'.join(map(str, version))}; "
            f"versions 1.0 and 2.0 are read: save the array anew"
        )
    try:
        header = Header(*readers[version](stream))
    # A mutilated header can fail anywhere in NumPy's parser; whatever it is, it is no header.
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConvcliError(
            f"{name} has a broken .npy header ({reason}); save the array anew"
        ) from None
    if header.dtype.hasobject:
        raise ConvcliError(
            f"{name} holds pickled Python objects, which could run code when read; "
            f"save it as an array of numbers"
        )
    if header.dtype.kind not in "biufc" or header.dtype.subdtype is not None:
        raise ConvcliError(
            f"{name} holds {header.dtype} values, and numbers are needed: "
            f"integers, booleans, floats or complex; convert it with numpy.astype"
        )
    if any(size < 0 for size in header.shape):
        raise ConvcliError(f"{name} has a broken .npy header (shape {header.shape}); save it anew")
    return header


def check_size(header: Header, stream: BinaryIO, name: str) -> None:
    """Refuse a header that claims more than a file holds, or more than memory can."""
    claim = f"{name} says it holds {_shape(header.shape)} {header.dtype}, {header.nbytes:,} bytes"
    with contextlib.suppress(OSError, ValueError):  # a pipe cannot tell how much is left
        if stream.seekable():
            left = os.fstat(stream.fileno()).st_size - stream.tell()
            if left < header.nbytes:
                raise ConvcliError(
                    f"{claim}, but {left:,} follow; the file is cut short: copy it anew"
                )
    check_memory(claim, header.nbytes)


def check_memory(claim: str, nbytes: int) -> None:
    """Refuse what can never be held."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if nbytes > memory:
        raise ConvcliError(f"{claim}, more than the memory of {memory:,}; cut it into parts")


def read_body(header: Header, stream: BinaryIO, name: str) -> Array:
    """Read the data that a header announced."""
    flat = np.empty(math.prod(header.shape), header.dtype)
    view = flat.view(np.uint8).data  # not memoryview.cast, which knows no complex numbers
    done = 0
    while done < flat.nbytes:
        count = stream.readinto(view[done:])  # type: ignore[attr-defined]
        if not count:
            raise ConvcliError(
                f"{name} is cut short: {done:,} of {flat.nbytes:,} bytes of "
                f"{_shape(header.shape)} {header.dtype} came; send it whole"
            )
        done += count
    if header.fortran:
        return flat.reshape(header.shape[::-1]).T
    return flat.reshape(header.shape)


def write_array(array: Array, stream: BinaryIO) -> None:
    """Write one array as ``.npy``, in C order and native byte order."""
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(array.shape)
    npy.write_array_header_1_0(stream, npy.header_data_from_array_1_0(array))
    left = array.reshape(-1).view(np.uint8).data
    while left:  # an unbuffered stream takes what it can, and says how much that was
        left = left[stream.write(left) :]


@contextlib.contextmanager
def replaced(path: str) -> Iterator[BinaryIO]:
    """Open a file to take the place of `path` once it is complete.

    It is written beside `path` and renamed at the end, so that a failure leaves the old file
    whole and nothing else behind. What is no regular file (a device, a named pipe) is written to
    directly.
    """
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        with open(target, "wb") as stream:
            yield stream
        return
    folder, base = os.path.split(target)
    part = os.path.join(folder, f".{base[:200]}.{os.getpid()}.part")
    try:
        # Exclusive, and with the rights that any new file gets, or those of the old one.
        with open(part, "xb") as stream:
            if os.path.exists(target):
                os.fchmod(stream.fileno(), os.stat(target).st_mode & 0o7777)
            yield stream
        os.replace(part, target)
    except BaseException as error:
        if not isinstance(error, FileExistsError):
            with contextlib.suppress(OSError):
                os.unlink(part)
        if isinstance(error, OSError) and error.filename == part:
            error.filename = path
        raise


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "one"

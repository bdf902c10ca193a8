"""Arrays in ``.npz`` archives, read and written as a stream: a member is never held as a whole."""

import contextlib
import io
import zipfile
from collections.abc import Iterator
from typing import IO, Any, BinaryIO, cast

from convcli.arrays import members
from convcli.arrays.dtypes import Array, DType
from convcli.arrays.files.transfer import FullReads, write_all
from convcli.arrays.formats import Note
from convcli.arrays.formats.writers import Whole
from convcli.arrays.sources.npy import read_headers, write_data, write_header
from convcli.arrays.sources.source import Source, stream_sources
from convcli.errors import ConvcliError, UsageError, reason

_PIECE = 1 << 20  # bytes decompressed at once


class _Member(io.RawIOBase):
    """A member of an archive, decompressed as it is read, whose errors name it."""

    def __init__(self, stream: IO[bytes], size: int, called: str) -> None:
        self._stream = stream
        self._left = size
        self._called = called

    def readinto(self, buffer: Any) -> int:
        with _reporting_damage(self._called):
            data = self._stream.read(min(len(buffer), _PIECE))  # a copy: not of the whole member
            self._left -= len(data)
            if data and self._left == 0:
                self._stream.read(1)  # the end, where the checksum is compared
        buffer[: len(data)] = data
        return len(data)


@contextlib.contextmanager
def _reporting_damage(called: str) -> Iterator[None]:
    """Turn what decompressors raise into one line; each of them has an exception of its own."""
    try:
        yield
    except (ConvcliError, MemoryError):
        raise
    except Exception as error:
        raise ConvcliError(
            f"{called} is damaged ({reason(error)}); save it again with numpy.savez"
        ) from None


def members_of(path: str) -> list[members.Member]:
    """List the arrays of an archive, of which nothing but the headers is read."""
    with _reporting_damage(repr(path)):
        archive = zipfile.ZipFile(path)
    found = []
    with archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            called = repr(f"{path}::{name}")
            with _reporting_damage(called):
                stream = archive.open(info)
            with stream:
                reads = FullReads(_Member(stream, info.file_size, called), called)
                header = next(read_headers(cast("BinaryIO", reads), called))
            found.append(members.Member(name, header.shape, header.dtype.name))
    return found


def read(
    spec: str, path: str, member: str | None, note: Note, file: BinaryIO | None = None
) -> Iterator[Source]:
    """Read a member of an archive."""
    del note
    with _reporting_damage(repr(path) if file is None else path):
        archive = zipfile.ZipFile(file or path)
    with archive:
        if not any(name.endswith(".npy") for name in archive.namelist()):
            raise ConvcliError(
                f"{repr(path) if file is None else path} is an archive without .npy arrays; a file "
                f"of PyTorch's is read by its name, which ends in .pt"
            )
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        if file is not None and len(names) > 1:
            listed = ", ".join(names[:12])
            raise UsageError(
                f"{path} holds {len(names)} arrays ({listed}); save it to a file, and name one, "
                f"such as x.npz::{names[0]}"
            )
        name = members.choose(path, member, names)
        called = repr(f"{path}::{name}")
        info = archive.infolist()[names.index(name)]
        with _reporting_damage(called):
            stream = archive.open(info)
        with stream:
            reads = FullReads(_Member(stream, info.file_size, called), called)
            # One array: as NumPy does, ignore what follows it.
            source = next(stream_sources(cast("BinaryIO", reads), spec, called))
            yield source
            source.finish()


def writer(ending: str, stream: BinaryIO, called: str) -> "_Writer":
    """Make what writes an archive."""
    del ending, called
    return _Writer(stream)


class _Writer:
    """Writes ``arr_0``, ``arr_1`` and so on, as `numpy.savez` does."""

    needs_whole = False

    def __init__(self, stream: BinaryIO) -> None:
        self._archive = _Archive(cast("BinaryIO", _FullWrites(stream)), "w")
        self._member: IO[bytes] | None = None
        self._count = 0

    def begin(self, shape: tuple[int, ...], dtype: DType, layout: str) -> None:
        """Begin a member."""
        del layout
        self._member = self._archive.open(f"arr_{self._count}.npy", "w", force_zip64=True)
        self._count += 1
        write_header(shape, dtype, cast("BinaryIO", self._member))

    def write(self, part: Array) -> None:
        """Write numbers of the member."""
        assert self._member is not None
        write_data(part, cast("BinaryIO", self._member))

    def finish(self, whole: Whole | None) -> None:
        """End the member."""
        assert self._member is not None
        self._member.close()

    def close(self) -> None:
        """Write the archive's directory."""
        self._archive.close()


class _Archive(zipfile.ZipFile):
    def __del__(self) -> None:
        """Leave an archive whose writing failed as it is, where its parent would complain."""


class _FullWrites(io.RawIOBase):
    """A stream that takes all bytes at once, and has no position."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: Any) -> int:
        write_all(data, self._stream)
        return memoryview(data).nbytes

    def writable(self) -> bool:
        return True

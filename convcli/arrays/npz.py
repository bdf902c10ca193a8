"""Arrays in ``.npz`` archives, read as a stream: a member is never held as a whole."""

import contextlib
import io
import zipfile
from collections.abc import Iterator
from typing import IO, Any, BinaryIO, cast

from convcli.arrays import members
from convcli.arrays.formats import Note
from convcli.arrays.sources import Source, stream_sources
from convcli.arrays.transfer import FullReads
from convcli.errors import ConvcliError

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
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise ConvcliError(
            f"{called} is damaged ({reason}); save it again with numpy.savez"
        ) from None


def read(spec: str, path: str, member: str | None, note: Note) -> Iterator[Source]:
    """Read a member of an archive."""
    del note
    with _reporting_damage(repr(path)):
        archive = zipfile.ZipFile(path)
    with archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
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

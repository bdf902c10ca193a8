"""Arrays in ``.npz`` archives, read as a stream: a member is never held as a whole."""

import contextlib
import io
import math
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

    def __init__(self, stream: IO[bytes], called: str) -> None:
        self._stream = stream
        self._called = called
        self.position = 0

    def readinto(self, buffer: Any) -> int:
        with _reporting_damage(self._called):
            data = self._stream.read(min(len(buffer), _PIECE))  # a copy: not of the whole member
        buffer[: len(data)] = data
        self.position += len(data)
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
            content = _Member(stream, called)
            reads = cast("BinaryIO", FullReads(content, called))
            for source in stream_sources(reads, spec, called):
                # Before it is convolved: damage past the end would be found after it.
                to_come = math.prod(source.shape) * source.dtype.itemsize if source.on_stream else 0
                if content.position + to_come != info.file_size:
                    raise ConvcliError(
                        f"{called} is damaged ({info.file_size:,} bytes, and its header announces "
                        f"{content.position + to_come:,}); save it again with numpy.savez"
                    )
                yield source

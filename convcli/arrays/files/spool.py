"""Temporary files, for what must be read twice and may be larger than memory."""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

_IN_MEMORY = 32 << 20  # bytes; a larger one goes to the disk


@contextmanager
def spooled(stream: BinaryIO | None = None) -> Iterator[BinaryIO]:
    """Open a temporary file, empty or with what is left of a stream."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        if stream is not None:
            while data := stream.read(1 << 20):
                file.write(data)
            file.seek(0)
        yield cast("BinaryIO", file)


class Rejoined(io.RawIOBase):
    """A stream together with its first bytes, which were read to see what it holds."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = head
        self._stream = stream

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer: from the head as long as it lasts."""
        if not self._head:
            return int(self._stream.readinto(buffer))  # type: ignore[attr-defined]
        count = min(len(buffer), len(self._head))
        buffer[:count], self._head = self._head[:count], self._head[count:]
        return count

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

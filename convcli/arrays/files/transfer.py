"""Bytes in and out in full: streams may move fewer than asked for, or none yet."""

import io
import os
from typing import Any, BinaryIO

from convcli.errors import ConvcliError

_AHEAD = 1 << 19  # bytes
MOST_AHEAD = 1 << 21  # bytes, of small pieces


class FullReads(io.RawIOBase):
    """A stream whose reads return fewer bytes than asked for only at its end.

    A pipe returns what has arrived; a non-blocking one returns nothing if nothing has. Small reads
    are served from what has arrived together, large ones go straight to their buffer; none waits
    for more than was asked for. Errors of the system name the input.
    """

    def __init__(self, stream: Any, name: str) -> None:
        """Wrap a stream, and take the name that errors call it."""
        self._stream = stream
        self._name = name
        self._space = memoryview(bytearray(_AHEAD))
        self._start = self._stop = 0  # of what is there but was not asked for yet

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; returns how many bytes there were."""
        view = memoryview(buffer).cast("B")
        done = self._take(view)
        while done < len(view):
            if len(view) - done >= _AHEAD:
                count = self._read_some(view[done:])
            else:
                self._start, self._stop = 0, self._read_some(self._space[:_AHEAD])
                count = self._take(view[done:])
            if count == 0:
                break
            done += count
        return done

    def gather(self, head: bytes, size: int) -> memoryview:
        """View the piece whose `head` has been read, and what has arrived after it.

        Only the rest of this piece is waited for. The view lasts until the next read, which gives
        what follows the head, see `skip`.

        Parameters
        ----------
        head : bytes
        size : int
            Of a piece with its head, `MOST_AHEAD` at most.
        """
        start = self._start - len(head)
        if start < 0 or self._stop - start < 2 * size:  # few are there
            start = 0
            self._to_front(head)
            room = self._space[self._stop :]
            while room and (self._stop < size or _is_ready(self._stream)):
                try:
                    count = self._read_some(room)
                except ConvcliError:
                    if self._stop < size:
                        raise
                    break  # the next read raises it again, after what is here
                if not count:
                    break
                self._stop += count
                room = self._space[self._stop :]
        return self._space[start : self._stop]

    def _to_front(self, head: bytes) -> None:
        """Put what was not asked for yet at the start of a larger space, after its head."""
        rest, space = self._space[self._start : self._stop], self._space
        if len(space) < MOST_AHEAD:
            space = memoryview(bytearray(MOST_AHEAD))
            _enlarge(self._stream)
        self._start, self._stop = len(head), len(head) + len(rest)
        space[self._start : self._stop] = rest
        space[: self._start] = head
        self._space = space

    def skip(self, size: int) -> None:
        """Take what has been gathered."""
        self._start += size

    def _take(self, view: memoryview) -> int:
        count = min(len(view), self._stop - self._start)
        view[:count] = self._space[self._start : self._start + count]
        self._start += count
        return count

    def _read_some(self, view: memoryview) -> int:
        """Read what there is, at least a byte but at the end."""
        while True:
            try:
                count: int | None = self._stream.readinto(view)
            except BlockingIOError:  # a buffered stream raises it, a raw one returns None
                count = None
            except OSError as error:
                raise ConvcliError(
                    f"{self._name} cannot be read: {error.strerror or error}; "
                    f"check the path and its permissions"
                ) from None
            if count is not None:
                return count
            _wait(self._stream, reading=True)

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes, or fewer at the end."""
        if size < 0:
            return self.readall()
        data = bytearray(size)
        return bytes(data[: self.readinto(data)])

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def seekable(self) -> bool:
        """Whether its size can be found."""
        return bool(self._stream.seekable())

    def fileno(self) -> int:
        """Return the descriptor of the stream below."""
        return int(self._stream.fileno())

    def tell(self) -> int:
        """Return the position of what is read next."""
        return int(self._stream.tell()) - (self._stop - self._start)


def _wait(stream: Any, reading: bool) -> None:
    """Wait until a non-blocking stream is ready."""
    import select  # noqa: PLC0415  seldom needed

    select.select([stream] if reading else [], [] if reading else [stream], [])


def _is_ready(stream: Any) -> bool:
    """Whether a read would not wait."""
    import select  # noqa: PLC0415  seldom needed

    try:
        return bool(select.select([stream], [], [], 0)[0])
    except (OSError, ValueError):  # no descriptor
        return False


def _enlarge(stream: Any) -> None:
    """Let more than 64 KB wait in a pipe, where the system can."""
    try:
        import fcntl  # noqa: PLC0415  Windows has none

        fcntl.fcntl(stream, fcntl.F_SETPIPE_SZ, 1 << 20)
    except (ImportError, AttributeError, OSError, ValueError):  # no pipe, or no more is allowed
        pass


def write_all(data: "bytes | memoryview", stream: BinaryIO) -> None:
    """Write all bytes; wait where a non-blocking stream takes none."""
    left = memoryview(data)
    while left:
        try:
            count: int | None = stream.write(left)
        except BlockingIOError as error:
            count = error.characters_written or None
        if count is None:
            _wait(stream, reading=False)
            continue
        left = left[count:]


def same_file(a: os.stat_result, b: os.stat_result) -> bool:
    """Whether two results of `os.stat` are of one file."""
    return (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)

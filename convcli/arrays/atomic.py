"""Files that take their place when they are complete, and room for them on the disk."""

import contextlib
import os
from collections.abc import Iterator
from typing import BinaryIO

from convcli.errors import FULL, blaming


def reserve(stream: BinaryIO, nbytes: int) -> None:
    """Have a file's disk blocks allocated before they are written.

    A disk that is too small is found at once; and where blocks were left to be allocated later,
    a rename over another file waits for it (ext4), longer than writing took.

    Raises
    ------
    OSError
        The disk or a quota is too small, or files may not be so large.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(stream.fileno(), stream.tell(), nbytes)
    except OSError as error:  # a device, or a file system that cannot
        if error.errno in FULL:
            raise


@contextlib.contextmanager
def replaced(path: str) -> Iterator[BinaryIO]:
    """Open a file to take the place of `path` once it is complete.

    It is written beside `path` and renamed at the end, so that a failure leaves the old file
    whole and nothing else behind. What is no regular file (a device, a named pipe) is written to
    directly.
    """
    target = os.path.realpath(path)
    part = None
    try:
        # The path itself: behind /dev/stdout or >(command) stands a pipe, which has no other name.
        if os.path.exists(path) and not os.path.isfile(path):
            with open(path, "wb") as stream:
                yield stream
                with blaming(path):
                    stream.flush()
            return
        folder, base = os.path.split(target)
        part = os.path.join(folder, f".{base[:60]}.{os.getpid()}.part")
        # Exclusive, and with the rights that any new file gets, or those of the old one.
        with open(part, "xb") as stream:
            if os.path.exists(target):
                os.fchmod(stream.fileno(), os.stat(target).st_mode & 0o7777)
            yield stream
            with blaming(path):
                stream.flush()
        os.replace(part, target)
    except BaseException as error:
        if part is not None and not isinstance(error, FileExistsError):
            with contextlib.suppress(OSError):
                os.unlink(part)
        if isinstance(error, OSError) and error.filename in (part, target):
            error.filename = path  # what the user named
        raise

"""What can go wrong for a user, each an exception whose text is the one line they read."""

import contextlib
import errno
from collections.abc import Iterator

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # a disk, a quota or a file takes no more


class ConvcliError(Exception):
    """It could not be done: the text names the value, the rule and the remedy."""

    status = 1


class UsageError(ConvcliError):
    """It was asked for wrongly: the same answer for any input."""

    status = 2


class DoesNotFit(ConvcliError):
    """The sizes of input, filter and padding do not go together."""


@contextlib.contextmanager
def blaming(path: str | None) -> Iterator[None]:
    """Name the file that is written to in an error of the system, which names none then."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = path
        raise

"""What arrays this machine can hold: memory, axes, and sizes; and what is kept of memory."""

import contextlib
import math
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from convcli.errors import ConvcliError

MOST_AXES = 64  # of a NumPy array
_ADDRESSABLE = 2**63  # bytes
_TRIM, _MMAP = -1, -3  # parameters of glibc's mallopt, in bytes
_DEFAULT = 1 << 17  # of both, unless a variable of the environment sets the first
_KEPT = 1 << 24  # of what is free


def machine_memory() -> int | None:
    """Return the bytes of memory of this machine; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def check_shape(what: str, shape: Sequence[int], itemsize: int = 8) -> None:
    """Refuse a shape that no NumPy array can have, even one without elements."""
    if len(shape) > MOST_AXES:
        raise ConvcliError(
            f"{what} has {len(shape)} axes, and an array at most {MOST_AXES}; merge some axes"
        )
    if math.prod(size for size in shape if size) * itemsize >= _ADDRESSABLE:
        raise ConvcliError(f"{what} has an axis too large for memory; use smaller sizes")


def check_room(what: str, shape: Sequence[int]) -> None:
    """Refuse the shape of an array with 8 bytes a number that memory can never hold."""
    check_shape(what, shape)
    nbytes = math.prod(shape) * 8
    check_memory(f"{what} takes {nbytes:,} bytes", nbytes)


def check_memory(claim: str, nbytes: int) -> None:
    """Refuse what can never be held."""
    memory = machine_memory()
    if memory is not None and nbytes > memory:
        raise ConvcliError(f"{claim}, more than the memory of {memory:,}; split it into parts")


@contextlib.contextmanager
def keeping_memory(largest: int = 1 << 22) -> Iterator[None]:
    """Keep what is freed for what comes next, and give it back to the system at the end.

    Else pieces of 128 KB and more go back to the system as soon as they are free. To get each
    again, page by page, takes twice as long as the Fourier transform that needs it.

    Parameters
    ----------
    largest : int
        Bytes of a piece; glibc takes at most 32 MB.
    """
    import ctypes  # noqa: PLC0415  NumPy imports it as well

    library: Any = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not hasattr(library, "mallopt"):  # another library than glibc
        yield
        return
    library.mallopt(_TRIM, _KEPT)
    library.mallopt(_MMAP, largest)
    try:
        yield
    finally:
        trim = os.environ.get("MALLOC_TRIM_THRESHOLD_", "")
        library.mallopt(_TRIM, int(trim) if trim.isdecimal() else _DEFAULT)
        library.mallopt(_MMAP, _DEFAULT)
        library.malloc_trim(0)

"""What arrays this machine can hold: memory, axes, and sizes."""

import math
import os
from collections.abc import Sequence

from convcli.errors import ConvcliError

MOST_AXES = 64  # of a NumPy array
_ADDRESSABLE = 2**63  # bytes


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


def check_memory(claim: str, nbytes: int) -> None:
    """Refuse what can never be held."""
    memory = machine_memory()
    if memory is not None and nbytes > memory:
        raise ConvcliError(f"{claim}, more than the memory of {memory:,}; split it into parts")

"""What is kept of memory that was freed."""

import resource
from typing import Any

import numpy as np

from convcli.arrays.memory import keeping_memory

SIZE = 1 << 15  # numbers of a transform, which takes 128 KB to work in


def _page_faults() -> int:
    """Count how often memory is taken from the system while transforms follow one another."""
    x = np.ones((1, SIZE), np.float32)
    y: Any = np.empty((1, SIZE // 2 + 1), np.complex64)
    np.fft.rfft(x, SIZE, out=y)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        np.fft.rfft(x, SIZE, out=y)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_memory_is_kept_for_what_comes_next() -> None:
    """Without, each transform takes its work space from the system again, page by page."""
    assert _page_faults() > 50
    with keeping_memory():
        assert _page_faults() < 50

"""What is kept of memory that was freed."""

import resource
import subprocess
import sys
from pathlib import Path
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
    """In a process of its own, as what others have left free is used again without it, too."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.arrays.test_memory"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=True,
        text=True,
    )
    without, kept = map(int, done.stdout.split())
    assert kept < 50 < without


if __name__ == "__main__":
    print(_page_faults())
    with keeping_memory():
        print(_page_faults())

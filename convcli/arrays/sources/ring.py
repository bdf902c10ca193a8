"""Double buffering: two pieces of memory, lent in turn."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from itertools import cycle
from math import prod

import numpy as np

from convcli.arrays.dtypes import Array, DType


class Loan:
    """An array in borrowed memory; leaving the ``with`` block gives it back."""

    def __init__(self, array: Array, give_back: Callable[[], None]) -> None:
        self.array = array
        self.give_back = give_back

    def __enter__(self) -> Array:
        return self.array

    def __exit__(self, *_error: object) -> None:
        self.give_back()

    @contextlib.contextmanager
    def filling(self) -> Iterator[Array]:
        """Give it back if that fails for which it was borrowed."""
        try:
            yield self.array
        except BaseException:
            self.give_back()
            raise


class Ring:
    """Two slots: while one is in use, the other is filled; or one, where nothing goes side by side.

    This is the one owner of the rule that makes double buffering safe: a slot is lent again only
    after its last borrower gave it back, and the slot lent before stays as it is meanwhile. One
    thread borrows, any thread gives back. Memory is kept, as fresh memory costs page faults.
    """

    def __init__(self, slots: int = 2) -> None:
        self._slots = cycle([_Slot() for _ in range(slots)])

    def lend(self, shape: tuple[int, ...], dtype: DType) -> Loan:
        """Lend the next slot as an array of some shape; wait until it is free."""
        slot = next(self._slots)
        slot.free.acquire()
        size = prod(shape) * dtype.itemsize
        if slot.memory.nbytes < size:
            slot.memory = np.empty(size, np.uint8)
        return Loan(slot.memory[:size].view(dtype).reshape(shape), slot.free.release)


class _Slot:
    def __init__(self) -> None:
        self.memory = np.empty(0, np.uint8)
        self.free = threading.Semaphore(1)

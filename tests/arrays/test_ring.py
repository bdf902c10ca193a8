"""The ring of two slots: which is lent, and when it is lent again."""

import threading

import numpy as np
import pytest

from convcli.arrays.sources.ring import Ring

F4 = np.dtype(np.float32)


def test_the_slot_lent_before_stays_as_it_is() -> None:
    ring = Ring()
    with ring.lend((2, 3), F4) as first, ring.lend((2, 3), F4) as second:
        assert first.shape == second.shape == (2, 3)
        assert not np.shares_memory(first, second)
        first[:], second[:] = 1, 2
        assert (first == 1).all()


def test_memory_is_used_again_once_it_was_given_back() -> None:
    ring = Ring()
    slots = []
    for _ in range(4):
        with ring.lend((4,), F4) as array:
            slots.append(array)
    assert np.shares_memory(slots[0], slots[2])
    assert np.shares_memory(slots[1], slots[3])
    assert not np.shares_memory(slots[2], slots[3])


def test_a_slot_in_use_is_waited_for() -> None:
    ring = Ring()
    loans = [ring.lend((4,), F4) for _ in range(2)]
    lent = threading.Event()

    def borrow() -> None:
        with ring.lend((4,), F4):
            lent.set()

    thread = threading.Thread(target=borrow, daemon=True)
    thread.start()
    assert not lent.wait(0.05)  # a ring that does not wait lends at once
    with loans[0]:
        pass
    assert lent.wait(30)
    thread.join()


def test_a_slot_is_given_back_after_an_error_too() -> None:
    ring = Ring()
    for _ in range(5):  # a slot that was kept would be waited for without end
        with pytest.raises(ValueError, match="mine"), ring.lend((4,), F4):
            raise ValueError("mine")


def test_a_slot_takes_any_shape_and_type() -> None:
    ring = Ring()
    for shape, dtype in (((3,), "u1"), ((5, 7), "c16"), ((), "f8"), ((0, 4), "f4"), ((2,), "i2")):
        with ring.lend(shape, np.dtype(dtype)) as array:
            assert (array.shape, array.dtype) == (shape, np.dtype(dtype))
            array[...] = 1

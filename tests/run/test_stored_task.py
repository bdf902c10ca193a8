"""Reading the input of blocks that follow one another in a store."""

from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli.arrays.sources.ring import Ring
from convcli.engines.numpy_engine import NumpyEngine
from convcli.geometry.window.axis import Window
from convcli.run.compute.blocks import Block
from convcli.run.compute.job import Job
from convcli.run.resolve.operation import resolve
from convcli.run.stores import task as tasks
from convcli.run.stores.task import Reader, Task, do_block


class Chunked:
    """An array in chunks, of which each read is counted."""

    identity: list[Any] = []  # noqa: RUF012

    def __init__(self, x: Any, chunks: tuple[int, ...]) -> None:
        self.x, self.chunks = x, chunks

    def read(self, box: Any, out: Any) -> Any:
        """Read a box."""
        out[...] = self.x[tuple(slice(part.start, part.stop) for part in box)]
        return out


@given(st.data(), st.sampled_from([1, 2]), st.integers(0, 2))
def test_what_is_kept_of_a_block_is_what_is_there(data: Any, slots: int, axis: int) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 40), min_size=3, max_size=3)))
    chunks = tuple(data.draw(st.integers(1, n)) for n in shape)
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    job = Job(resolve(x.shape, x.dtype, np.ones((1, 1)), Window((1,)), dims=2), NumpyEngine(1))
    task = Task(job, Chunked(x, chunks), None, sweep=axis, in_shape=shape)  # type: ignore[arg-type]
    reader = Reader(Ring(slots))
    across = [data.draw(st.integers(0, n - 1)) for n in shape]
    start = 0
    for _ in range(data.draw(st.integers(2, 6))):
        stop = data.draw(st.integers(start + 1, shape[axis]))
        box = tuple(range(first, n) for first, n in zip(across, shape, strict=True))
        box = (*box[:axis], range(start, stop), *box[axis + 1 :])
        with mock.patch("convcli.run.stores.task._AT_ONCE", 3):
            found, loan = reader.read(task, Block(box, box))
        np.testing.assert_array_equal(found, x[tuple(slice(p.start, p.stop) for p in box)])
        loan.give_back()
        start = data.draw(st.integers(start, stop - 1))


@pytest.mark.parametrize("failing", ["_move", "read", "buffer"])
def test_memory_is_given_back_whatever_fails(failing: str, monkeypatch: Any) -> None:
    """The only slot can be borrowed again, or the next block would wait for ever."""
    x = np.arange(1600, dtype=np.float32).reshape(40, 40)
    job = Job(resolve(x.shape, x.dtype, np.ones((1, 1)), Window((1,)), dims=2), NumpyEngine(1))
    source = Chunked(x, (16, 16))
    task = Task(job, source, mock.Mock(), sweep=0, in_shape=x.shape)
    first, second = (Block((rows, range(40)), (rows, range(40))) for rows in (range(9), range(30)))
    ring = Ring(slots=1)
    monkeypatch.setattr(tasks, "_here", mock.Mock(reader=Reader(ring)))
    do_block(task, first)
    broken = mock.Mock(side_effect=MemoryError)
    if failing == "read":
        monkeypatch.setattr(source, "read", broken)
    else:
        monkeypatch.setattr(tasks, failing, broken)
    with pytest.raises(MemoryError):
        do_block(task, second)
    assert broken.called
    assert next(ring._slots).free.acquire(blocking=False)

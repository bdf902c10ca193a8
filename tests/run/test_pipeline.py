"""Reading, convolving and writing at the same time: no memory is used again too early."""

import io
import itertools
import threading
import time
from typing import Any

import numpy as np
import pytest

from convcli.arrays.sources.source import InMemory
from convcli.cli import main
from convcli.run.compute.blocks import plan_blocks
from convcli.run.compute.job import Job
from convcli.run.compute.pipeline import Pipeline
from convcli.streams import Streams
from tests.conftest import Stream, npy_bytes
from tests.run.helpers import engine_of, resolve

PAUSE = 0.002  # long for a block; a shorter one finds less, and never fails a right program


class SlowReader(io.BytesIO):
    """A pipe whose bytes come slowly, a few at a time."""

    def readinto(self, buffer: Any) -> int:
        time.sleep(PAUSE)
        return super().readinto(memoryview(buffer)[:1000])


class SlowWriter(io.BytesIO):
    """A pipe that takes its time before it takes the bytes, which must stay as they are."""

    def write(self, data: Any) -> int:
        time.sleep(PAUSE)
        return super().write(data)


class _Text(Stream):
    """A text stream over bytes that are read or written in some way of their own."""

    def __init__(self, binary: io.BytesIO) -> None:
        super().__init__()
        self.binary = binary

    @property
    def buffer(self) -> Any:
        return self.binary


@pytest.mark.parametrize("more", [[], ["--pad-mode", "reflect"], ["--transposed"]])
@pytest.mark.parametrize(
    ("reader", "writer"), [*itertools.product((io.BytesIO, SlowReader), (io.BytesIO, SlowWriter))]
)
@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_slow_readers_and_writers(
    engine: str, reader: type[io.BytesIO], writer: type[io.BytesIO], more: list[str]
) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.integers(0, 99, (60, 30)), "[[1,2,3],[4,-5,6],[7,8,9]]"
    options = ["-k", w, "-p", "1", "--engine", engine, "-q", *more]
    outputs = {}
    for memory in ("1M", "2K"):  # one block, and many
        slow = memory == "2K"
        source = (reader if slow else io.BytesIO)(npy_bytes(x, x + 1))
        out = (writer if slow else io.BytesIO)()
        streams = Streams(_Text(source), _Text(out), Stream())
        assert main(["run", *options, "--memory", memory], streams) == 0
        outputs[memory] = out.getvalue()
    assert outputs["2K"] == outputs["1M"]


def test_a_block_stays_while_the_next_ones_are_made() -> None:
    """However far ahead the others are, what was yielded is what it was."""
    x = np.arange(4000).reshape(400, 10)
    operation = resolve(x, np.ones((1, 1), np.int64))
    job = Job(operation, engine_of("numpy"))
    blocks = plan_blocks(operation, x.shape, 1600)
    assert len(blocks) > 30
    ahead = threading.Semaphore(0)
    rows = 0
    made = Pipeline().run(job, InMemory("x", x), blocks, lambda _count: ahead.release())
    for i, block in enumerate(made):
        if i < 5:
            ahead.acquire(timeout=0.05)  # lets the next block be made meanwhile
        time.sleep(PAUSE)
        assert np.array_equal(block.y, x[rows : rows + len(block.y)])
        rows += len(block.y)
    assert rows == len(x)


def test_an_error_while_reading_reaches_the_caller() -> None:
    x = np.ones((50, 10))
    data = npy_bytes(x)[:-1000]
    err, out = Stream(), io.BytesIO()
    streams = Streams(_Text(SlowReader(data)), _Text(out), err)
    assert main(["run", "-k", "box:3", "--memory", "1K"], streams) == 1
    assert err.bytes.getvalue().count(b"\n") == 1
    assert len(out.getvalue()) < 48 * 8 * 8


def test_a_pipeline_goes_on_after_a_run_that_was_given_up() -> None:
    x = np.arange(4000).reshape(400, 10)
    job = Job(resolve(x, np.ones((1, 1), np.int64)), engine_of("numpy"))
    blocks = plan_blocks(job.operation, x.shape, 1600)
    pipeline = Pipeline()
    given_up = pipeline.run(job, InMemory("x", x), blocks)
    next(given_up)
    given_up.close()
    rows = [made.y.copy() for made in pipeline.run(job, InMemory("x", x), blocks)]
    assert np.array_equal(np.concatenate(rows), x)

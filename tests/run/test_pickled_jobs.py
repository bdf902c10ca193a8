"""A job is data: another process convolves a block of it to the same bytes."""

import multiprocessing
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pytest

from convcli.arrays.named.filters import named
from convcli.geometry.window.axis import Window
from convcli.run.compute.blocks import plan_blocks
from convcli.run.compute.convolver import convolve_block
from convcli.run.compute.job import Job
from convcli.run.resolve.operation import Operation
from tests.run.helpers import METHODS, engine_of, resolve

rng = np.random.default_rng(0)
IMAGE = rng.random((60, 70), np.float32)
LAYER = rng.random((2, 4, 20, 9), np.float32)


@pytest.fixture(scope="module")
def other_process() -> Iterator[ProcessPoolExecutor]:
    """Start one other process, which shares no memory with this one."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool


def _blurred() -> Operation:
    """Every method applies to it."""
    w = named("gaussian:5x7").astype(np.float32)
    return resolve(IMAGE, w, Window((1,), p=((2, 2), (3, 3))), bias=np.array(0.5))


def _layer(transposed: bool) -> Operation:
    window = Window((1,), (2, 1), ((1, 0), (0, 1)), kind="convt" if transposed else "conv")
    shape = (4, 3, 3, 2) if transposed else (6, 2, 3, 2)
    bias = rng.random(6)
    return resolve(LAYER, rng.random(shape, np.float32), window, groups=2, bias=bias)


def _check(pool: ProcessPoolExecutor, job: Job, x: Any) -> None:
    blocks = plan_blocks(job.operation, x.shape, 8 << 10, job.whole_tiles)
    assert len(blocks) > 1
    for unused in (True, False):
        if unused:
            job = pickle.loads(pickle.dumps(job))
        for block in (blocks[0], blocks[-1]):
            part = x[tuple(slice(each.start, each.stop) for each in block.input)]
            there = pool.submit(convolve_block, job, block, part)
            here, plans = convolve_block(job, block, part)
            assert there.result()[0].tobytes() == here.tobytes()
            assert there.result()[1] == plans
            if not unused:
                again, _ = pool.submit(convolve_block, job, block, part).result()
                assert again.tobytes() == here.tobytes()


@pytest.mark.parametrize("padding", ["zeros", "reflect"])
@pytest.mark.parametrize(("engine", "method"), [("numpy", "auto"), ("torch", "auto"), *METHODS])
def test_every_method_in_another_process(
    engine: str, method: str, padding: str, other_process: ProcessPoolExecutor
) -> None:
    operation = _blurred()._replace(pad_mode=padding)  # zeros may be a library's own
    _check(other_process, Job(operation, engine_of(engine, method)), IMAGE)


@pytest.mark.parametrize("engine", ["numpy", "torch"])
@pytest.mark.parametrize("transposed", [False, True])
def test_layers_in_another_process(
    engine: str, transposed: bool, other_process: ProcessPoolExecutor
) -> None:
    job = Job(_layer(transposed), engine_of(engine))
    x = np.concatenate([LAYER] * 9)
    _check(other_process, job, x)


def test_a_job_that_was_used_is_as_small_as_a_new_one() -> None:
    """What is derived from it is computed again, not sent."""
    job = Job(_blurred(), engine_of("numpy", "fft"))
    new = len(pickle.dumps(job))
    (block,) = plan_blocks(job.operation, IMAGE.shape, 1 << 30)
    convolve_block(job, block, IMAGE)
    assert len(pickle.dumps(job)) == new

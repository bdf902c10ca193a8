"""Blocks: they tile the output, in order, and their inputs are all that they need."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli.geometry.window.axis import Window
from convcli.geometry.window.pad_modes import PAD_MODES
from convcli.run.compute.blocks import plan_blocks
from convcli.run.compute.convolver import convolve_block
from convcli.run.compute.job import Job
from tests import cases
from tests.cases import Case
from tests.run.helpers import engine_of, resolve, resolve_case

memories = st.sampled_from((1, 100, 600, 1 << 20))
any_case = st.one_of(cases.spatial_filters(), cases.layers(), cases.layers(transposed=True))


@given(case=any_case, memory=memories)
def test_blocks_tile_the_output_in_c_order(case: Case, memory: int) -> None:
    operation = resolve_case(case)
    shape = operation.out_shape(case.x.shape)
    numbers = np.arange(math.prod(shape)).reshape(shape)
    blocks = plan_blocks(operation, case.x.shape, memory)
    cut = [numbers[tuple(slice(r.start, r.stop) for r in block.output)] for block in blocks]
    assert np.array_equal(np.concatenate([part.reshape(-1) for part in cut]), numbers.reshape(-1))
    assert [*blocks] == blocks[:] == [blocks[i - len(blocks)] for i in range(len(blocks))]


@given(case=any_case, memory=memories, mode=st.sampled_from(tuple(PAD_MODES)))
def test_a_block_needs_no_more_than_its_input(case: Case, memory: int, mode: str) -> None:
    """In any order, each on its own: as on machines that share nothing."""
    mode = "zeros" if case.transposed else mode
    operation = resolve_case(case, pad_mode=mode)
    job = Job(operation, engine_of("numpy"))
    expected = case.expected(mode)
    for block in reversed(plan_blocks(operation, case.x.shape, memory)):
        box, out = (tuple(slice(r.start, r.stop) for r in part) for part in block[::-1])
        y, _ = convolve_block(job, block, case.x[box].copy())
        assert np.array_equal(y, expected[out])


@given(case=any_case, memory=memories)
def test_inputs_start_in_order_as_a_stream_needs(case: Case, memory: int) -> None:
    blocks = plan_blocks(resolve_case(case), case.x.shape, memory)
    starts = [tuple(part.start for part in block.input) for block in blocks]
    assert starts == sorted(starts)


def test_millions_of_blocks_take_no_memory() -> None:
    x = np.broadcast_to(np.float32(0), (3000, 3000, 5, 5))
    operation = resolve(x, np.ones((3, 3), np.float32))
    tracemalloc.start()
    blocks = plan_blocks(operation, x.shape, 1)
    assert len(blocks) == 3000 * 3000 * 3
    for block in itertools.chain(blocks[:3], [blocks[-1]]):
        assert [len(part) for part in block.output] == [1, 1, 1, 3]
    last = blocks[-1]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [part.start for part in last.output] == [2999, 2999, 2, 0]
    assert peak < 1 << 20


def test_blocks_of_a_method_that_reads_in_place_take_all_of_the_memory() -> None:
    """Its tiles are cut from the block: to round the block to tiles would only make it smaller."""
    pytest.importorskip("cv2")
    x, w = np.empty((4096, 16384), np.float32), np.ones((3, 3), np.float32)
    operation = resolve(x, w, Window((1,), p=((1, 1),)))
    job = Job(operation, engine_of("numpy", "opencv", threads=2))
    blocks = plan_blocks(operation, x.shape, 32 << 20, job.whole_tiles)
    assert len(blocks[0].output[0]) == 256

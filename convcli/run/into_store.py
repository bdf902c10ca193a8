"""Convolves one array into a store: block by block, each a union of whole chunks."""

import math
import time
from collections import Counter, deque

from convcli.arrays.dtypes import Array
from convcli.arrays.sources import Box, InMemory, Source
from convcli.arrays.stores import parse
from convcli.arrays.zarr_arrays import StoredSource
from convcli.arrays.zarr_outputs import Form, NewArray
from convcli.errors import UsageError
from convcli.run.job import Job
from convcli.run.operation import Operation
from convcli.run.prepare import Setup, resolve_job
from convcli.run.reporter import Reporter
from convcli.run.results import Done, Kept, Summary, gather
from convcli.run.store_blocks import plan_chunk_blocks
from convcli.run.stored import Boxes, Figures, InThreads, Task
from convcli.terminal.progress import Progress

_AHEAD = 4  # blocks on their way: read, waiting, convolved, written


class Held(InMemory):
    """An array of this process's memory, as a source of boxes."""


class _InMemoryBoxes:
    def __init__(self, array: Array) -> None:
        self._array = array

    def read(self, box: Box, _out: Array) -> Array:
        """View a box."""
        return self._array[tuple(slice(part.start, part.stop) for part in box)]


def run(setup: Setup, spec: str, reporter: Reporter, progress: Progress) -> None:
    """Convolve one array into the store that ``-o`` names, and report."""
    sources = iter(setup.opener.inputs(spec))
    source = next(sources)
    weights, job = resolve_job(setup, source)
    form = form_of(source, job.operation)
    new = NewArray(parse(str(setup.request.output)), form)
    task = Task(job, _boxes(source), new.stored)
    blocks = plan_chunk_blocks(job.operation, source.shape, form.unit, setup.memory)
    total = math.prod(form.shape)
    executor = InThreads(lambda count: progress.advance(count / total))
    begin = time.perf_counter()
    summary, methods, costs = Summary(), set[str](), Counter[str]()
    waiting = deque()  # type: ignore[var-annotated]
    try:
        for block in blocks:
            waiting.append(executor.submit(task, block))
            if len(waiting) > _AHEAD:
                _take(waiting.popleft().result(), summary, methods, costs)
        while waiting:
            _take(waiting.popleft().result(), summary, methods, costs)
    finally:
        executor.shutdown()
    new.commit()
    done = Done(summary, methods, dict(costs), time.perf_counter() - begin, None)
    result = gather(source, weights.filter, job, setup.window.p, setup.request.output, done)
    progress.pause()
    reporter.add(result, Kept(job.operation, None, weights.filter.array, None))


def _take(figures: Figures, summary: Summary, methods: set[str], costs: Counter[str]) -> None:
    summary.join(figures.summary)
    methods |= figures.methods
    costs.update(figures.costs)


def _boxes(source: Source) -> Boxes:
    if isinstance(source, StoredSource):
        return source.stored
    return _InMemoryBoxes(source.whole().array)


def form_of(source: Source, operation: Operation) -> Form:
    """Choose chunks: those of the input by the stride, or some of about a million numbers."""
    shape = operation.out_shape(source.shape)
    if not isinstance(source, StoredSource):
        side = {1: 1 << 20, 2: 1 << 10, 3: 128}[operation.dims]
        chunks = tuple(
            min(n, side) if letter in operation.spatial else 1
            for n, letter in zip(shape, operation.out_layout, strict=True)
        )
        return Form(shape, operation.out_dtype, chunks)
    array = source.stored.array
    given = dict(zip(operation.layout, array.chunks, strict=True))
    shards = dict(zip(operation.layout, array.shards or array.chunks, strict=True))
    chunks, units = [], []
    for n, letter in zip(shape, operation.out_layout, strict=True):
        chunk = _scaled(given.get(letter, 1), letter, operation)
        chunks.append(min(chunk, n))
        units.append(chunks[-1] * max(1, shards.get(letter, 1) // given.get(letter, 1)))
    return Form(
        shape,
        operation.out_dtype,
        tuple(chunks),
        tuple(units) if array.shards else None,
        array.compressors,
        array.metadata.zarr_format,
    )


def _scaled(chunk: int, letter: str, operation: Operation) -> int:
    """Divide a chunk by the stride, by which a transposed operation multiplies it."""
    if letter not in operation.spatial:
        return chunk
    stride = operation.axis_of(letter).s
    return chunk * stride if operation.transposed else max(chunk // stride, 1)

"""Convolves one array into a store: block by block, each a union of whole chunks."""

import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from convcli.arrays.dtypes import Array
from convcli.arrays.zarr_arrays import StoredSource, slices
from convcli.arrays.zarr_outputs import NewArray, find_place
from convcli.errors import UsageError, counted
from convcli.run.blocks import Block
from convcli.run.box_sources import Held, boxes_of
from convcli.run.executors import Future
from convcli.run.merged import Merged, merge
from convcli.run.prepare import Setup, resolve_job
from convcli.run.reporter import Reporter
from convcli.run.results import BlockCount, Done, Kept, Summary, gather
from convcli.run.resume import record_of
from convcli.run.store_blocks import Axes, ChunkBlocks, plan_chunk_blocks
from convcli.run.store_form import form_of
from convcli.run.stored import Figures, InThreads, Task
from convcli.streams import Streams, note
from convcli.terminal.progress import Progress

if TYPE_CHECKING:  # seldom needed
    from convcli.run.on_cluster import OnCluster


class BlockExecutor(Protocol):
    """What does the blocks of a task: in threads, or in other processes."""

    window: int  # blocks on their way at a time

    def submit(self, task: Task, block: Block) -> Future[Figures]:
        """Arrange for a block to be done."""

    def shutdown(self) -> None:
        """Drop the blocks that are not done; nothing is written any more."""


def run(
    setup: Setup, spec: str, output: str, reporter: Reporter, progress: Progress, streams: Streams
) -> None:
    """Convolve one array into the store that `output` names, and report."""
    request = setup.request
    sources = setup.opener.inputs(spec)
    opened = next(sources)
    place = find_place(output, opened.stored.name if isinstance(opened, StoredSource) else None)
    source = merge(request, setup.filter, opened)
    weights, job = resolve_job(setup, source)
    axes = Axes(job.operation, source.lead if isinstance(source, Merged) else (), opened.shape)
    form = form_of(opened, axes, place.version, request.chunks)
    boxes = boxes_of(opened)
    if isinstance(boxes, Held) and next(sources, None) is not None:
        raise UsageError(
            f"{spec!r} holds several arrays, and -o {output} is one; write to a file, such as "
            f"-o y.npy"
        )
    distributed = request.workers is not None or request.scheduler is not None
    if distributed:
        from convcli.run import on_cluster  # noqa: PLC0415  seldom needed

        on_cluster.check(request, spec, boxes)
    record = record_of(request, boxes, job.operation, form)
    new = NewArray(place, form, record, request.resume, request.overwrite)
    task = Task(job, boxes, new.stored, len(axes.merged), reporter.needs_summary)
    memory = setup.memory
    if distributed:
        memory = min(memory, on_cluster.memory_of_a_block(request, opened, form))
    blocks = plan_chunk_blocks(axes, form.unit, memory)
    left = Left(blocks, new.done, form.unit)
    if request.resume and not new.resumed:
        note(streams, f"there is nothing of {output!r} to resume; it begins from the start")
    total = len(blocks)
    before = total - len(left)
    progress.advance(before / total)
    begin = time.perf_counter()
    executor: "InThreads | OnCluster" = InThreads()
    figures = Figures(Summary(), set(), Counter())
    count = before
    try:
        if distributed and len(left):
            executor = on_cluster.OnCluster(request, streams)
            begin = time.perf_counter()  # starting workers is no work
            made = executor.run(task, source.shape, left)
        else:
            made = do_blocks(executor, task, left)
        for each in made:
            figures.join(each)
            count += 1
            progress.advance(1 / total)
    except BaseException:
        executor.shutdown()
        new.leave(count > 0)
        progress.pause()
        if count:
            note(
                streams,
                f"{count} of {counted(total, 'block')} of {output!r} are done; the same command "
                f"with --resume does the others",
            )
        raise
    executor.shutdown()
    new.commit()
    done = Done(
        figures.summary, figures.methods, dict(figures.costs), time.perf_counter() - begin, None
    )
    result = gather(source, weights.filter, job, setup.window.p, output, done)
    result = result._replace(seed=setup.opener.used_seed, blocks=BlockCount(total, before))
    if not isinstance(executor, InThreads):
        result = result._replace(
            cluster=executor.text, engine=executor.engine, device=executor.device
        )
    progress.pause()
    shown = None if request.pool else weights.filter.array
    reporter.add(result, Kept(job.operation, None, shown, None))


class Left:
    """The blocks that are not done, in order."""

    def __init__(self, blocks: ChunkBlocks, done: Array, unit: tuple[int, ...]) -> None:
        """Take all blocks, and which units of the output are there."""
        self._blocks, self._done, self._unit = blocks, done, unit
        self._none = not done.any()

    def __len__(self) -> int:
        if self._none:
            return len(self._blocks)
        return sum(not self._is_done(i) for i in range(len(self._blocks)))

    def __iter__(self) -> Iterator[Block]:
        for i in range(len(self._blocks)):
            if self._none or not self._is_done(i):
                yield self._blocks[i]

    def _is_done(self, i: int) -> bool:
        units = (
            range(part.start // size, -(-part.stop // size))
            for part, size in zip(self._blocks.output(i), self._unit, strict=True)
        )
        return bool(self._done[slices(tuple(units))].all())


def do_blocks(executor: BlockExecutor, task: Task, blocks: Left) -> Iterator[Figures]:
    """Do blocks, some of them at a time; gives what is reported of each."""
    waiting: deque[Future[Figures]] = deque()
    for block in blocks:
        waiting.append(executor.submit(task, block))
        if len(waiting) >= executor.window:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()

"""Convolves one array into a store: block by block, each a union of whole chunks."""

import math
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from convcli.arrays.box import slices
from convcli.arrays.dtypes import Array
from convcli.arrays.opener import Opener
from convcli.arrays.sources.source import Source
from convcli.arrays.stores.outputs import NewArray, find_place
from convcli.arrays.stores.zarr_array import StoredSource
from convcli.errors import UsageError, counted
from convcli.run.compute.blocks import Block
from convcli.run.compute.executors import Future
from convcli.run.compute.totals import Totals
from convcli.run.options import RunRequest
from convcli.run.prepare import Setup, resolve_job, set_up
from convcli.run.report.reporter import Reporter
from convcli.run.resolve.checks import note_unused_pad_mode
from convcli.run.resolve.merged import lead_of, merge
from convcli.run.resolve.weights import Weights, filters_of
from convcli.run.results import (
    BlockCount,
    RunOutcome,
    ShownArrays,
    Verdict,
    gather,
    require_passed,
)
from convcli.run.stores.blocks import Axes, ChunkBlocks, plan_chunk_blocks
from convcli.run.stores.form import form_of
from convcli.run.stores.resume import record_of
from convcli.run.stores.sources import InMemoryBoxes, boxes_of
from convcli.run.stores.task import InThreads, Task
from convcli.streams import Streams, note
from convcli.terminal.progress import Progress

if TYPE_CHECKING:  # seldom needed
    from convcli.run.resolve.model_layer import ModelFilter
    from convcli.run.stores.on_cluster import OnCluster

_CHECKED, _MOST_CHECKED = 8, 20_000  # blocks and outputs that --verify recomputes


class BlockExecutor(Protocol):
    """What does the blocks of a task in this process; for those of a cluster see `OnCluster`."""

    window: int  # blocks on their way at a time

    def submit(self, task: Task, block: Block) -> Future[Totals]:
        """Arrange for a block to be done."""

    def shutdown(self) -> None:
        """Drop the blocks that are not done; nothing is written any more."""


class _Plan(NamedTuple):
    """What is to be done."""

    source: Source
    weights: Weights
    task: Task
    blocks: ChunkBlocks
    new: NewArray
    left: "RemainingBlocks"

    @property
    def before(self) -> int:
        """How many blocks an earlier run has done."""
        return len(self.blocks) - len(self.left)


def run(request: RunRequest, layer: "ModelFilter | None", streams: Streams) -> None:
    """Convolve one array into the store that ``-o`` names, and report."""
    reporter = Reporter(request, streams, data_to_stdout=False)
    opener = Opener(streams, request.seed, request.dims)
    (spec,), output = request.inputs or [], str(request.output)
    with Progress(streams.stderr, 1) as progress:
        setup = set_up(request, opener, layer)
        note_unused_pad_mode(request, setup.window, streams)
        _convolve(setup, spec, output, reporter, progress, streams)
    reporter.end()


def _convolve(
    setup: Setup, spec: str, output: str, reporter: Reporter, progress: Progress, streams: Streams
) -> None:
    request = setup.request
    plan = _plan(setup, spec, output, reporter)
    new, total = plan.new, len(plan.blocks)
    if request.resume and not new.resumed:
        note(streams, f"there is nothing of {output!r} to resume; it begins from the start")
    totals, seconds, cluster = _do(setup, plan, progress, streams)
    verdict = None
    if request.verify:
        # What methods an earlier run used is not known.
        transformed = plan.before > 0 or totals.transformed
        verdict = _verify(plan, transformed)
    if verdict is None or verdict.passed:
        new.commit()
    else:
        new.abandon()
    done = RunOutcome(totals, seconds, None)
    weights, job = plan.weights, plan.task.job
    result = gather(plan.source, weights.filter, job, setup.window.p, output, done)
    count = BlockCount(total, plan.before)
    result = result._replace(seed=setup.opener.used_seed, blocks=count).verified(verdict)
    if cluster is not None:
        result = cluster.reported(result)
    progress.pause()
    reporter.add(result, ShownArrays(job.operation, None, filters_of(request, weights), None))
    require_passed(verdict)


def _plan(setup: Setup, spec: str, output: str, reporter: Reporter) -> _Plan:
    """Open the input, and make the output or find what there is of it."""
    request = setup.request
    sources = setup.opener.inputs(spec)
    opened = next(sources)
    place = find_place(output, opened.stored.name if isinstance(opened, StoredSource) else None)
    source = merge(request, setup.filter, opened)
    weights, job = resolve_job(setup, source)
    axes = Axes(job.operation, lead_of(source), opened.shape)
    form = form_of(opened, axes, place.version, request.chunks)
    boxes = boxes_of(opened)
    if isinstance(boxes, InMemoryBoxes) and next(sources, None) is not None:
        raise UsageError(
            f"{spec!r} holds several arrays, and -o {output} is one; write to a file, such as "
            f"-o y.npy"
        )
    memory = setup.memory
    if _distributed(request):
        from convcli.run.stores import on_cluster  # noqa: PLC0415  seldom needed

        on_cluster.check(request, spec, boxes)
        memory = on_cluster.memory_of_a_block(request, memory, opened, form)
    record = record_of(request, boxes, job.operation, form)
    blocks = plan_chunk_blocks(axes, form.unit, memory)
    new = NewArray(place, form, record, request.resume, request.overwrite)
    task = Task(
        job, boxes, new.stored, len(axes.merged), reporter.needs_summary, blocks.sweep, opened.shape
    )
    return _Plan(source, weights, task, blocks, new, RemainingBlocks(blocks, new.done, form.unit))


def _distributed(request: RunRequest) -> bool:
    return request.workers is not None or request.scheduler is not None


def _do(
    setup: Setup, plan: _Plan, progress: Progress, streams: Streams
) -> "tuple[Totals, float, OnCluster | None]":
    """Do the blocks that are left; of a failure say what can be continued.

    Returns
    -------
    totals : Totals
    seconds : float
        Without the start of workers.
    cluster : OnCluster or None
    """
    executor, cluster = InThreads(), None
    totals = Totals.of(())
    total, count = len(plan.blocks), plan.before
    progress.advance(count / total)
    try:
        if _distributed(setup.request) and len(plan.left):
            from convcli.run.stores.on_cluster import OnCluster  # noqa: PLC0415  seldom needed

            cluster = OnCluster(setup.request, streams)
            made = cluster.run(
                plan.task, plan.source.shape, plan.blocks, plan.left.numbers(), len(plan.left)
            )
        else:
            made = do_blocks(executor, plan.task, plan.left)
        begin = time.perf_counter()
        for each in made:
            totals.join(each)
            count += 1
            progress.advance(1 / total)
        seconds = time.perf_counter() - begin
    except BaseException:
        _shut_down(executor, cluster)
        kept = count > 0 or cluster is not None  # workers may have done more than they reported
        plan.new.leave(kept)
        progress.pause()
        if kept:
            least = "at least " if cluster is not None else ""
            note(
                streams,
                f"{least}{count} of {counted(total, 'block')} of {str(setup.request.output)!r} are "
                f"done; the same command with --resume does the others",
            )
        raise
    _shut_down(executor, cluster)
    return totals, seconds, cluster


def _shut_down(executor: InThreads, cluster: "OnCluster | None") -> None:
    executor.shutdown()
    if cluster is not None:
        cluster.shutdown()


class RemainingBlocks:
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
        return (self._blocks[i] for i in self.numbers())

    def numbers(self) -> Iterator[int]:
        """Number the blocks among all."""
        for i in range(len(self._blocks)):
            if self._none or not self._is_done(i):
                yield i

    def _is_done(self, i: int) -> bool:
        units = (
            range(part.start // size, -(-part.stop // size))
            for part, size in zip(self._blocks.output(i), self._unit, strict=True)
        )
        return bool(self._done[slices(tuple(units))].all())


def _verify(plan: _Plan, transformed: bool) -> Verdict:
    """Check some outputs of some blocks, as they are in the store: the first, the last, others."""
    from convcli.run.verify import verify  # noqa: PLC0415  seldom needed

    task, target, blocks = plan.task, plan.new.stored, plan.blocks
    last = len(blocks) - 1
    drawn = np.random.default_rng(0).integers(0, last + 1, _CHECKED - 2).tolist()
    verdicts = []
    for i in sorted({0, last, *drawn}):
        block, job = blocks[i], task.job
        x = task.source.read(
            block.input, np.empty(tuple(map(len, block.input)), job.operation.in_dtype)
        )
        y = np.empty(tuple(map(len, block.output)), job.operation.out_dtype)
        flat, x, y = task.merge(block, x, target.read(block.output, y))
        most = _MOST_CHECKED // _CHECKED
        verdicts.append(verify(x, y, job.operation, transformed, flat, most))
    worst = max(verdicts, key=lambda each: each.error - each.tolerance)
    total = math.prod(target.array.shape)
    return worst._replace(checked=sum(each.checked for each in verdicts), total=total)


def do_blocks(executor: BlockExecutor, task: Task, blocks: RemainingBlocks) -> Iterator[Totals]:
    """Do blocks, some of them at a time; gives what is reported of each."""
    waiting: deque[Future[Totals]] = deque()
    for block in blocks:
        waiting.append(executor.submit(task, block))
        if len(waiting) >= executor.window:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()

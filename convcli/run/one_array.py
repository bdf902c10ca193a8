"""Convolves one array block by block, and writes, times and checks it as asked."""

import math
import time
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from convcli.arrays.box import slices
from convcli.arrays.dtypes import Array
from convcli.arrays.formats.writers import Whole
from convcli.arrays.sinks import Target
from convcli.arrays.sources.ring import Ring
from convcli.arrays.sources.source import InMemory, Source
from convcli.run.compute.blocks import Blocks
from convcli.run.compute.job import Job
from convcli.run.compute.pipeline import Pipeline
from convcli.run.compute.totals import Totals
from convcli.run.options import RunRequest
from convcli.run.prepare import Setup, prepare
from convcli.run.report.reporter import Reporter
from convcli.run.resolve.checks import check_pixels
from convcli.run.resolve.merged import full_layout, full_shape, lead_of
from convcli.run.resolve.operation import Operation
from convcli.run.resolve.weights import filters_of
from convcli.run.results import Result, RunOutcome, ShownArrays, Timing, Verdict, gather
from convcli.terminal.progress import Progress

if TYPE_CHECKING:  # seldom needed
    from convcli.arrays.formats.pixels import Scaling
    from convcli.pictures.files import PictureFile


class Run(NamedTuple):
    """What all arrays of one command share."""

    setup: Setup
    pipeline: Pipeline
    outputs: Ring  # of arrays that are convolved together
    reporter: Reporter
    progress: Progress
    picture: "PictureFile | None"
    shown: list[tuple[Result, ShownArrays]]  # what the picture shows


def convolve(run: Run, source: Source, target: Target) -> tuple[Result, ShownArrays]:
    """Convolve one array, write it, and time and check it where that was asked for."""
    request, reporter = run.setup.request, run.reporter
    weights, job, blocks, _ = prepare(run.setup, source)
    operation = job.operation
    lead = lead_of(source)
    out_shape = full_shape(lead, operation.out_shape(source.shape))
    out_layout = full_layout(lead, operation.out_layout)
    channels = dict(zip(out_layout, out_shape, strict=True)).get("C", 1)
    check_pixels(request, target, channels, operation.out_dtype)
    target.begin(out_shape, operation.out_dtype, out_layout)
    keep_output = (
        reporter.needs_output or target.needs_whole or request.verify or run.picture is not None
    )
    read = source.whole() if keep_output or request.time else source
    timing = _measure(run, job, read)
    done = _stream(run, job, read, target, keep_output, blocks)
    x = read.array if isinstance(read, InMemory) else None
    whole = None
    if target.needs_whole and isinstance(read, InMemory) and done.output is not None:
        scaling = _scaling(request, job, read.array)
        whole = Whole(done.output, operation.out_layout, scaling, read.extras)
    mapping = target.finish(whole)
    verdict = _verify(run, operation, x, done)
    result = gather(source, weights.filter, job, run.setup.window.p, target.path, done)
    seed = run.setup.opener.used_seed
    result = result._replace(mapping=mapping, timing=timing, seed=seed)
    return result.verified(verdict), ShownArrays(
        operation, x, filters_of(request, weights), done.output
    )


def _scaling(request: RunRequest, job: Job, x: Array) -> "Scaling":
    """Say what the values of an image mean: by its input, by the filter, and as asked."""
    from convcli.arrays.formats.pixels import Scaling, own_range  # noqa: PLC0415  only for images

    operation = job.operation
    sums = [one.filter.reshape(len(one.filter), -1).sum(axis=1) for one in job.passes]
    keeps = operation.second is None and np.allclose(np.concatenate(sums), 1, rtol=0, atol=1e-3)
    asked = operation.out_dtype if request.dtype is not None else None
    range_, is_image = own_range(x, asked)
    return Scaling(request.scale, range_, is_image, keeps, x.dtype.kind == "f", asked)


def _measure(run: Run, job: Job, source: Source) -> Timing | None:
    if run.setup.request.time is None:
        return None
    from convcli.run.timing import measure  # noqa: PLC0415  seldom needed

    return measure(run.setup.request.time, job, source, run.setup.memory)


def _stream(
    run: Run, job: Job, source: Source, target: Target, keep: bool, blocks: Blocks
) -> RunOutcome:
    """Convolve block by block, and write each; keep the whole output if it is needed."""
    operation = job.operation
    shape = operation.out_shape(source.shape)
    total = math.prod(shape)
    totals, seconds = Totals.of(()), 0.0
    kept = np.empty(shape, operation.out_dtype) if keep else None
    made = run.pipeline.run(job, source, blocks, lambda count: run.progress.advance(count / total))
    with closing(made):
        while True:
            begin = time.perf_counter()
            block = next(made, None)
            seconds += time.perf_counter() - begin
            if block is None:
                return RunOutcome(totals, seconds, kept)
            totals.add_plans(block.plans)
            if run.reporter.needs_summary:
                totals.summary.add(block.y)
            if kept is not None:
                kept[slices(block.block.output)] = block.y
            target.write(block.y)


def _verify(run: Run, operation: Operation, x: Array | None, done: RunOutcome) -> Verdict | None:
    if not run.setup.request.verify or x is None or done.output is None:
        return None
    from convcli.run.verify import verify  # noqa: PLC0415  seldom needed

    return verify(x, done.output, operation, transformed=done.totals.transformed)

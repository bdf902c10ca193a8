"""Measures repeated runs of one job."""

import math
import statistics
import time

from convcli.arrays.sources.source import Source
from convcli.run.compute.blocks import plan_blocks
from convcli.run.compute.job import Job
from convcli.run.compute.pipeline import Pipeline
from convcli.run.report.layer import as_step
from convcli.run.resolve.operation import Operation
from convcli.run.results import Timing


def measure(runs: int, job: Job, source: Source, memory: int) -> Timing:
    """Run a job again and again, and take the median.

    Parameters
    ----------
    runs : int
        How many count; one more, the first, only warms up.
    job : Job
    source : Source
        In memory.
    memory : int
        Bytes of a block.
    """
    operation, shape = job.operation, source.shape
    blocks = plan_blocks(operation, shape, memory, job.whole_tiles)
    pipeline = Pipeline()
    seconds = []
    for _ in range(runs + 1):
        begin = time.perf_counter()
        for _made in pipeline.run(job, source, blocks):
            pass
        seconds.append(time.perf_counter() - begin)
    pipeline.close()
    moved = math.prod(shape) * source.dtype.itemsize
    moved += math.prod(operation.out_shape(shape)) * operation.out_dtype.itemsize
    return Timing(runs, statistics.median(seconds[1:]), _macs(operation, shape), moved)


def _macs(operation: Operation, shape: tuple[int, ...]) -> int:
    """Count multiply-accumulates as `shape` does."""
    sizes = dict(zip(operation.layout, shape, strict=True))
    channels = sizes.get("C", 1)
    out = channels if operation.each_channel else len(operation.filter)
    step = as_step(operation.axes, channels, out, operation.groups, bias=False)
    return (step.macs or 0) * sizes.get("N", 1) * max(len(operation.parts), 1)

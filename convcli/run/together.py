"""Convolves many equal arrays at once, with the results of one call for each."""

from convcli.arrays.records import Records, blank
from convcli.arrays.sinks import Target
from convcli.errors import ConvcliError
from convcli.run.blocks import Block
from convcli.run.convolver import convolve_block
from convcli.run.job import Job


def batched(job: Job) -> Job | None:
    """Give the arrays of a job an axis more, the first one, which counts them.

    Returns
    -------
    Job or None
        None where the numbers could differ from those of an array by itself.
    """
    operation = job.operation
    planned = job.plan(1)
    if "N" in operation.layout or job.engine.name != "numpy" or planned is None:
        return None
    plan, corr = planned
    sizes = tuple(map(len, job.passes[0].outputs))
    if plan.tile != (1, corr.groups, *sizes):  # of several tiles
        return None
    many = operation._replace(layout="N" + operation.layout, out_layout="N" + operation.out_layout)
    return Job(many, job.engine, images_alike=True)


def convolve_records(job: Job, found: Records, target: Target) -> bool:
    """Convolve and write equal arrays.

    Parameters
    ----------
    job : Job
        As `batched` returns it.
    found : Records
    target : Target

    Returns
    -------
    bool
        False if one of them could not be convolved; then nothing is written.
    """
    x, operation = found.arrays, job.operation
    shape = operation.out_shape(x.shape)
    memory, y = blank(len(x), shape[1:], operation.out_dtype)
    block = Block(tuple(map(range, shape)), tuple(map(range, x.shape)))
    try:
        made, _ = convolve_block(job, block, x, y)
    except ConvcliError:  # of one array: those before it are to be written
        return False
    if made is not y:
        y[...] = made
    target.write_records(memory)
    return True

"""Convolves many equal arrays at once, with the results of one call for each."""

from typing import NamedTuple

from convcli.arrays.dtypes import Array
from convcli.arrays.sources.records import Records, blank
from convcli.arrays.sources.ring import Loan, Ring
from convcli.engines.base import Plan
from convcli.errors import ConvcliError
from convcli.run.compute.blocks import Block
from convcli.run.compute.convolver import convolve_block
from convcli.run.compute.job import Job


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
    sizes = job.sizes
    if plan.tile != (1, corr.groups, *sizes):  # of several tiles
        return None
    many = operation._replace(layout="N" + operation.layout, out_layout="N" + operation.out_layout)
    return Job(many, job.engine, images_alike=True)


class ConvolvedArrays(NamedTuple):
    """The outputs of equal arrays, and how they were computed.

    Attributes
    ----------
    loan : Loan of bytes
        A row for each output, with its header; to be given back when they are written.
    y : ndarray
        A view of the outputs.
    plans : tuple of Plan
    """

    loan: Loan
    y: Array
    plans: tuple[Plan, ...]


def convolve_records(job: Job, found: Records, ring: Ring) -> ConvolvedArrays | None:
    """Convolve equal arrays.

    Parameters
    ----------
    job : Job
        As `batched` returns it.
    found : Records
    ring : Ring
        Memory for the outputs.

    Returns
    -------
    ConvolvedArrays or None
        None if one of them could not be convolved.
    """
    x, operation = found.arrays, job.operation
    shape = operation.out_shape(x.shape)
    loan, y = blank(len(x), shape[1:], operation.out_dtype, ring)
    block = Block(tuple(map(range, shape)), tuple(map(range, x.shape)))
    try:
        with loan.filling():
            made, plans = convolve_block(job, block, x, y)
            if made is not y:
                y[...] = made
    except ConvcliError:  # of one array: those before it are to be written
        return None
    return ConvolvedArrays(loan, y, plans)

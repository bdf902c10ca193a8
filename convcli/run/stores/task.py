"""What is done with one block of an output in a store: here, or in another process."""

import math
import threading
from typing import Any, NamedTuple, Protocol

import numpy as np

from convcli.arrays.box import Box
from convcli.arrays.dtypes import Array
from convcli.arrays.sources.ring import Loan, Ring
from convcli.engines.base import Plan
from convcli.engines.scratch import buffer
from convcli.errors import ConvcliError
from convcli.run.compute.blocks import Block
from convcli.run.compute.convolver import convolve_block
from convcli.run.compute.executors import Future, InOneThread
from convcli.run.compute.job import Job
from convcli.run.compute.totals import Totals
from convcli.run.resolve.merged import batched

_AT_ONCE = 64  # rows


class Boxes(Protocol):
    """An array whose boxes can be read in any order; a pickle of it holds its name only."""

    @property
    def identity(self) -> list[Any]:
        """What tells it from other arrays, and from itself before a change."""

    def read(self, box: Box, out: Array) -> Array:
        """Read a box into memory of its shape, or view it where it is."""


class Destination(Protocol):
    """An array of whose chunks each box is written once."""

    def write(self, box: Box, y: Array) -> None:
        """Write a box of whole chunks."""


class Task(NamedTuple):
    """What all blocks of an array share; plain data, which can be pickled.

    Attributes
    ----------
    job : Job
    source : Boxes
    target : Destination
    merged : int
        How many leading axes of the arrays are the one batch axis of the job.
    summarized : bool
        Minimum, mean and maximum of the output are reported.
    sweep : int or None
        The axis of the input along which blocks follow one another.
    in_shape : tuple of int
    """

    job: Job
    source: Boxes
    target: Destination
    merged: int = 0
    summarized: bool = True
    sweep: int | None = None
    in_shape: tuple[int, ...] = ()

    def convolve(self, block: Block, x: Array, out: Array) -> tuple[Array, tuple[Plan, ...]]:
        """Convolve a block whose input has been read."""
        y, plans = convolve_block(self.job, *self.merge(block, x, out))
        return y.reshape(out.shape), plans

    def merge(self, block: Block, x: Array, y: Array) -> tuple[Block, Array, Array]:
        """Give a block and its arrays the axes of the operation."""
        merged = self.merged
        if not merged:
            return block, x, y
        flat = Block(_as_batch(block.output, merged), _as_batch(block.input, merged))
        shapes = batched(x.shape, merged), batched(y.shape, merged)
        return flat, x.reshape(shapes[0]), y.reshape(shapes[1])

    def totals(self, y: Array, plans: tuple[Plan, ...]) -> Totals:
        """Find out what is reported of a block."""
        totals = Totals.of(plans)
        if self.summarized:
            totals.summary.add(y)
        return totals


def _as_batch(box: Box, merged: int) -> Box:
    return (range(math.prod(map(len, box[:merged]))), *box[merged:])


class Reader:
    """Reads the input of blocks for one thread.

    A store is read by whole chunks. Along the axis of the sweep, what the last of them holds beyond
    a block is kept for the next one, which so decodes no chunk again::

        a block    |- halo -|---- chunk ----|- halo -|.... read ahead ....|
        the next                   |- halo -|---- kept, or read ----------|- halo -|....
    """

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._held: _LastRead | None = None

    def read(self, task: Task, block: Block) -> tuple[Array, Loan]:
        """Read the input of a block, in memory that is used again once it has been given back."""
        box, dtype, axis = block.input, task.job.operation.in_dtype, task.sweep
        chunks = getattr(task.source, "chunks", None)
        held, self._held = self._held, None
        if chunks is None or axis is None or not len(box[axis]):
            loan = self._ring.lend(tuple(map(len, box)), dtype)
            with loan.filling() as out:
                return task.source.read(box, out), loan
        wanted = box[axis]
        kept = _kept(held, task.source, box, axis)
        stop = min(-(-wanted.stop // chunks[axis]) * chunks[axis], task.in_shape[axis])
        region = _with(box, axis, range(wanted.start, max(stop, kept.stop)))
        new = range(kept.stop, region[axis].stop)
        loan = self._ring.lend(tuple(map(len, region)), dtype)
        with loan.filling() as out:
            if kept and held is not None:
                _move(
                    _part(held.array, axis, kept, held.box[axis].start),
                    _part(out, axis, kept, wanted.start),
                    axis,
                )
            task.source.read(_with(box, axis, new), _part(out, axis, new, wanted.start))
        self._held = _LastRead(task.source, region, out)
        return _part(out, axis, wanted, wanted.start), loan


class _LastRead(NamedTuple):
    """What was read last, and where it is; in memory that has been given back."""

    source: Boxes
    box: Box
    array: Array


def _kept(held: _LastRead | None, source: Boxes, box: Box, axis: int) -> range:
    """Find what of a box is held, from its start on."""
    start = box[axis].start
    fits = held is not None and held.source == source and _with(held.box, axis, box[axis]) == box
    if held is not None and fits and start in held.box[axis]:
        return range(start, held.box[axis].stop)
    return range(start, start)


def _with(box: Box, axis: int, part: range) -> Box:
    return (*box[:axis], part, *box[axis + 1 :])


def _part(array: Array, axis: int, part: range, origin: int) -> Array:
    """View a part of an axis whose first index is `origin`."""
    return array[(slice(None),) * axis + (slice(part.start - origin, part.stop - origin),)]


def _move(source: Array, target: Array, axis: int) -> None:
    """Copy an array; the target may begin further to the front in the same memory."""
    if math.prod(source.shape[:axis]) > 1 and np.may_share_memory(source, target):
        source = source.copy()
    for start in range(0, source.shape[axis], _AT_ONCE):  # or else NumPy makes a copy first
        some = range(start, min(start + _AT_ONCE, source.shape[axis]))
        np.copyto(_part(target, axis, some, 0), _part(source, axis, some, 0))


_here = threading.local()  # each thread of a worker has a reader


def do_block(task: Task, block: Block) -> Totals:
    """Read, convolve and write one block; done twice, it writes the same bytes twice."""
    if not hasattr(_here, "reader"):
        _here.reader = Reader(Ring(slots=1))
    out = buffer("block", tuple(map(len, block.output)), task.job.operation.out_dtype)
    x, loan = _here.reader.read(task, block)
    with loan:
        y, plans = task.convolve(block, x, out)
    task.target.write(block.output, y)
    return task.totals(y, plans)


class InThreads:
    """Does blocks on this machine: one is read and one is written while one is convolved."""

    window = 4  # blocks: read, waiting, convolved, written

    def __init__(self) -> None:
        self._threads = InOneThread(), InOneThread(), InOneThread()
        self._reader, self._outputs = Reader(Ring()), Ring()
        self._writing, self._stopped = threading.Lock(), False

    def submit(self, task: Task, block: Block) -> Future[Totals]:
        """Arrange for a block to be done."""
        read, convolve, write = self._threads
        reading = read.submit(self._reader.read, task, block)
        convolving = convolve.submit(self._convolve, task, block, reading)
        return write.submit(self._write, task, block, convolving)

    def shutdown(self) -> None:
        """Drop the blocks that are not done; nothing is written any more."""
        for thread in self._threads:
            thread.shutdown()
        with self._writing:
            self._stopped = True

    def _convolve(
        self, task: Task, block: Block, reading: Future[tuple[Array, Loan]]
    ) -> tuple[Array, tuple[Plan, ...], Loan]:
        x, read = reading.result()
        with read:
            loan = self._outputs.lend(tuple(map(len, block.output)), task.job.operation.out_dtype)
            with loan.filling() as out:
                return *task.convolve(block, x, out), loan

    def _write(
        self, task: Task, block: Block, convolving: Future[tuple[Array, tuple[Plan, ...], Loan]]
    ) -> Totals:
        y, plans, loan = convolving.result()
        with loan, self._writing:
            if self._stopped:
                raise ConvcliError("stopped")
            task.target.write(block.output, y)
            return task.totals(y, plans)

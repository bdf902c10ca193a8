"""What is done with one block of an output in a store: here, or in another process."""

import math
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from convcli.arrays.dtypes import Array
from convcli.arrays.ring import Loan, Ring
from convcli.arrays.sources import Box
from convcli.engines.base import Plan
from convcli.errors import ConvcliError
from convcli.run.blocks import Block
from convcli.run.convolver import OnTile, convolve_block
from convcli.run.executors import Future, InOneThread
from convcli.run.job import Job
from convcli.run.merged import batched
from convcli.run.results import Summary


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
    """

    job: Job
    source: Boxes
    target: Destination
    merged: int = 0
    summarized: bool = True

    def convolve(
        self, block: Block, x: Array, out: Array, on_tile: OnTile | None = None
    ) -> tuple[Array, tuple[Plan, ...]]:
        """Convolve a block whose input has been read."""
        merged = self.merged
        if not merged:
            return convolve_block(self.job, block, x, out, on_tile)
        flat = [batched(each.shape, merged) for each in (x, out)]
        made = Block(_as_batch(block.output, merged), _as_batch(block.input, merged))
        y, plans = convolve_block(self.job, made, x.reshape(flat[0]), out.reshape(flat[1]), on_tile)
        return y.reshape(out.shape), plans

    def figures(self, y: Array, plans: tuple[Plan, ...]) -> "Figures":
        """Find out what is reported of a block."""
        summary, costs = Summary(), Counter[str]()
        if self.summarized:
            summary.add(y)
        for plan in plans:
            costs.update(plan.costs)
        return Figures(summary, {plan.method for plan in plans}, costs)


def _as_batch(box: Box, merged: int) -> Box:
    return (range(math.prod(map(len, box[:merged]))), *box[merged:])


class Figures(NamedTuple):
    """What is reported of a block."""

    summary: Summary
    methods: set[str]
    costs: Counter[str]

    def join(self, other: "Figures") -> None:
        """Take in those of another block."""
        self.summary.join(other.summary)
        self.methods.update(other.methods)
        self.costs.update(other.costs)


def do_block(task: Task, block: Block) -> Figures:
    """Read, convolve and write one block; done twice, it writes the same bytes twice."""
    dtype = task.job.operation.in_dtype
    x = task.source.read(block.input, np.empty(tuple(map(len, block.input)), dtype))
    out = np.empty(tuple(map(len, block.output)), task.job.operation.out_dtype)
    y, plans = task.convolve(block, x, out)
    task.target.write(block.output, y)
    return task.figures(y, plans)


class InThreads:
    """Does blocks on this machine: one is read and one is written while one is convolved."""

    window = 4  # blocks: read, waiting, convolved, written

    def __init__(self, on_tile: Callable[[float], None] | None = None) -> None:
        self._threads = InOneThread(), InOneThread(), InOneThread()
        self._inputs, self._outputs = Ring(), Ring()
        self._on_tile = on_tile
        self._writing, self._stopped = threading.Lock(), False

    def submit(self, task: Task, block: Block) -> Future[Figures]:
        """Arrange for a block to be done."""
        read, convolve, write = self._threads
        reading = read.submit(self._read, task, block)
        convolving = convolve.submit(self._convolve, task, block, reading)
        return write.submit(self._write, task, block, convolving)

    def shutdown(self) -> None:
        """Drop the blocks that are not done; nothing is written any more."""
        for thread in self._threads:
            thread.shutdown()
        with self._writing:
            self._stopped = True

    def _read(self, task: Task, block: Block) -> tuple[Array, Loan]:
        loan = self._inputs.lend(tuple(map(len, block.input)), task.job.operation.in_dtype)
        try:
            return task.source.read(block.input, loan.array), loan
        except BaseException:
            loan.give_back()
            raise

    def _convolve(
        self, task: Task, block: Block, reading: Future[tuple[Array, Loan]]
    ) -> tuple[Array, tuple[Plan, ...], Loan]:
        x, read = reading.result()
        with read:
            loan = self._outputs.lend(tuple(map(len, block.output)), task.job.operation.out_dtype)
            try:
                return *task.convolve(block, x, loan.array, self._on_tile), loan
            except BaseException:
                loan.give_back()
                raise

    def _write(
        self, task: Task, block: Block, convolving: Future[tuple[Array, tuple[Plan, ...], Loan]]
    ) -> Figures:
        y, plans, loan = convolving.result()
        with loan, self._writing:
            if self._stopped:
                raise ConvcliError("stopped")
            task.target.write(block.output, y)
            return task.figures(y, plans)

"""Reads, convolves and hands over the blocks of an array, each step a block ahead of the next."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, TypeVar

from convcli.arrays.dtypes import Array
from convcli.arrays.sources.ring import Loan, Ring
from convcli.arrays.sources.source import Source
from convcli.engines.base import Plan
from convcli.run.compute.blocks import Block
from convcli.run.compute.convolver import OnTile, convolve_block
from convcli.run.compute.executors import Executor, Future, InOneThread, InThisThread
from convcli.run.compute.job import Job

T = TypeVar("T")

_AHEAD = 2  # blocks on their way while one is used: one is convolved, one is read


class ConvolvedBlock(NamedTuple):
    """A block of the output, its numbers, and how they were computed."""

    block: Block
    y: Array
    plans: tuple[Plan, ...]


class Pipeline:
    """Makes the blocks of one array after another; keeps its memory and threads in between."""

    def __init__(self) -> None:
        self._inputs, self._outputs = Ring(), Ring()
        self._reader, self._convolver = InOneThread(), InOneThread()

    def run(
        self, job: Job, source: Source, blocks: Sequence[Block], on_tile: OnTile | None = None
    ) -> Generator[ConvolvedBlock, None, None]:
        """Make blocks in order.

        Parameters
        ----------
        job : Job
        source : Source
        blocks : sequence of Block
        on_tile : callable, optional
            Called with the number of outputs of each tile that is done, from any thread.

        Yields
        ------
        ConvolvedBlock
            Its memory is used again after the next one has been asked for.
        """
        reader: Executor = self._reader
        convolver: Executor = self._convolver
        if len(blocks) == 1:  # nothing to overlap: a thread would only cost its start
            reader = convolver = InThisThread()
        elif not source.on_stream:
            reader = InThisThread()

        def submit(block: Block) -> Future[tuple[ConvolvedBlock, Loan]]:
            reading = reader.submit(source.read, block.input, self._inputs)
            return convolver.submit(self._make, job, block, reading, on_tile)

        try:
            for future in _some_ahead(map(submit, blocks), _AHEAD):
                made, loan = future.result()
                with loan:
                    yield made
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the threads; blocks that are on their way are dropped."""
        self._reader.shutdown()
        self._convolver.shutdown()
        self._inputs, self._outputs = Ring(), Ring()  # some slots may not have been given back

    def _make(
        self,
        job: Job,
        block: Block,
        reading: Future[AbstractContextManager[Array]],
        on_tile: OnTile | None,
    ) -> tuple[ConvolvedBlock, Loan]:
        """Convolve a block once it has been read."""
        with reading.result() as x:
            shape = tuple(map(len, block.output))
            loan = self._outputs.lend(shape, job.operation.out_dtype)
            with loan.filling() as out:
                y, plans = convolve_block(job, block, x, out, on_tile)
        return ConvolvedBlock(block, y, plans), loan


def _some_ahead(items: Iterable[T], ahead: int) -> Iterator[T]:
    """Yield items in order, but take some more from their source before each."""
    taken: deque[T] = deque()
    for item in items:
        taken.append(item)
        if len(taken) > ahead:
            yield taken.popleft()
    yield from taken

"""Blocks: boxes of the output with the boxes of the input that they need.

A block is plain data. `convolver.convolve_block` computes it, here or in another process, so that
memory is bounded by the blocks whatever the size of the arrays.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, overload

from convcli.arrays.box import Box
from convcli.arrays.dtypes import shape_text
from convcli.arrays.memory import check_memory
from convcli.run.compute.tiles import needed
from convcli.run.resolve.operation import Operation

_LINE = 2 << 20  # bytes of a block of a single line: its halo is small, so larger ones save nothing


class Block(NamedTuple):
    """A box of the output, and the box of the input that it needs."""

    output: Box
    input: Box


class Blocks(Sequence[Block]):
    """The blocks of an output in C order; computed when asked for, as there may be millions."""

    def __init__(
        self, operation: Operation, in_shape: tuple[int, ...], axis: int, step: int
    ) -> None:
        """Cut an output.

        Parameters
        ----------
        operation : Operation
        in_shape : tuple of int
        axis : int
            The axis to cut: a block has one index of the axes before it, and all of those after.
        step : int
            Outputs of that axis in a block.
        """
        self._operation = operation
        self._in_shape = in_shape
        self._out_shape = operation.out_shape(in_shape)
        self._axis, self._step = axis, step
        self._per_index = -(-self._out_shape[axis] // step)

    def __len__(self) -> int:
        return math.prod(self._out_shape[: self._axis]) * self._per_index

    @overload
    def __getitem__(self, i: int) -> Block: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[Block]: ...
    def __getitem__(self, i: int | slice) -> Block | Sequence[Block]:
        if isinstance(i, slice):
            return [self[k] for k in range(len(self))[i]]
        outer, k = divmod(range(len(self))[i], self._per_index)
        before: Box = ()
        for size in reversed(self._out_shape[: self._axis]):
            outer, index = divmod(outer, size)
            before = (range(index, index + 1), *before)
        n = self._out_shape[self._axis]
        outputs = range(k * self._step, min((k + 1) * self._step, n))
        return Block(
            (*before, outputs, *map(range, self._out_shape[self._axis + 1 :])),
            (*before, self._inputs(outputs, n), *map(range, self._in_shape[self._axis + 1 :])),
        )

    def _inputs(self, outputs: range, n: int) -> range:
        """Find the part of the cut axis that some of its `n` outputs need."""
        operation, axis = self._operation, self._axis
        if outputs == range(n):
            return range(self._in_shape[axis])
        if axis < operation.lead:
            return outputs
        rows = operation.axis_of(operation.layout[axis])
        # A stream is read once, in order: keep what a later block needs from here on.
        start = needed(rows, range(outputs.start, n), operation.pad_mode).start
        return range(start, max(needed(rows, outputs, operation.pad_mode).stop, start))


def plan_blocks(
    operation: Operation,
    in_shape: tuple[int, ...],
    memory: int,
    whole_tiles: Callable[[str, int], int] = lambda _letter, rows: rows,
) -> Blocks:
    """Cut the output of an operation into blocks.

    The first axis is cut of which one index fits into memory, or else the last that can be cut:
    the leading axes, whose indices are independent, and the rows behind them.

    Parameters
    ----------
    operation : Operation
    in_shape : tuple of int
    memory : int
        Bytes for input and output of a block. A single row takes more if it must, and so does an
        image of which no row of output follows from some rows of input.
    whole_tiles : callable
        ``whole_tiles(letter, rows)`` rounds a number of rows along an axis to whole tiles.
    """
    out_shape = operation.out_shape(in_shape)
    lead = operation.lead
    letter = operation.layout[lead]
    by_rows = letter == operation.out_layout[lead] and letter in operation.spatial
    axis, step, index_bytes = 0, out_shape[0], _index_bytes(operation, in_shape, 0)
    for axis in range(lead + by_rows):
        index_bytes = _index_bytes(operation, in_shape, axis + 1)
        step = max(memory // index_bytes, 1)
        if index_bytes <= memory:
            break
    what = f"a block of the output {shape_text(out_shape)} takes {index_bytes:,} bytes"
    check_memory(what, index_bytes)
    if by_rows and axis == lead and step < out_shape[axis]:
        if operation.dims == 1 and lead + 1 == len(out_shape):
            step = max(min(step, _LINE // index_bytes), 1)
        step = whole_tiles(letter, step)
    return Blocks(operation, in_shape, axis, min(step, out_shape[axis]))


def _index_bytes(operation: Operation, in_shape: tuple[int, ...], start: int) -> int:
    """Count the bytes of output and input for one index of all axes before `start`."""
    out_shape = operation.out_shape(in_shape)
    in_bytes = math.prod(in_shape[start:]) * operation.in_dtype.itemsize
    itemsize = operation.out_dtype.itemsize + operation.joined_bytes
    out_bytes = math.prod(out_shape[start:]) * itemsize
    if start <= operation.lead:
        return in_bytes + out_bytes
    stride = operation.axis_of(operation.layout[start - 1]).s
    return (in_bytes // stride if operation.transposed else in_bytes * stride) + out_bytes

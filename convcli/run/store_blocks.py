"""Blocks of an output in a store: boxes of whole chunks, so that each chunk is written once."""

import math
from collections.abc import Sequence
from typing import overload

from convcli.arrays.sources import Box
from convcli.run.blocks import Block
from convcli.run.operation import Operation
from convcli.run.tiles import needed


class ChunkBlocks(Sequence[Block]):
    """The blocks of an output in C order, computed when asked for, as there may be millions."""

    def __init__(
        self, operation: Operation, in_shape: tuple[int, ...], step: tuple[int, ...]
    ) -> None:
        """Cut an output.

        Parameters
        ----------
        operation : Operation
        in_shape : tuple of int
        step : tuple of int
            Outputs of each axis in a block: a multiple of a chunk, or all.
        """
        self._operation = operation
        self._in_shape = in_shape
        self._out_shape = operation.out_shape(in_shape)
        self.step = step
        self.counts = tuple(-(-n // k) for n, k in zip(self._out_shape, step, strict=True))

    def __len__(self) -> int:
        return math.prod(self.counts)

    @overload
    def __getitem__(self, i: int) -> Block: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[Block]: ...
    def __getitem__(self, i: int | slice) -> Block | Sequence[Block]:
        if isinstance(i, slice):
            return [self[k] for k in range(len(self))[i]]
        rest = range(len(self))[i]
        output: Box = ()
        for n, count, step in zip(
            reversed(self._out_shape), reversed(self.counts), reversed(self.step), strict=True
        ):
            rest, k = divmod(rest, count)
            output = (range(k * step, min((k + 1) * step, n)), *output)
        return Block(output, inputs_of(self._operation, self._in_shape, output))


def inputs_of(operation: Operation, in_shape: Sequence[int], output: Box) -> Box:
    """Find the box of the input that a box of the output needs."""
    outputs = dict(zip(operation.out_layout, output, strict=True))
    box = []
    for letter, n in zip(operation.layout, in_shape, strict=True):
        if letter in operation.spatial:
            box.append(needed(operation.axis_of(letter), outputs[letter], operation.pad_mode))
        elif letter == "N" or operation.each_channel:
            box.append(outputs[letter])
        else:
            box.append(range(n))
    return tuple(box)


def plan_chunk_blocks(
    operation: Operation, in_shape: tuple[int, ...], unit: tuple[int, ...], memory: int
) -> ChunkBlocks:
    """Cut the output of an operation into blocks.

    Parameters
    ----------
    operation : Operation
    in_shape : tuple of int
    unit : tuple of int
        What is written at once, for each axis of the output: a chunk, or a shard.
    memory : int
        Bytes for input and output of a block; a single unit takes more if it must.
    """
    out_shape = operation.out_shape(in_shape)
    step = [min(u, n) for u, n in zip(unit, out_shape, strict=True)]
    if not operation.each_channel and "C" in operation.out_layout:
        channels = operation.out_layout.index("C")
        step[channels] = out_shape[channels]  # or else the input would be read for each
    for axis in reversed(range(len(step))):
        one = step[axis]
        step[axis] = out_shape[axis]
        if _bytes(operation, in_shape, step) <= memory:
            continue
        low, high = 1, -(-out_shape[axis] // one)  # units: low fits or is the least
        while low < high - 1:
            middle = (low + high) // 2
            step[axis] = middle * one
            low, high = (
                (middle, high) if _bytes(operation, in_shape, step) <= memory else (low, middle)
            )
        step[axis] = low * one
        break
    return ChunkBlocks(operation, in_shape, tuple(step))


def _bytes(operation: Operation, in_shape: tuple[int, ...], step: Sequence[int]) -> int:
    """Count the bytes of the largest block, one in the middle."""
    out_shape = operation.out_shape(in_shape)
    starts = [(n - k) // 2 for n, k in zip(out_shape, step, strict=True)]
    output = tuple(range(start, start + k) for start, k in zip(starts, step, strict=True))
    read = inputs_of(operation, in_shape, output)
    itemsize = operation.out_dtype.itemsize + operation.joined_bytes
    return (
        math.prod(map(len, read)) * operation.in_dtype.itemsize
        + math.prod(map(len, output)) * itemsize
    )

"""Blocks of an output in a store: boxes of whole chunks, so that each chunk is written once."""

import math
from collections.abc import Sequence
from typing import NamedTuple, overload

from convcli.arrays.box import Box
from convcli.arrays.dtypes import DType
from convcli.run.compute.blocks import Block
from convcli.run.compute.tiles import needed
from convcli.run.resolve.merged import batched, full_layout, full_shape
from convcli.run.resolve.operation import Operation


class Axes(NamedTuple):
    """An operation on arrays that may have more axes than it has letters.

    Attributes
    ----------
    operation : Operation
    merged : tuple of int
        Sizes of leading axes that are the one batch axis of the operation; empty if each axis
        has its letter.
    in_shape : tuple of int
        Of the array itself.
    """

    operation: Operation
    merged: tuple[int, ...]
    in_shape: tuple[int, ...]

    @property
    def out_shape(self) -> tuple[int, ...]:
        """Of the output, with as many axes."""
        shape = self.operation.out_shape(batched(self.in_shape, len(self.merged)))
        return full_shape(self.merged, shape)

    @property
    def layout(self) -> str:
        """A letter for each axis of the input."""
        return full_layout(self.merged, self.operation.layout)

    @property
    def out_layout(self) -> str:
        """A letter for each axis of the output."""
        return full_layout(self.merged, self.operation.out_layout)

    def inputs_of(self, output: Box) -> Box:
        """Find the box of the input that a box of the output needs."""
        operation = self.operation
        batch = iter(output)
        outputs = dict(zip(self.out_layout, output, strict=True))
        box = []
        for letter, n in zip(self.layout, self.in_shape, strict=True):
            if letter in operation.spatial:
                box.append(needed(operation.axis_of(letter), outputs[letter], operation.pad_mode))
            elif letter == "N":
                box.append(next(batch) if self.merged else outputs[letter])
            else:
                box.append(outputs[letter] if operation.each_channel else range(n))
        return tuple(box)


class ChunkBlocks(Sequence[Block]):
    """The blocks of an output, computed when asked for, as there may be millions.

    They follow one another along one spatial axis, then along the others in C order: what a block
    reads, its neighbour reads in part.

    Attributes
    ----------
    step : tuple of int
        Outputs of each axis in a block.
    sweep : int or None
        The axis of the input along which a block follows another.
    """

    def __init__(self, axes: Axes, step: tuple[int, ...]) -> None:
        """Cut an output.

        Parameters
        ----------
        axes : Axes
        step : tuple of int
            Outputs of each axis in a block: a multiple of a chunk, or all.
        """
        self._axes = axes
        self._shape = axes.out_shape
        self.step = step
        counts = [-(-n // k) for n, k in zip(self._shape, step, strict=True)]
        self._counts = counts
        letters, spatial = axes.out_layout, axes.operation.spatial
        cut = [i for i, each in enumerate(letters) if each in spatial and counts[i] > 1]
        self._order = [i for i in reversed(range(len(counts))) if i not in cut[:1]]
        self._order[:0] = cut[:1]  # the fastest first
        self.sweep = axes.layout.index(letters[cut[0]]) if cut else None

    def __len__(self) -> int:
        return math.prod(self._counts)

    @overload
    def __getitem__(self, i: int) -> Block: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[Block]: ...
    def __getitem__(self, i: int | slice) -> Block | Sequence[Block]:
        if isinstance(i, slice):
            return [self[k] for k in range(len(self))[i]]
        output = self.output(i)
        return Block(output, self._axes.inputs_of(output))

    def output(self, i: int) -> Box:
        """Return the box of the output that a block is."""
        rest = range(len(self))[i]
        output = [range(0)] * len(self._counts)
        for axis in self._order:
            rest, k = divmod(rest, self._counts[axis])
            step, n = self.step[axis], self._shape[axis]
            output[axis] = range(k * step, min((k + 1) * step, n))
        return tuple(output)


def plan_chunk_blocks(axes: Axes, unit: tuple[int, ...], memory: int) -> ChunkBlocks:
    """Cut the output of an operation into blocks.

    Parameters
    ----------
    axes : Axes
    unit : tuple of int
        What is written at once, for each axis of the output: a chunk, or a shard.
    memory : int
        Bytes for input and output of a block; a halo may take a sixteenth more, and a single unit
        takes more if it must.
    """
    shape, operation = axes.out_shape, axes.operation
    # Sizes of chunks and of memory are powers of two: a halo that had no room would halve a block.
    memory += memory // 16
    step = [min(u, n) for u, n in zip(unit, shape, strict=True)]
    if not operation.each_channel and "C" in axes.out_layout:
        channels = axes.out_layout.index("C")
        step[channels] = shape[channels]  # or else the input would be read for each
    for axis in reversed(range(len(step))):
        one = step[axis]
        low, high = 1, -(-shape[axis] // one)
        while low < high:  # the most units that fit
            middle = (low + high + 1) // 2
            step[axis] = min(middle * one, shape[axis])
            if _bytes(axes, step) <= memory:
                low = middle
            else:
                high = middle - 1
        step[axis] = min(low * one, shape[axis])
    return ChunkBlocks(axes, tuple(step))


def _bytes(axes: Axes, step: Sequence[int]) -> int:
    """Count the bytes of a block in the middle, which has all of its halo."""
    operation = axes.operation
    starts = [(n - k) // 2 for n, k in zip(axes.out_shape, step, strict=True)]
    output = tuple(range(start, start + k) for start, k in zip(starts, step, strict=True))
    return _nbytes(axes.inputs_of(output), operation.in_dtype) + math.prod(step) * (
        operation.out_dtype.itemsize + operation.joined_bytes
    )


def _nbytes(box: Box, dtype: DType) -> int:
    return math.prod(map(len, box)) * dtype.itemsize

"""Takes an input through memory block by block, and each block through an engine tile by tile.

A block is some whole images, or some rows of one; blocks come in the order in which the output
stands in a file, so that input and output may be pipes, and only a block is ever held.
"""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from convcli.arrays import Array, at
from convcli.dtypes import check_integers, integer_bound
from convcli.engines import Engine
from convcli.errors import ConvcliError
from convcli.geometry import Axis
from convcli.operation import Operation, canonical
from convcli.sources import Source
from convcli.tiles import Tile, cut, needed, padded_slab

_TILE = 1 << 20  # bytes: slab, output and work space of a tile stay in a core's cache


class Work(NamedTuple):
    """How an operation is carried out."""

    operation: Operation
    engine: Engine
    memory: int  # bytes that a block may take
    tile_done: Callable[[float], None] = lambda share: None  # is told which share was done


def convolve(source: Source, work: Work) -> Iterator[Array]:
    """Convolve an input.

    Parameters
    ----------
    source : Source
    work : Work

    Yields
    ------
    ndarray
        Parts of the output that follow each other in C order: whole images, or rows.
    """
    operation = work.operation
    lead = operation.lead
    images = math.prod(source.shape[:lead])
    out_shape = operation.out_shape(source.shape)
    in_bytes = math.prod(source.shape[lead:]) * source.dtype.itemsize
    out_bytes = math.prod(out_shape[lead:]) * operation.out_dtype.itemsize
    rows_axis = _rows_axis(operation)
    if in_bytes + out_bytes <= work.memory or rows_axis is None:
        count = max(work.memory // (in_bytes + out_bytes), 1)
        for start in range(0, images, count):
            x = source.images(lead, min(count, images - start))
            yield _convolve_block(x, work, None, 0, range(0), len(x) / images)
        return
    axis = operation.axes[rows_axis]
    row_bytes = in_bytes // axis.n * axis.s + out_bytes // axis.out
    step = max(work.memory // row_bytes, 1)
    outs = [range(o, min(o + step, axis.out)) for o in range(0, axis.out, step)]
    needs = [_needed_rows(axis, out, operation.pad_mode) for out in outs]
    for _ in range(images):
        for (first, x), out in zip(source.rows(lead, needs), outs, strict=True):
            share = len(out) / axis.out / images
            yield _convolve_block(x[None], work, rows_axis, first, out, share)[0]


def _rows_axis(operation: Operation) -> int | None:
    """Which spatial axis varies slowest in each image, of input and output alike."""
    first, out_first = operation.layout[operation.lead], operation.out_layout[operation.lead]
    return operation.spatial.index(first) if first == out_first and first != "C" else None


def _needed_rows(axis: Axis, out: range, mode: str) -> range:
    if axis.kind == "convt":
        # Output o is written by the inputs i with i·s <= o + pb <= i·s + e - 1.
        low = -(-(out.start + axis.pb - axis.e + 1) // axis.s)
        high = (out.stop - 1 + axis.pb) // axis.s
        start = min(max(low, 0), axis.n)
        return range(start, max(min(high + 1, axis.n), start))
    return needed(axis, out.start, out.stop - 1, mode)


def _convolve_block(
    x: Array, work: Work, rows_axis: int | None, first: int, out: range, share: float
) -> Array:
    """Convolve images, or rows of one.

    Parameters
    ----------
    x : ndarray, shape (images, *the axes after the lead)
    work : Work
    rows_axis : int or None
        The spatial axis of which `x` holds a part, from pixel `first` on.
    out : range
        Which outputs of that axis to make.
    share : float
        Part of all the work that this is.

    Returns
    -------
    ndarray, shape (images, *the output's axes after the lead)
    """
    operation, engine = work.operation, work.engine
    letters, out_letters = (
        "N" + layout[operation.lead :] for layout in (operation.layout, operation.out_layout)
    )
    if letters.count("N") == 2:  # the batch is no axis of the lead, which is empty
        x, letters, out_letters = x[0], letters[1:], out_letters[1:]
    outs = [range(axis.out) for axis in operation.axes]
    if rows_axis is not None:
        outs[rows_axis] = out
    images = canonical(x, letters, operation.spatial)
    sizes = {
        "N": len(images),
        "C": images.shape[1] if operation.each_channel else len(operation.filter),
    }
    sizes |= zip(operation.spatial, map(len, outs), strict=True)
    y = np.zeros([sizes[letter] for letter in out_letters], operation.out_dtype)
    block = _Block(
        work,
        images,
        canonical(y, out_letters, operation.spatial),
        [first if k == rows_axis else 0 for k in range(operation.dims)],
        outs,
        engine.compute_dtype(operation.out_dtype, _bound(x, operation)),
        share,
    )
    tasks = list(block.tasks())
    if engine.tile_threads == 1 or len(tasks) == 1:
        for task in tasks:
            block.run(task)
    else:
        with ThreadPoolExecutor(engine.tile_threads) as pool:
            for future in [pool.submit(block.run, task) for task in tasks]:
                future.result()
    return y.reshape(-1, *y.shape[1:]) if letters[0] == "N" else y[None]


def _bound(x: Array, operation: Operation) -> int:
    """Bound integer sums, and refuse those that could overflow; 0 if they are no integers."""
    if operation.out_dtype.kind not in "iu":
        return 0
    bound = integer_bound(x, operation.filter, operation.bias)
    if bound >= 2**63:
        raise ConvcliError(
            f"integer sums may reach {bound:.3g}, which does not fit int64; use --dtype float64"
        )
    return bound


class _Task(NamedTuple):
    """One tile of one pass, and where it goes."""

    axes: tuple[Axis, ...]
    weights: Array
    place: Array  # the part of the output on the pass's lattice
    start: tuple[int, ...]  # which of the pass's outputs comes first in it
    tile: Tile


class _Block(NamedTuple):
    """A part of the input, the part of the output that follows from it, and how."""

    work: Work
    images: Array  # (batch, channels, spatial...)
    target: Array  # (batch, channels, spatial...)
    origin: list[int]  # which input pixel of each axis stands first in the images
    outs: list[range]  # which outputs of each axis are made
    dtype: np.dtype[np.generic]
    share: float

    @property
    def groups(self) -> int:
        """Groups of channels; where one filter serves all, each channel is one."""
        operation = self.work.operation
        return self.images.shape[1] if operation.each_channel else operation.groups

    @property
    def bias(self) -> Array | None:
        """What is added to each channel, shaped to be."""
        bias = self.work.operation.bias
        return None if bias is None else bias.astype(self.dtype).reshape(-1, *(1,) * len(self.outs))

    def tasks(self) -> Iterator[_Task]:
        """Cut every pass into tiles; outputs that no pass makes are bias alone."""
        operation = self.work.operation
        if self.bias is not None and operation.transposed:
            np.copyto(self.target, self.bias, casting="unsafe")
        for one in operation.passes():
            weights = one.filter.astype(self.dtype)
            if operation.each_channel:
                weights = np.broadcast_to(weights, (self.groups, *weights.shape[1:]))
            parts = [
                _part_of(lattice, o) for lattice, o in zip(one.lattice, self.outs, strict=True)
            ]
            if not all(parts):
                continue
            lattice = (
                slice(
                    whole[part.start] - out.start, whole[part.stop - 1] - out.start + 1, whole.step
                )
                for whole, part, out in zip(one.lattice, parts, self.outs, strict=True)
            )
            place = self.target[at(..., *lattice)]
            start = tuple(part.start for part in parts)
            per_pixel = self.dtype.itemsize * (self.images.shape[1] + 2 * self.target.shape[1])
            for tile in cut(len(self.images), parts, per_pixel, _TILE):
                yield _Task(one.axes, weights, place, start, tile)

    def run(self, task: _Task) -> None:
        """Pad the slab of a tile, convolve it, and put it in its place."""
        with np.errstate(all="ignore"):  # NaN and infinity are the user's, and pass through
            self._run(task)

    def _run(self, task: _Task) -> None:
        engine, tile = self.work.engine, task.tile
        pad_mode = self.work.operation.pad_mode
        slab = padded_slab(self.images, task.axes, tile, pad_mode, self.dtype, self.origin)
        stride = tuple(axis.s for axis in task.axes)
        dilation = tuple(axis.d for axis in task.axes)
        made = engine.convolve(slab, task.weights, stride, dilation, self.groups)
        inner = (
            slice(out.start - first, out.stop - first)
            for out, first in zip(tile.out, task.start, strict=True)
        )
        place = task.place[at(tile.batch, slice(None), *inner)]
        if made.shape != place.shape:
            raise AssertionError(f"{engine.name} made {made.shape}, not {place.shape}")
        if self.bias is not None:
            made += self.bias
        if place.dtype.kind in "iu":
            made = np.rint(made) if made.dtype.kind == "f" else made
            check_integers(made, place.dtype)
        np.copyto(place, made, casting="unsafe")
        self.work.tile_done(self.share * place.size / self.target.size)


def _part_of(lattice: range, out: range) -> range:
    """Which members of a lattice of outputs, by their index in it, lie in a part of them."""
    start = max(-(-(out.start - lattice.start) // lattice.step), 0)
    stop = min(-(-(out.stop - lattice.start) // lattice.step), len(lattice))
    return range(start, max(stop, start))

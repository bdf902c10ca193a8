"""Takes an input through memory block by block, and each block through an engine tile by tile.

A block is some whole images, or some rows of one; blocks come in the order in which the output
stands in a file, so that input and output may be pipes, and only a block is ever held.
"""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from convcli.arrays import Array, at
from convcli.dtypes import check_integers, integer_bound
from convcli.engines import Engine, Plan
from convcli.engines.correlation import Correlation, buffer
from convcli.errors import ConvcliError
from convcli.geometry import Axis
from convcli.operation import Operation, Pass, canonical
from convcli.sources import Source
from convcli.tiles import Tile, cut, needed, padded_slab


@lru_cache(1)
def _pool(threads: int) -> ThreadPoolExecutor:
    """Keep the threads, and the work space that they keep, from block to block."""
    return ThreadPoolExecutor(threads)


class Job(NamedTuple):
    """How an operation is carried out."""

    operation: Operation
    engine: Engine
    memory: int  # bytes that a block may take
    methods: set[str]  # is told which methods were used
    tile_done: Callable[[float], None] = lambda share: None  # is told which share was done

    @property
    def pool(self) -> ThreadPoolExecutor:
        """The threads that tiles go to."""
        return _pool(self.engine.threads)


def convolve(source: Source, job: Job) -> Iterator[Array]:
    """Convolve an input.

    Parameters
    ----------
    source : Source
    job : Job

    Yields
    ------
    ndarray
        Parts of the output that follow each other in C order: whole images, or rows.
    """
    operation = job.operation
    lead = operation.lead
    images = math.prod(source.shape[:lead])
    out_shape = operation.out_shape(source.shape)
    in_bytes = math.prod(source.shape[lead:]) * source.dtype.itemsize
    out_bytes = math.prod(out_shape[lead:]) * operation.out_dtype.itemsize
    rows_axis = _rows_axis(operation)
    if in_bytes + out_bytes <= job.memory or rows_axis is None:
        count = max(job.memory // (in_bytes + out_bytes), 1)
        for start in range(0, images, count):
            x = source.images(lead, min(count, images - start))
            yield _convolve_block(x, job, None, 0, range(0), len(x) / images)
        return
    axis = operation.axes[rows_axis]
    row_bytes = in_bytes // axis.n * axis.s + out_bytes // axis.out
    step = max(job.memory // row_bytes, 1)
    outs = [range(o, min(o + step, axis.out)) for o in range(0, axis.out, step)]
    needs = [_needed_rows(axis, out, operation.pad_mode) for out in outs]
    for _ in range(images):
        for (first, x), out in zip(source.rows(lead, needs), outs, strict=True):
            share = len(out) / axis.out / images
            yield _convolve_block(x[None], job, rows_axis, first, out, share)[0]


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
    x: Array, job: Job, rows_axis: int | None, first: int, out: range, share: float
) -> Array:
    """Convolve images, or rows of one.

    Parameters
    ----------
    x : ndarray, shape (images, *the axes after the lead)
    job : Job
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
    operation, engine = job.operation, job.engine
    letters, out_letters = (
        "N" + layout[operation.lead :] for layout in (operation.layout, operation.out_layout)
    )
    inside = letters.count("N") == 2  # the batch is no axis of the lead, which is empty
    if inside:
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
    y = np.empty([sizes[letter] for letter in out_letters], operation.out_dtype)
    block = _Block(
        job,
        images,
        canonical(y, out_letters, operation.spatial),
        [first if k == rows_axis else 0 for k in range(operation.dims)],
        outs,
        engine.compute_dtype(operation.out_dtype, _bound(x, operation)),
        share,
    )
    tasks = list(block.tasks())
    if engine.threads == 1 or len(tasks) == 1:
        for task in tasks:
            block.run(task)
    else:
        for future in [job.pool.submit(block.run, task) for task in tasks]:
            future.result()
    return (
        y if letters[0] == "N" and "N" + operation.layout[operation.lead :] == letters else y[None]
    )


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
    corr: Correlation
    plan: Plan
    place: Array  # the part of the output on the pass's lattice
    start: tuple[int, ...]  # which of the pass's outputs comes first in it
    tile: Tile


class _Block(NamedTuple):
    """A part of the input, the part of the output that follows from it, and how."""

    job: Job
    images: Array  # (batch, channels, spatial...)
    target: Array  # (batch, channels, spatial...)
    origin: list[int]  # which input pixel of each axis stands first in the images
    outs: list[range]  # which outputs of each axis are made
    dtype: np.dtype[np.generic]
    share: float

    def tasks(self) -> Iterator[_Task]:
        """Cut every pass into tiles; outputs that no pass makes are bias alone."""
        operation, engine = self.job.operation, self.job.engine
        if operation.transposed:
            bias = 0 if operation.bias is None else _per_channel(operation.bias, self.target)
            np.copyto(self.target, bias, casting="unsafe")
        for one in operation.passes():
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
            corr = self._correlation(one)
            plan = engine.plan(corr, len(place), place.shape[2:])
            self.job.methods.add(plan.method)
            for tile in cut(len(place), corr.groups, parts, plan.tile):
                yield _Task(one.axes, corr, plan, place, start, tile)

    def _correlation(self, one: Pass) -> Correlation:
        """Settle a pass for an engine; where one filter serves all, each channel is a group."""
        operation = self.job.operation
        weights = one.filter.astype(self.dtype)
        groups = operation.groups
        if operation.each_channel:
            groups = self.images.shape[1]
            weights = np.broadcast_to(weights, (groups, *weights.shape[1:]))
        stride, dilation = tuple(a.s for a in one.axes), tuple(a.d for a in one.axes)
        return Correlation(weights, stride, dilation, groups, operation.out_dtype.kind in "iu")

    def run(self, task: _Task) -> None:
        """Pad the slab of a tile, convolve it, and put it in its place."""
        with np.errstate(all="ignore"):  # NaN and infinity are the user's, and pass through
            self._run(task)

    def _run(self, task: _Task) -> None:
        operation, tile = self.job.operation, task.tile
        groups = tile.groups
        each_in, each_out = task.corr.each_in, task.corr.each_out
        x = self.images[tile.batch, groups.start * each_in : groups.stop * each_in]
        slab = padded_slab(x, task.axes, tile.out, operation.pad_mode, self.dtype, self.origin)
        inner = (
            slice(out.start - first, out.stop - first)
            for out, first in zip(tile.out, task.start, strict=True)
        )
        channels = slice(groups.start * each_out, groups.stop * each_out)
        place = task.place[at(tile.batch, channels, *inner)]
        direct = place.dtype == self.dtype and operation.bias is None
        made = place if direct else buffer("made", place.shape, self.dtype)
        corr = task.corr.part(groups.start, groups.stop)
        self.job.engine.convolve(task.plan, slab, corr, made)
        if not direct:
            if operation.bias is not None:
                made += _per_channel(operation.bias[channels].astype(self.dtype), made)
            if place.dtype.kind in "iu":
                if made.dtype.kind == "f":
                    np.rint(made, out=made)
                if place.dtype.itemsize < 8:
                    check_integers(made, place.dtype)
            np.copyto(place, made, casting="unsafe")
        self.job.tile_done(self.share * place.size / self.target.size)


def _per_channel(bias: Array, y: Array) -> Array:
    """Shape a bias to be added to (batch, channels, spatial...)."""
    return bias.reshape(-1, *(1,) * (y.ndim - 2))


def _part_of(lattice: range, out: range) -> range:
    """Which members of a lattice of outputs, by their index in it, lie in a part of them."""
    start = max(-(-(out.start - lattice.start) // lattice.step), 0)
    stop = min(-(-(out.stop - lattice.start) // lattice.step), len(lattice))
    return range(start, max(stop, start))

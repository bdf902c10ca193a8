"""Convolves a block: cuts it into tiles, and takes them through an engine on its threads."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from convcli.arrays.box import slices, starts
from convcli.arrays.dtypes import Array, DType, at, check_integers, integer_bound
from convcli.engines.base import Pads, Plan
from convcli.engines.correlation import Correlation
from convcli.engines.scratch import buffer
from convcli.errors import ConvcliError
from convcli.geometry.window.axis import POOL_KINDS, Axis
from convcli.run.compute.blocks import Block
from convcli.run.compute.job import Job, LayerPart
from convcli.run.compute.joined import join
from convcli.run.compute.pooling import divisors, lowest
from convcli.run.compute.scatter import scatter
from convcli.run.compute.threads import for_each
from convcli.run.compute.tiles import (
    Tile,
    cut,
    needed,
    padded_slab,
    slab_view,
    span,
    without_padding,
)
from convcli.run.resolve.axes import canonical, restored
from convcli.run.resolve.operation import Operation

_ASLEEP = 20  # times as much work is needed for threads to pay
OnTile = Callable[[float], None]


def convolve_block(
    job: Job, block: Block, x: Array, out: Array | None = None, on_tile: OnTile | None = None
) -> tuple[Array, tuple[Plan, ...]]:
    """Convolve one block: a pure function of job, block and input.

    Parameters
    ----------
    job : Job
    block : Block
    x : ndarray
        The box of the input that the block needs.
    out : ndarray, optional
        Memory for the result, which may be used or not.
    on_tile : callable, optional
        Called with the number of outputs of each tile that is done, from any thread.

    Returns
    -------
    y : ndarray
        The box of the output.
    plans : tuple of Plan
        How it was computed.

    Raises
    ------
    ConvcliError
        Exact integers do not fit, or the device failed.
    """
    on_tile = on_tile or _ignore
    operation = job.operation
    if job.parts:
        return _convolve_joined(job, block, x, out, on_tile)
    view = _view(operation, block)
    images = canonical(x, operation.layout, operation.spatial)
    fused = _fused_call(job, view, images)
    if fused is not None:
        plan, call = fused
        with np.errstate(all="ignore"):
            y = call().astype(operation.out_dtype, copy=False)
        on_tile(y.size)
        return restored(y, operation.out_layout, operation.spatial), (plan,)
    if out is None:
        out = np.empty(tuple(map(len, block.output)), operation.out_dtype)
    target = canonical(out, operation.out_layout, operation.spatial)
    dtype = job.compute_dtype(_bound(x, operation))
    if operation.transposed and not job.finite:
        with np.errstate(all="ignore"):
            _convolve_by_definition(job, view, images.astype(dtype), target)
        on_tile(out.size)
        return out, (_DEFINITION,)
    parts = list(_parts(job, view, target, dtype))
    unreached = target.size - sum(part.target.size for part in parts)
    if unreached:  # outputs of a transposed operation that no tap reaches hold the bias only
        _fill_bias(target, view.bias)
        on_tile(unreached)

    def run(task: tuple[_Part, Tile]) -> None:
        part, tile = task
        with np.errstate(all="ignore"):  # NaN and infinity in the input are not our errors
            count = _convolve_tile(job, view, part, tile, images)
        on_tile(count)

    tasks = [(part, tile) for part in parts for tile in part.tiles()]
    work = sum(part.nanoseconds(job) for part in parts)
    for_each(run, tasks, job.engine.threads_for(work))
    return out, tuple(part.plan for part in parts)


def _convolve_joined(
    job: Job, block: Block, x: Array, out: Array | None, on_tile: OnTile
) -> tuple[Array, tuple[Plan, ...]]:
    """Convolve a block with each part of a job, and join what they make."""

    def on_part(count: float) -> None:
        on_tile(count / len(job.parts))

    shape, kind = tuple(map(len, block.output)), job.operation.sums_dtype
    made = [
        convolve_block(part, block, x, buffer(f"sums {i}", shape, kind), on_part)
        for i, part in enumerate(job.parts)
    ]
    if out is None:
        out = np.empty(shape, job.operation.out_dtype)
    join([sums for sums, _ in made], out)
    return out, tuple(plan for _, plans in made for plan in plans)


def _ignore(_count: float) -> None:
    """Take no notice of a tile that is done."""


class _View(NamedTuple):
    """A block as (batch, channels, spatial...)."""

    channels: range  # of the output
    bias: Array | None  # of those channels
    outputs: tuple[range, ...]  # of each spatial axis
    origin: tuple[int, ...]  # the first input pixel of each spatial axis


def _view(operation: Operation, block: Block) -> _View:
    outputs = dict(zip(operation.out_layout, block.output, strict=True))
    inputs = dict(zip(operation.layout, block.input, strict=True))
    channels = outputs.get("C", range(1))
    bias = operation.bias
    return _View(
        channels,
        None if bias is None else bias[channels.start : channels.stop],
        tuple(outputs[letter] for letter in operation.spatial),
        tuple(inputs[letter].start for letter in operation.spatial),
    )


def _fused_call(job: Job, view: _View, images: Array) -> tuple[Plan, Callable[[], Array]] | None:
    """Prepare the block as one call of the engine's library, where that can do all of it."""
    operation = job.operation
    if operation.out_dtype.kind in "iu" or operation.pad_mode != "zeros":
        return None
    if operation.kind in POOL_KINDS:
        return None
    if not job.finite:  # libraries skip padding, or add some, where 0 times infinity is NaN
        return None
    pads, read = [], []
    for axis, outputs, first in zip(operation.axes, view.outputs, view.origin, strict=True):
        if outputs == range(axis.out):
            pads.append((axis.pb, axis.pe))
            read.append(slice(None))
            continue
        if operation.transposed:
            return None
        places, pixels = span(axis, outputs), needed(axis, outputs, "zeros")
        pads.append((pixels.start - places.start, places.stop - pixels.stop))
        read.append(slice(pixels.start - first, pixels.stop - first))
    images = images[at(..., *read)]
    part = LayerPart(images.shape, tuple(pads), tuple(map(len, view.outputs)), view.channels)
    found = job.fused(part)
    return found and (found[0], partial(found[1], images))


class _Part(NamedTuple):
    """The outputs of a block that one pass makes."""

    axes: tuple[Axis, ...]  # of the pass
    corr: Correlation
    plan: Plan
    outputs: tuple[range, ...]  # of the pass, along each spatial axis
    target: Array  # where they go: (batch, channels, *outputs)

    def nanoseconds(self, job: Job) -> float:
        """Estimate the work that threads could share."""
        # While many arrays are read and written threads fall asleep; to wake them takes long.
        share = len(self.target) / _ASLEEP if job.images_alike else 1
        return share * self.plan.shared

    def tiles(self) -> Iterator[Tile]:
        """Cut it into tiles as planned."""
        return cut(len(self.target), self.corr.groups, self.outputs, self.plan.tile)


def _parts(job: Job, view: _View, target: Array, dtype: DType) -> Iterator[_Part]:
    """Find what each pass makes of a block."""
    groups = target.shape[1] if job.operation.each_channel else job.operation.groups
    for i, one in enumerate(job.passes):
        outputs, where = [], []
        for every, wanted in zip(one.outputs, view.outputs, strict=True):
            some = _members(every, wanted)
            outputs.append(some)
            places = every[some.start : some.stop]
            where.append(slice(places.start - wanted.start, places.stop - wanted.start, every.step))
        if all(outputs):
            part = target[at(..., *where)]
            corr = job.correlation(i, dtype, groups)
            plan = job.plan_part(corr, len(part), part.shape[2:])
            yield _Part(one.axes, corr, plan, tuple(outputs), part)


def _members(every: range, wanted: range) -> range:
    """Find which of every s-th output lie in a range of outputs, by their position."""
    start = max(-(-(wanted.start - every.start) // every.step), 0)
    stop = min(-(-(wanted.stop - every.start) // every.step), len(every))
    return range(start, max(stop, start))


def _convolve_tile(job: Job, view: _View, part: _Part, tile: Tile, images: Array) -> int:
    """Convolve a tile; where that saves a copy, outputs that read copied pixels by themselves.

    Returns
    -------
    int
        The outputs made.
    """
    dtype = part.corr.filter.dtype
    as_is = images.dtype == dtype and images.strides[-1] == dtype.itemsize
    if not (part.plan.in_place and as_is and images.flags.aligned):
        return _convolve_box(job, view, part, tile, images)
    if job.operation.pad_mode == "zeros":  # the engine adds them
        return _convolve_box(job, view, part, tile, images, True)
    inner, *strips = without_padding(part.axes, tile.outputs)
    made = 0
    if all(inner):
        made += _convolve_box(job, view, part, tile._replace(outputs=inner), images, True)
    for strip in filter(all, strips):
        made += _convolve_box(job, view, part, tile._replace(outputs=strip), images)
    return made


def _convolve_box(
    job: Job, view: _View, part: _Part, tile: Tile, images: Array, in_place: bool = False
) -> int:
    """Convolve the slab of a tile, and put the result in its place; returns the outputs made.

    Parameters
    ----------
    job : Job
    view : _View
    part : _Part
    tile : Tile
    images : ndarray
    in_place : bool
        The slab is a view of the images: nothing is converted, and only zeros can be padding.
    """
    corr, groups = part.corr, tile.groups
    channels = slice(groups.start * corr.each_out, groups.stop * corr.each_out)
    inner = slices(tile.outputs, starts(part.outputs))
    target = part.target[at(tile.batch, channels, *inner)]
    x = images[tile.batch, groups.start * corr.each_in : groups.stop * corr.each_in]
    dtype = corr.filter.dtype
    kind = job.operation.kind
    fill = lowest(dtype) if kind == "maxpool" else 0
    mode = job.operation.pad_mode
    zeros: Pads = ()
    if in_place:
        slab, zeros = slab_view(x, part.axes, tile.outputs, view.origin)
    else:
        slab = padded_slab(x, part.axes, tile.outputs, mode, dtype, view.origin, fill)
    direct = target.dtype == dtype and view.bias is None
    y = target if direct else buffer("y", target.shape, dtype)
    corr = corr.select_groups(groups.start, groups.stop)
    job.engine.convolve_slab(part.plan, slab, corr, y, zeros)
    if kind == "avgpool":
        y /= divisors(part.axes, tile.outputs).astype(dtype)
    if direct:
        return target.size
    if view.bias is not None:
        y += _per_channel(view.bias[channels].astype(dtype), y)
    if target.dtype.kind in "iu":
        if y.dtype.kind == "f":
            np.rint(y, out=y)
        check_integers(y, target.dtype)
    np.copyto(target, y, casting="unsafe")
    return target.size


_DEFINITION = Plan("scatter", (), {})


def _convolve_by_definition(job: Job, view: _View, images: Array, target: Array) -> None:
    operation = job.operation
    groups = target.shape[1] if operation.each_channel else operation.groups
    weights = job.weights(operation.filter, images.dtype, groups)
    y = scatter(images, weights, operation.axes, groups, view.origin, view.outputs)
    if view.bias is not None:
        y += _per_channel(view.bias.astype(y.dtype), y)
    np.copyto(target, y, casting="unsafe")


def _fill_bias(target: Array, bias: Array | None) -> None:
    values = np.zeros(1, np.int64) if bias is None else bias
    if target.dtype.kind in "iu":
        check_integers(values, target.dtype)
    np.copyto(target, _per_channel(values, target), casting="unsafe")


def _per_channel(bias: Array, y: Array) -> Array:
    """Shape a bias so that it broadcasts over (batch, channels, spatial...)."""
    return bias.reshape(-1, *(1,) * (y.ndim - 2))


def _bound(x: Array, operation: Operation) -> int:
    """Bound integer sums, and refuse those that could overflow; 0 if they are not integers."""
    if operation.out_dtype.kind not in "iu" or operation.kind == "maxpool":
        return 0
    bound = integer_bound(x, operation.filter, operation.bias)
    if bound >= 2**63:
        raise ConvcliError(
            f"integer sums may reach {bound:.3g}, which does not fit int64; use --dtype float64"
        )
    return bound

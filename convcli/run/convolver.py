"""Takes a block of an input through an engine, tile by tile, on as many threads as it has."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from convcli.arrays.dtypes import Array, DType, at, check_integers, integer_bound
from convcli.engines.base import Engine, Layer, Part, Plan
from convcli.engines.correlation import Correlation
from convcli.engines.scratch import buffer
from convcli.errors import ConvcliError
from convcli.run.axes import canonical, restored
from convcli.run.operation import Operation, Pass
from convcli.run.threads import for_each
from convcli.run.tiles import Tile, cut, needed, padded_slab, span


class Rows(NamedTuple):
    """A part of one image: rows of its slowest axis."""

    axis: int  # which of the spatial axes
    first: int  # the input row that stands first
    out: range  # the output rows to make


class Convolver:
    """Carries out one operation, block by block; what blocks share is made once."""

    def __init__(
        self, operation: Operation, engine: Engine, done: Callable[[float], None] | None = None
    ) -> None:
        """Take an operation, an engine, and whom to tell which share of the work is done."""
        self.operation = operation
        self.engine = engine
        self.methods: set[str] = set()
        self.costs: dict[str, float] = {}  # of what was done, by method, as the engine estimates
        self._done = done or (lambda share: None)
        self._passes = list(operation.passes())
        self._correlations: dict[tuple[int, DType, int], Correlation] = {}
        self._layers: dict[Part, tuple[Plan, Layer] | None] = {}
        self._turn = 0

    def plan(self, images: int, channels: int | None = None) -> tuple[Plan, Correlation] | None:
        """Plan the whole output of so many images, of a transposed operation its first phase.

        Where one filter serves every channel, `channels` may be fewer than there are. None if there
        is no phase: every output lies between the taps.
        """
        operation = self.operation
        if not self._passes:
            return None
        dtype = self.engine.compute_dtype(operation.out_dtype, 0)
        groups = channels if channels and operation.each_channel else operation.groups
        corr = self._correlation(0, dtype, groups)
        sizes = tuple(len(lattice) for lattice in self._passes[0].lattice)
        return corr.table(self.engine.plan, images, sizes), corr

    def tile_rows(self, axis: int) -> tuple[int, bool]:
        """How many output rows of an axis a tile makes, and whether a block should be no more."""
        planned = self.plan(1)
        if planned is None:
            return 1, False
        plan, _ = planned
        return plan.tile[2 + axis] * self._passes[0].lattice[axis].step, plan.alone

    def convolve(self, x: Array, rows: Rows | None, share: float) -> Array:
        """Convolve some images, or rows of one.

        Parameters
        ----------
        x : ndarray, shape (images, *the axes after the lead)
        rows : Rows or None
            Which part of the image `x` is, if it is not whole.
        share : float
            Part of all the work that this is.

        Returns
        -------
        ndarray, shape (images, *the output's axes after the lead)
            In memory of its own, or that the call after the next will take.
        """
        operation, engine = self.operation, self.engine
        self._turn = 1 - self._turn  # while one part is written, the next is made
        letters, out_letters = (
            "N" + layout[operation.lead :] for layout in (operation.layout, operation.out_layout)
        )
        whole_batch = letters.count("N") == 2  # the batch is none of the lead, which is empty
        if whole_batch:
            x, letters, out_letters = x[0], letters[1:], out_letters[1:]
        outs = [range(axis.out) for axis in operation.axes]
        origin = [0] * operation.dims
        if rows is not None:
            outs[rows.axis], origin[rows.axis] = rows.out, rows.first
        images = canonical(x, letters, operation.spatial)
        layer = self._layer(images, outs, rows)
        if layer is not None:
            self._done(share)
            y = restored(layer, out_letters, operation.spatial)
            return y[None] if whole_batch else y
        channels = images.shape[1] if operation.each_channel else len(operation.filter)
        sizes = {"N": len(images), "C": channels}
        sizes |= zip(operation.spatial, map(len, outs), strict=True)
        shape = tuple(sizes[letter] for letter in out_letters)
        y = buffer(f"part{self._turn}", shape, operation.out_dtype)
        target = canonical(y, out_letters, operation.spatial)
        dtype = engine.compute_dtype(operation.out_dtype, _bound(x, operation))

        def run(task: _Task) -> None:
            with np.errstate(all="ignore"):  # NaN and infinity are the user's, and pass through
                self._run(task, images, origin, dtype)
            self._done(share * task.size / target.size)

        tasks = list(self._tasks(target, outs, dtype))
        if engine.threads == 1 or len(tasks) == 1:
            for task in tasks:
                run(task)
        else:
            for_each(run, tasks, engine.threads)
        return y[None] if whole_batch else y

    def _layer(self, images: Array, outs: list[range], rows: Rows | None) -> Array | None:
        """Let the engine's library do it all, padding and bias too, if it is made for it."""
        operation = self.operation
        exact = operation.out_dtype.kind in "iu"
        if exact or operation.pad_mode != "zeros" or (operation.transposed and rows):
            return None
        pads = [(axis.pb, axis.pe) for axis in operation.axes]
        if rows is not None:
            axis = operation.axes[rows.axis]
            places = span(axis, rows.out.start, rows.out.stop - 1)
            inside = needed(axis, rows.out.start, rows.out.stop - 1, "zeros")
            pads[rows.axis] = (inside.start - places.start, places.stop - inside.stop)
            taken = slice(inside.start - rows.first, inside.stop - rows.first)
            images = images[at(..., taken, *(slice(None),) * (operation.dims - 1 - rows.axis))]
        part = Part(images.shape, tuple(pads), tuple(map(len, outs)))
        if part not in self._layers:
            self._layers[part] = self._make_layer(part)
        found = self._layers[part]
        if found is None:
            return None
        plan, layer = found
        self._count(plan)
        made = layer(images)
        with np.errstate(all="ignore"):
            return made.astype(operation.out_dtype, copy=False)

    def _make_layer(self, part: Part) -> tuple[Plan, Layer] | None:
        planned = self.plan(*part.shape[:2])
        if planned is None or 0 in part.shape:
            return None
        layer = self.engine.layer(*planned, self.operation, part)
        return layer and (planned[0], layer)

    def _tasks(self, target: Array, outs: list[range], dtype: DType) -> "Iterator[_Task]":
        """Cut every pass into tiles; outputs that no pass makes are bias alone."""
        operation, engine = self.operation, self.engine
        if operation.transposed:
            bias = np.zeros(1) if operation.bias is None else operation.bias
            if target.dtype.kind in "iu":
                check_integers(bias, target.dtype)
            np.copyto(target, _per_channel(bias, target), casting="unsafe")
        groups = target.shape[1] if operation.each_channel else operation.groups
        for i, one in enumerate(self._passes):
            parts = [_part_of(lattice, o) for lattice, o in zip(one.lattice, outs, strict=True)]
            if not all(parts):
                continue
            lattice = (
                slice(whole[part.start] - o.start, whole[part.stop - 1] - o.start + 1, whole.step)
                for whole, part, o in zip(one.lattice, parts, outs, strict=True)
            )
            place = target[at(..., *lattice)]
            corr = self._correlation(i, dtype, groups)
            plan = corr.table(engine.plan, len(place), place.shape[2:])
            self._count(plan)
            for tile in cut(len(place), groups, parts, plan.tile):
                channels = slice(
                    tile.groups.start * corr.each_out, tile.groups.stop * corr.each_out
                )
                inner = (
                    slice(o.start - part.start, o.stop - part.start)
                    for o, part in zip(tile.out, parts, strict=True)
                )
                yield _Task(
                    one, corr, plan, tile, channels, place[at(tile.batch, channels, *inner)]
                )  # fmt: skip

    def _count(self, plan: Plan) -> None:
        self.methods.add(plan.method)
        for method, cost in plan.costs.items():
            self.costs[method] = self.costs.get(method, 0) + cost

    def _correlation(self, index: int, dtype: DType, groups: int) -> Correlation:
        """Settle a pass for an engine; where one filter serves all, each channel is a group."""
        key = (index, dtype, groups)
        if key not in self._correlations:
            one = self._passes[index]
            weights = one.filter.astype(dtype)
            if self.operation.each_channel:
                weights = np.broadcast_to(weights, (groups, *weights.shape[1:]))
            stride, dilation = tuple(a.s for a in one.axes), tuple(a.d for a in one.axes)
            exact = self.operation.out_dtype.kind in "iu"
            self._correlations[key] = Correlation(weights, stride, dilation, groups, exact)
        return self._correlations[key]

    def _run(self, task: "_Task", images: Array, origin: list[int], dtype: DType) -> None:
        """Pad the slab of a tile, convolve it, and put it in its place."""
        operation, tile, place = self.operation, task.tile, task.place
        each_in = task.corr.each_in
        groups = tile.groups
        x = images[tile.batch, groups.start * each_in : groups.stop * each_in]
        slab = padded_slab(x, task.one.axes, tile.out, operation.pad_mode, dtype, origin)
        direct = place.dtype == dtype and operation.bias is None
        made = place if direct else buffer("made", place.shape, dtype)
        corr = task.corr.part(groups.start, groups.stop)
        self.engine.convolve(task.plan, slab, corr, made)
        if direct:
            return
        if operation.bias is not None:
            made += _per_channel(operation.bias[task.channels].astype(dtype), made)
        if place.dtype.kind in "iu":
            if made.dtype.kind == "f":
                np.rint(made, out=made)
            check_integers(made, place.dtype)
        np.copyto(place, made, casting="unsafe")


class _Task(NamedTuple):
    """One tile of one pass, and where it goes."""

    one: Pass
    corr: Correlation
    plan: Plan
    tile: Tile
    channels: slice
    place: Array

    @property
    def size(self) -> int:
        """Numbers that it makes."""
        return self.place.size


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


def _per_channel(bias: Array, y: Array) -> Array:
    """Shape a bias to be added to (batch, channels, spatial...)."""
    return bias.reshape(-1, *(1,) * (y.ndim - 2))


def _part_of(lattice: range, out: range) -> range:
    """Which members of a lattice of outputs, by their index in it, lie in a part of them."""
    start = max(-(-(out.start - lattice.start) // lattice.step), 0)
    stop = min(-(-(out.stop - lattice.start) // lattice.step), len(lattice))
    return range(start, max(stop, start))

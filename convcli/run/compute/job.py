"""An operation and the engine that carries it out: all that the blocks of a run share."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from convcli.arrays.dtypes import Array, DType
from convcli.engines.base import Engine, FusedLayer, Plan
from convcli.engines.correlation import Correlation, Reduction, even_step
from convcli.run.compute.passes import lower
from convcli.run.resolve.operation import Operation

_TOGETHER = 1 << 17  # outputs of a tile of many images


class LayerPart(NamedTuple):
    """What a layer takes and makes for one block.

    Attributes
    ----------
    shape : tuple of int
        Of the input: (batch, channels, spatial...).
    pads : tuple of (int, int)
        Zeros before and after each spatial axis; the crop of a transposed operation.
    sizes : tuple of int
        Outputs of each spatial axis.
    channels : range
        Of the output.
    """

    shape: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    sizes: tuple[int, ...]
    channels: range


class Job:
    """An operation and the engine that carries it out: what all blocks share.

    What follows from the two (correlations, plans, fused layers) is computed once in each process;
    a pickle holds operation and engine only.
    """

    def __init__(self, operation: Operation, engine: Engine, images_alike: bool = False) -> None:
        """Take an operation and an engine.

        Parameters
        ----------
        operation : Operation
        engine : Engine
        images_alike : bool
            The numbers of each image of the batch are those that it has by itself: all are
            convolved as one would be.
        """
        self.operation = operation
        self.engine = engine
        self.images_alike = images_alike
        self.parts = tuple(Job(part, engine, images_alike) for part in operation.parts)
        self.passes = list(lower(operation.filter, operation.axes))
        self.finite = bool(np.isfinite(operation.filter).all())
        self.reduction: Reduction = "max" if operation.kind == "maxpool" else "sum"
        self._correlations: dict[tuple[int, DType, int], Correlation] = {}
        self._fused: dict[LayerPart, tuple[Plan, Callable[[Array], Array]] | None] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Job, (self.operation, self.engine, self.images_alike)

    def plan(self, images: int, channels: int | None = None) -> tuple[Plan, Correlation] | None:
        """Plan the whole output, for a transposed operation its first phase.

        Parameters
        ----------
        images : int
        channels : int, optional
            Where one filter is applied to every channel: how many of them.

        Returns
        -------
        tuple or None
            None if no output is reached by any tap.
        """
        if self.parts:  # they are planned alike
            return self.parts[0].plan(images, channels)
        if not self.passes:
            return None
        operation = self.operation
        dtype = self.compute_dtype(0)
        groups = channels if channels and operation.each_channel else operation.groups
        corr = self.correlation(0, dtype, groups)
        return corr.cached(self.engine.plan, images, self.sizes), corr

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many outputs the first pass makes along each spatial axis."""
        return tuple(map(len, self.passes[0].outputs))

    def plan_part(self, corr: Correlation, images: int, sizes: tuple[int, ...]) -> Plan:
        """Plan some outputs."""
        if not self.images_alike:
            return corr.cached(self.engine.plan, images, sizes)
        plan = corr.cached(self.engine.plan, 1, sizes)
        together = even_step(images, _TOGETHER // math.prod((corr.groups, *sizes)), 1)
        return plan._replace(tile=(together, *plan.tile[1:]))

    def compute_dtype(self, bound: int) -> DType:
        """Choose the type to compute in, see `Engine.compute_dtype`; maxima need no other one."""
        if self.reduction == "max":
            return self.engine.max_dtype(self.operation.in_dtype.newbyteorder("="))
        return self.engine.compute_dtype(self.operation.out_dtype, bound)

    def whole_tiles(self, letter: str, rows: int) -> int:
        """Round a number of output rows to whole tiles, whose halos are then not cut again."""
        planned = self.plan(1)
        if planned is None:
            return rows
        plan, _ = planned
        if plan.in_place:  # its tiles are cut evenly from what there is, and copy no halo
            return rows
        k = self.operation.spatial.index(letter)
        tile = plan.tile[2 + k] * self.passes[0].outputs[k].step
        if rows <= tile:
            return rows
        return tile if plan.one_tile_per_block else rows - rows % tile

    def correlation(self, index: int, dtype: DType, groups: int) -> Correlation:
        """Return a pass as an engine takes it; each channel a group if one filter serves all."""
        key = (index, dtype, groups)
        if key not in self._correlations:
            one = self.passes[index]
            stride, dilation = tuple(a.s for a in one.axes), tuple(a.d for a in one.axes)
            exact = self.operation.out_dtype.kind in "iu"
            weights = self.weights(one.filter, dtype, groups)
            self._correlations[key] = Correlation(
                weights, stride, dilation, groups, exact, self.reduction
            )
        return self._correlations[key]

    def fused(self, part: LayerPart) -> tuple[Plan, Callable[[Array], Array]] | None:
        """Return part of a layer as one call of the engine's library, if that has such calls."""
        if part not in self._fused:
            self._fused[part] = self._fuse(part)
        return self._fused[part]

    def _fuse(self, part: LayerPart) -> tuple[Plan, Callable[[Array], Array]] | None:
        operation, bias = self.operation, self.operation.bias
        planned = self.plan(*part.shape[:2])
        if planned is None or 0 in part.shape:
            return None
        plan, corr = planned
        axes = operation.axes
        if operation.transposed:
            groups = part.shape[1] if operation.each_channel else operation.groups
            weights = self.weights(operation.filter, corr.filter.dtype, groups)
            stride, dilation = tuple(a.s for a in axes), tuple(a.d for a in axes)
            corr = Correlation(weights, stride, dilation, groups)
        if bias is not None:
            bias = bias[part.channels.start : part.channels.stop]
        op = tuple(a.op for a in axes)
        layer = FusedLayer(corr, bias, part.shape, part.pads, part.sizes, operation.transposed, op)
        call = self.engine.fuse(plan, layer)
        return call and (plan, call)

    def weights(self, filter_: Array, dtype: DType, groups: int) -> Array:
        """Convert weights to a type; repeat them for every channel if they serve all."""
        weights = filter_.astype(dtype)
        if self.operation.each_channel:
            return np.broadcast_to(weights, (groups, *weights.shape[1:]))
        return weights

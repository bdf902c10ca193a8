"""What an engine is: it convolves padded slabs of the input."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from convcli.arrays.dtypes import Array, DType
from convcli.engines.correlation import Correlation
from convcli.run.operation import Operation


class Plan(NamedTuple):
    """How a correlation is done.

    `tile` is its size: images, groups, outputs of each axis. `costs` are estimates, by method, in
    nanoseconds on one core, where the engine makes them. A tile that is `alone` is best all that
    is in memory.
    """

    method: str
    tile: tuple[int, ...]
    costs: dict[str, float]
    alone: bool = False


Pads = Sequence[tuple[int, int]]  # zeros before and after each spatial axis
Layer = Callable[[Array], Array]


class Part(NamedTuple):
    """What a layer takes at once: whole images, or rows of one.

    `shape` is (batch, channels, spatial...), without the zeros that `pads` adds; `sizes` are the
    outputs of each spatial axis.
    """

    shape: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    sizes: tuple[int, ...]


class Engine(Protocol):
    """Convolves padded slabs: valid cross-correlations.

    A tile is a pure function of slab and corr, so that tiles may go to threads, or elsewhere.
    """

    name: str
    device: str
    threads: int  # how many tiles to convolve at once
    methods: tuple[str, ...]

    def compute_dtype(self, out: DType, bound: int) -> DType:
        """Choose the type to compute in.

        Parameters
        ----------
        out : dtype
            Of the output.
        bound : int
            Largest magnitude of an integer sum; 0 if the output is not of integers.
        """

    def plan(self, corr: Correlation, batch: int, sizes: tuple[int, ...]) -> Plan:
        """Choose a method, and the size of a tile, for an output of some images of some sizes."""

    def convolve(self, plan: Plan, slab: Array, corr: Correlation, out: Array) -> None:
        """Convolve.

        Parameters
        ----------
        plan : Plan
        slab : ndarray, shape (batch, channels, spatial...)
        corr : Correlation
        out : ndarray, shape (batch, out channels, spatial...)
            Is filled; of the slab's type.
        """

    def layer(
        self, plan: Plan, corr: Correlation, operation: Operation, part: Part
    ) -> Layer | None:
        """Make all of an operation one layer, where the engine's library has such layers.

        Parameters
        ----------
        plan : Plan
        corr : Correlation
            What was planned for.
        operation : Operation
            Of floats and zero padding; a transposed one crops by its own.
        part : Part
            What the layer is to take.

        Returns
        -------
        Layer or None
            Takes inputs of the part's shape and any type, and adds the bias; its results are of the
            type computed in. None where the work is better done in tiles.
        """

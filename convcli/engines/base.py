"""What an engine is: it convolves padded slabs of the input."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

from convcli.arrays.dtypes import Array, DType
from convcli.engines.correlation import Correlation

Pads = Sequence[tuple[int, int]]  # zeros before and after each spatial axis


class Plan(NamedTuple):
    """How a correlation is computed.

    Attributes
    ----------
    method : str
        Name of the method.
    tile : tuple of int
        Size of a tile: images, groups, outputs of each spatial axis.
    costs : dict
        Estimates in nanoseconds on one core, by method; empty if the engine makes none.
    one_tile_per_block : bool
        A block of several tiles would be slower than several blocks of one tile.
    in_place : bool
        Slabs may be views of the input, whose last axis is contiguous: they are not copied first.
    shared : float
        Estimated nanoseconds of work that threads can share; infinity if the engine makes none.
    """

    method: str
    tile: tuple[int, ...]
    costs: dict[str, float]
    one_tile_per_block: bool = False
    in_place: bool = False
    shared: float = math.inf


class FusedLayer(NamedTuple):
    """A whole layer for one call of a library: zero padding, convolution and bias.

    Attributes
    ----------
    corr : Correlation
        Filter, stride, dilation and groups; of a transposed layer those of the layer itself.
    bias : ndarray or None
        One number for each output channel.
    shape : tuple of int
        Of the input: (batch, channels, spatial...).
    pads : sequence of (int, int)
        Zeros before and after each spatial axis; of a transposed layer, the crop of its output.
    sizes : tuple of int
        Outputs of each spatial axis.
    transposed : bool
    output_padding : tuple of int
        One for each spatial axis.
    """

    corr: Correlation
    bias: Array | None
    shape: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    sizes: tuple[int, ...]
    transposed: bool
    output_padding: tuple[int, ...]


class Engine(ABC):
    """Convolves padded slabs: valid cross-correlations.

    A tile is a pure function of slab and correlation, so that tiles may go to threads or to other
    processes. Engines can be pickled.
    """

    name: str
    device: str
    threads: int  # how many tiles to convolve at once
    methods: tuple[str, ...]

    def threads_for(self, _nanoseconds: float) -> int:
        """Choose how many threads convolve the tiles of work that takes so long on one core."""
        return self.threads

    def warm_up(self) -> None:
        """Import what the first slab would import."""
        return

    @abstractmethod
    def compute_dtype(self, out: DType, bound: int) -> DType:
        """Choose the type to compute in.

        Parameters
        ----------
        out : dtype
            Of the output.
        bound : int
            Largest magnitude of an integer sum; 0 if the output is not of integers.
        """

    def max_dtype(self, x: DType) -> DType:
        """Choose the type to take maxima in: by default that of the input."""
        return x

    @abstractmethod
    def plan(self, corr: Correlation, batch: int, sizes: tuple[int, ...]) -> Plan:
        """Choose a method and the size of a tile.

        Parameters
        ----------
        corr : Correlation
        batch : int
            Number of images.
        sizes : tuple of int
            Outputs of each spatial axis.

        Raises
        ------
        UsageError
            The method asked for does not apply.
        """

    @abstractmethod
    def convolve_slab(
        self, plan: Plan, slab: Array, corr: Correlation, out: Array, zeros: Pads = ()
    ) -> None:
        """Convolve one padded slab.

        Parameters
        ----------
        plan : Plan
        slab : ndarray, shape (batch, channels, spatial...)
        corr : Correlation
        out : ndarray, shape (batch, out channels, spatial...)
            Filled with the result; of the slab's type.
        zeros : sequence of (int, int)
            Of a plan that works in place: zeros to add before and after each spatial axis.
        """

    def fuse(self, _plan: Plan, _layer: FusedLayer) -> Callable[[Array], Array] | None:
        """Prepare a whole layer as one call, if the engine's library has such calls.

        Returns
        -------
        callable or None
            Takes inputs of the layer's shape and of any type; its results have the type of the
            filter. None where tiles are faster.
        """
        return None

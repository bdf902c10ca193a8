"""A network as it was read, and the tensors that can be sent through it."""

from collections.abc import Sequence
from typing import NamedTuple

from convcli.errors import UsageError
from convcli.geometry.network.graph import Graph
from convcli.geometry.network.tensor import Tensor, image


class Network(NamedTuple):
    """A graph, and what its source says of the input.

    Attributes
    ----------
    graph : Graph
    source : str
        What it was read from, for errors.
    n : tuple of int or None
        Size of the input, unless another one is given: one value for each axis, or one for all.
    c : int or None
        Its channels.
    dims : int or None
        How many spatial axes it has.
    axes : int
        The most spatial axes that one of the layers names.
    declared : bool
        Whether the graph declares the shapes of its inputs, as the file of a model does.
    built_in : bool
        Whether it came with the program.
    """

    graph: Graph
    source: str
    n: tuple[int, ...] | None = None
    c: int | None = None
    dims: int | None = None
    axes: int = 1
    declared: bool = False
    built_in: bool = False

    def tensors(self, n: Sequence[int] | None, c: int | None) -> dict[str, Tensor]:
        """Make the inputs: those that the graph declares, or an image of `n` pixels, `c` channels.

        `n` may be None where the graph declares its inputs.
        """
        if c is not None and c < 1:
            raise UsageError(f"input channels {c} must be 1 or more; use -c 1 or more")
        if self.declared:
            from convcli.models import inputs  # noqa: PLC0415  for the files of models only

            return inputs.tensors(self.graph, n, c)
        assert n is not None
        (only,) = self.graph.inputs
        return {only.name: image(n, c)}

"""Networks as graphs: nodes that make tensors of tensors, followed from input to output."""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, NamedTuple

from convcli.errors import ConvcliError, UsageError
from convcli.geometry.network.layer import Costs, Layer, Step
from convcli.geometry.network.operation import Operation
from convcli.geometry.network.receptive_field import Field
from convcli.geometry.network.tensor import Tensor
from convcli.geometry.window.axis import Axis


class Node(NamedTuple):
    """An operation in a network.

    `inputs` and `outputs` are names of tensors: of the graph's inputs, or those that other nodes
    make. `op` is the word that the file has for it, and `where` its place there, for errors. `text`
    is how a text has a node without a window. `is_named` is False for a name that no file has.
    `remedies` writes keys such as ``p=1`` at the end of an error as that text has them.
    """

    name: str
    op: str
    operation: Operation
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    where: str = ""
    text: str = ""
    is_named: bool = True
    remedies: Callable[[str], str] = str


class Input(NamedTuple):
    """An input of a network as its file declares it.

    `shape` has a name for each axis that is symbolic, and None for one that is not known.
    """

    name: str
    shape: tuple[int | str | None, ...] | None = None
    channel_axis: int = 1
    itemsize: int = 4


class Graph(NamedTuple):
    """A network: its inputs, its nodes in an order in which they can run, and its outputs.

    The first of the inputs is the image that receptive fields are about.
    """

    name: str
    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]


class NodeStep(NamedTuple):
    """A node applied to what comes before it.

    `inputs` and `outputs` are the tensors that it reads and makes, `sources` the names of the
    nodes, or of the graph's inputs, that made what it reads. `window` is its layer, applied, for an
    operation that has one. For `costs`, `marks` and `notes` see `operation.Applied`.
    """

    node: Node
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    sources: tuple[str, ...]
    window: Step | None
    costs: Costs | None
    marks: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def layer(self) -> Layer | None:
        """The layer of an operation with a window."""
        return None if self.window is None else self.window.layer

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The window on each axis, of an operation that has one."""
        return () if self.window is None else self.window.axes

    @property
    def kind(self) -> str:
        """The kind of layer; of an operation without a window, the file's word for it."""
        return self.node.op if self.window is None else self.window.kind

    @property
    def name(self) -> str:
        """The name of the node."""
        return self.node.name

    @property
    def dims(self) -> int:
        """The number of spatial axes of the network's input; 0 of what does not depend on it."""
        return len(self.outputs[0].tracks)

    @property
    def label(self) -> str:
        """The name of the node; empty where it was made up."""
        return self.node.name if self.node.is_named else ""

    @property
    def n(self) -> tuple[int, ...]:
        """Sizes of the spatial axes of the first input."""
        if self._apart is not None:
            return tuple([axis.n for axis in self._apart.axes])
        return self.inputs[0].spatial if self.inputs else ()

    @property
    def out(self) -> tuple[int, ...]:
        """Sizes of the spatial axes of the output."""
        if self._apart is not None:
            return self._apart.out
        return self.outputs[0].spatial

    @property
    def c_in(self) -> int | None:
        """Channels of the first input."""
        if self.window is not None:
            return self.window.c_in
        return self.inputs[0].channels if self.inputs else None

    @property
    def c_out(self) -> int | None:
        """Channels of the output."""
        return self._apart.c_out if self._apart is not None else self.outputs[0].channels

    @property
    def _apart(self) -> Step | None:
        """Its layer, where that does not read the image: its tensors do not say what is spatial."""
        return None if self.dims else self.window

    @property
    def params(self) -> int | None:
        """Trainable parameters."""
        return None if self.costs is None else self.costs.params

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates."""
        return None if self.costs is None else self.costs.macs

    @property
    def flops(self) -> int | None:
        """Floating-point operations: 2·MACs and the additions of biases."""
        return None if self.costs is None else self.costs.flops

    @property
    def fields(self) -> tuple[Field, ...]:
        """What an output depends on in the network's input, for each of the input's axes."""
        return self.outputs[0].fields

    @property
    def spans(self) -> tuple[tuple[int, int] | Literal["whole"] | None, ...]:
        """The input pixels that output 0 depends on, for each axis, not cut at the borders.

        None where it depends on none.
        """
        tracks = self.outputs[0].tracks
        return tuple(["whole" if track.covers_all else track.reach.at(0) for track in tracks])


def follow(graph: Graph, tensors: Mapping[str, Tensor]) -> Iterator[NodeStep]:
    """Send tensors through a network.

    Parameters
    ----------
    graph : Graph
    tensors : mapping
        A tensor for each of the graph's inputs, by name.

    Yields
    ------
    NodeStep
        One for each node.

    Raises
    ------
    UsageError, DoesNotFit
        A node cannot be applied to its inputs, or they are not there; the text starts with the
        node's `where`.
    """
    made = dict(tensors)
    maker = {name: name for name in made}
    for node in graph.nodes:
        missing = [name for name in node.inputs if name not in made]
        if missing:
            raise UsageError(_missing(graph, node, missing[0]))
        inputs = tuple([made[name] for name in node.inputs])
        try:
            applied = node.operation.apply(inputs)
        except ConvcliError as error:
            raise _in_place(node, error) from None
        for name, output in zip(node.outputs, applied.outputs, strict=False):
            made[name] = output
            maker[name] = node.name
        sources = tuple([maker[name] for name in node.inputs])
        yield NodeStep(node, inputs, applied.outputs, sources, *applied[1:])


def _in_place(node: Node, error: ConvcliError) -> ConvcliError:
    """Put the place of a node before an error, and write options as its text has them."""
    if not node.where:
        return error
    text = str(error).replace("--output-padding ", "op=").replace("--output-padding", "op")
    text = text.replace("--ceil", "ceil")
    for key in "fspdgc":
        text = text.replace(f"-{key} ", f"{key}=")
    return type(error)(f"{node.where}: {node.remedies(text)}")


def _missing(graph: Graph, node: Node, name: str) -> str:
    where = node.where or f"{graph.name}: {node.op} {node.name}"
    if any(name in other.outputs for other in graph.nodes):
        return f"{where} reads {name!r}, which a later node makes: the nodes form a cycle"
    return f"{where} reads {name!r}, which no node makes; name one of the nodes before it"

"""Reads the graph of an ONNX file into a graph of geometry."""

from collections import Counter, deque
from collections.abc import Iterator
from math import prod
from typing import Any

from convcli.errors import ConvcliError
from convcli.geometry.network.graph import Graph, Input, Node
from convcli.geometry.network.tensor import Tensor
from convcli.models.from_onnx.file import STANDARD, Dynamic, OnnxFile
from convcli.models.from_onnx.followed import DATA, Followed, Slot
from convcli.models.from_onnx.types import itemsize
from convcli.models.layout import image_first, with_channel_axis
from convcli.models.operators.facts import Facts
from convcli.models.operators.table import FOLLOWED

_MOST_NODES = 100_000
_SMALL = 1024  # numbers of a constant that is read ahead

# Domains whose operators have the names of standard ones.
_DOMAINS = (*STANDARD, "com.microsoft")

# Which inputs of a node hold its parameters; of all others, every constant of floats does.
_PARAMETERS = {
    "BatchNormalization": (1, 2),
    "QLinearConv": (3, 8),
    "QLinearMatMul": (3,),
    "QGemm": (3, 6),
    **dict.fromkeys(("QLinearAdd", "QLinearMul"), (0, 3)),
    **dict.fromkeys(("QLinearGlobalAveragePool", "QLinearLeakyRelu", "QLinearSigmoid"), ()),
    **dict.fromkeys(
        ("Resize", "Upsample", "Pad", "Clip", "QuantizeLinear", "DequantizeLinear", "Dropout"), ()
    ),
}


def read(path: str) -> Graph:
    """Read a network; its weights stay in the file.

    Parameters
    ----------
    path : str

    Raises
    ------
    ConvcliError
        It is not ONNX, is damaged, or its nodes form a cycle.
    OSError
    """
    return _Reader(OnnxFile(path)).read()


class _Reader:
    def __init__(self, file: OnnxFile) -> None:
        self._file = file
        self._counted: set[str] = set()  # tensors whose parameters were counted
        self._initializers = {tensor.name for tensor in file.graph.initializer}
        self._constants: dict[str, Tensor | None] = {}
        graph = file.graph
        if len(graph.node) > _MOST_NODES:
            raise ConvcliError(
                f"{file.path!r} has {len(graph.node)} nodes, more than {_MOST_NODES}; "
                f"use a smaller network"
            )
        self._sparse = {each.values.name: tuple(each.dims) for each in graph.sparse_initializer}
        self._names = Counter(node.name for node in graph.node)

    def read(self) -> Graph:
        file, graph = self._file, self._file.graph
        values = [each for each in graph.input if self._constant(each.name) is None]
        nodes = [node for node in graph.node if not self._is_constant(node)]
        nodes = _in_order(file, nodes)
        inputs = image_first(
            Input(
                value.name,
                file.declared(value),
                itemsize=itemsize(value.type.tensor_type.elem_type),
            )
            for value in values
        )
        outputs = tuple(each.name for each in graph.output)
        return with_channel_axis(Graph(file.path, inputs, tuple(self._nodes(nodes)), outputs))

    def _nodes(self, nodes: list[Any]) -> Iterator[Node]:
        file = self._file
        reads: dict[str, list[str]] = {}  # what reads each tensor, by what it makes
        for node in nodes:
            # Protobuf gives bytes for a string that is not UTF-8.
            if any(
                isinstance(s, bytes) for s in (node.op_type, node.name, *node.input, *node.output)
            ):
                raise ConvcliError(
                    f"{file.path!r} has a name that is not UTF-8 text; export the model again"
                )
            for name in node.input:
                reads.setdefault(name, []).extend(node.output)

        for node in nodes:
            inputs = [*node.input, *_captured(node)]
            name = node.name if node.name and self._names[node.name] == 1 else ""
            name = name or next(filter(None, node.output), node.op_type)
            known = node.domain in _DOMAINS and not _captured(node)
            facts = Facts(
                node.op_type,
                file.attributes(node),
                file.opset,
                max(len(node.output), 1),
                repr(f"{file.path}::{name}"),
            )
            operation = Followed(
                facts,
                FOLLOWED.get(node.op_type) if known else None,
                tuple(self._slot(each) for each in inputs),
                self._parameters(node),
                file,
                node,
                reads,
            )
            data = tuple(each for each in inputs if each and self._constant(each) is None)
            where = f"{file.path!r}, node {name} ({node.op_type})"
            yield Node(name, node.op_type, operation, data, tuple(node.output), where)

    def _slot(self, name: str) -> Slot:
        if not name:
            return None
        return self._constant(name) or DATA

    def _constant(self, name: str) -> Tensor | None:
        """Return what is stored in the file under a name; None if nothing is."""
        if name not in self._constants:
            self._constants[name] = self._read_constant(name)
        return self._constants[name]

    def _read_constant(self, name: str) -> Tensor | None:
        if name in self._sparse:
            return Tensor(self._sparse[name])
        try:
            tensor, _ = self._file.stored(name)
        except Dynamic:
            return None
        shape = self._file.shape(name)
        if min(shape, default=0) < 0:
            raise ConvcliError(
                f"{self._file.path!r}: tensor {name!r} has a size below 0; export the model again"
            )
        value = None
        if prod(shape) <= _SMALL and tensor.data_location == 0:
            value = self._file.computed(name)
        return Tensor(shape, (), itemsize(tensor.data_type), value)

    def _is_constant(self, node: Any) -> bool:
        return len(node.output) > 0 and all(
            self._constant(name) is not None for name in node.output if name
        )

    def _parameters(self, node: Any) -> int:
        """Count the parameters of a node that no node before it has.

        What joins constants makes a shape or a scale: of those only initializers count.
        """
        joins_constants = node.op_type == "Concat" and all(map(self._constant, node.input))
        places = _PARAMETERS.get(node.op_type, range(len(node.input)))
        count = 0
        for place in places:
            name = node.input[place] if place < len(node.input) else ""
            constant = self._constant(name) if name else None
            if constant is None or name in self._counted:
                continue
            if joins_constants and name not in self._initializers:
                continue
            size = prod(n or 0 for n in constant.shape)
            # Single numbers that are computed with, such as an epsilon, are no initializers.
            is_tensor = size > 1 or (name in self._initializers and len(constant.shape) > 0)
            if is_tensor and self._is_weight(name, node.op_type):
                self._counted.add(name)
                count += size
        return count

    def _is_weight(self, name: str, op: str) -> bool:
        """Whether a constant holds floats, or integers that stand for some."""
        if name in self._sparse or op.startswith("QLinear") or op in ("QGemm", "ConvInteger"):
            return True
        tensor, chain = self._file.stored(name)
        floats = tensor.data_type in _FLOATS
        return floats or any(node.op_type == "DequantizeLinear" for node in chain)


_FLOATS = (1, 10, 11, 16)  # float32, float16, float64, bfloat16


def _captured(node: Any) -> list[str]:
    """Name what the bodies of a node read, which is what they read of the graph around them."""
    bodies = _bodies(node)
    if not bodies:
        return []
    names: dict[str, None] = {}
    made: set[str] = set()
    while bodies:
        body = bodies.pop()
        made.update(value.name for value in (*body.input, *body.initializer))
        for inner in body.node:
            names.update(dict.fromkeys(inner.input))
            made.update(inner.output)
            bodies += _bodies(inner)
    return [name for name in names if name and name not in made]


def _bodies(node: Any) -> list[Any]:
    found = []
    for attribute in node.attribute:
        if attribute.type in _GRAPHS:
            found += [*attribute.graphs] if attribute.graphs else [attribute.g]
    return found


_GRAPHS = (5, 10)  # AttributeProto.AttributeType


def _in_order(file: OnnxFile, nodes: list[Any]) -> list[Any]:
    """Sort nodes so that each comes after those that make what it reads.

    Raises
    ------
    ConvcliError
        They form a cycle.
    """
    maker = {name: i for i, node in enumerate(nodes) for name in node.output if name}
    waits = [
        {maker[name] for name in (*node.input, *_captured(node)) if name in maker} for node in nodes
    ]
    if all(max(before, default=-1) < i for i, before in enumerate(waits)):
        return nodes
    after: dict[int, list[int]] = {}
    for i, before in enumerate(waits):
        for other in before:
            after.setdefault(other, []).append(i)
    count = [len(before) for before in waits]
    ready = deque(i for i, n in enumerate(count) if not n)
    order = []
    while ready:
        i = ready.popleft()
        order.append(nodes[i])
        for j in after.get(i, ()):
            count[j] -= 1
            if not count[j]:
                ready.append(j)
    if len(order) < len(nodes):
        stuck = next(i for i, n in enumerate(count) if n)
        raise ConvcliError(
            f"{file.name_of(nodes[stuck])} reads what depends on what it makes itself: the nodes "
            f"form a cycle; export the model again"
        )
    return order

"""Reads the graph of a PyTorch export into a graph of geometry."""

import operator
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from convcli.errors import ConvcliError, DoesNotFit
from convcli.geometry.network.graph import Graph, Input, Node
from convcli.geometry.network.operation import Applied
from convcli.geometry.network.tensor import Tensor
from convcli.models.from_export.file import Pt2File, itemsize, operator_of, reporting_damage
from convcli.models.from_export.operators import OPERATORS
from convcli.models.layout import image_first, with_channel_axis
from convcli.models.operators.facts import Unknown, not_followed, refusing_damage

_MOST_NODES = 100_000
_SYMBOLS: dict[str, Callable[..., int]] = {
    "_operator.neg": operator.neg,
    "_operator.add": operator.add,
    "_operator.sub": operator.sub,
    "_operator.mul": operator.mul,
    "_operator.floordiv": operator.floordiv,
    "_operator.mod": operator.mod,
}


def read(path: str) -> Graph:
    """Read a network; its weights stay in the file.

    Raises
    ------
    ConvcliError
        It is not an export of PyTorch, or is damaged.
    OSError
    """
    file = Pt2File(path)
    with reporting_damage(repr(path)):
        return with_channel_axis(_Reader(file).read())


class _Reader:
    def __init__(self, file: Pt2File) -> None:
        self._file = file
        self._values = file.graph["tensor_values"]
        self._counted: set[str] = set()
        if len(file.graph["nodes"]) > _MOST_NODES:
            raise ConvcliError(
                f"{file.path!r} has more than {_MOST_NODES} nodes; use a smaller network"
            )

    def read(self) -> Graph:
        file = self._file
        names = [each["as_tensor"]["name"] for each in file.graph["inputs"] if "as_tensor" in each]
        inputs = image_first(self._input(name) for name in names if name not in file.parameters)
        outputs = tuple(
            each["as_tensor"]["name"] for each in file.graph["outputs"] if "as_tensor" in each
        )
        return Graph(file.path, inputs, tuple(self._nodes()), outputs)

    def _input(self, name: str) -> Input:
        meta = self._values[name]
        return Input(
            name,
            tuple([_size_or_symbol(size) for size in meta["sizes"]]),
            itemsize=itemsize(meta["dtype"]),
        )

    def _nodes(self) -> Iterator[Node]:
        file = self._file
        nodes = file.graph["nodes"]
        modules = Counter(map(_module, nodes))
        for node in nodes:
            outputs = tuple(_outputs(node))
            word = operator_of(node)
            module = _module(node)
            name = module if module and modules[module] == 1 else outputs[0] if outputs else word
            args = {each["name"]: _argument(each["arg"]) for each in node["inputs"]}
            read = tuple(_names(list(args.values())))
            constants = {each: self._tensor(each) for each in read if each in file.parameters}
            data = tuple(each for each in dict.fromkeys(read) if each not in constants)
            operation = Exported(
                word,
                args,
                constants,
                data,
                tuple(self._declared(each) for each in outputs),
                {each: self._declared(each) for each in data},
                sum(self._count(each) for each in constants),
            )
            where = f"{file.path!r}, node {name} ({word})"
            yield Node(name, word, operation, data, outputs, where)

    def _tensor(self, name: str) -> Tensor:
        meta = self._values[name]
        sizes = tuple(int(size["as_int"]) for size in meta["sizes"])
        if min(sizes, default=0) < 0:
            raise ValueError(f"{name} has a size below 0")
        return Tensor(sizes, (), itemsize(meta["dtype"]))

    def _declared(self, name: str) -> tuple[int, ...] | None:
        """Return the sizes that the file has for a value; None where they are symbols."""
        sizes = [_size_or_symbol(n) for n in self._values.get(name, {"sizes": [{}]})["sizes"]]
        known = [n for n in sizes if isinstance(n, int)]
        return tuple(known) if len(known) == len(sizes) else None

    def _count(self, name: str) -> int:
        """Count the parameters of a tensor that no node before has."""
        if name in self._counted or name not in self._file.trained:
            return 0
        self._counted.add(name)
        return prod(n or 0 for n in self._tensor(name).shape)


class Name(str):
    """The name of a value among the arguments of a node."""

    __slots__ = ()


class Exported(NamedTuple):
    """A node of an export; parameters among its arguments are bound to it."""

    word: str
    args: Mapping[str, Any]
    constants: Mapping[str, Tensor]
    data: tuple[str, ...]
    declared: tuple[tuple[int, ...] | None, ...]
    declared_inputs: Mapping[str, tuple[int, ...] | None]
    params: int

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        """Make the outputs, see `Applied`."""
        values = dict(self.constants) | dict(zip(self.data, inputs, strict=True))
        try:
            with refusing_damage():
                applied = self._follow(values)
        except Unknown as why:
            return self._opaque(values, str(why))
        if applied.costs is not None:
            applied = applied._replace(costs=applied.costs._replace(params=self.params))
        return applied

    def _follow(self, values: Mapping[str, Tensor]) -> Applied:
        args = {name: _filled(value, values) for name, value in self.args.items()}
        if self.word in _SYMBOLS:
            value = np.array(_SYMBOLS[self.word](*args.values()), np.int64)
            return Applied((Tensor((), (), 8, value),))
        word = self.word.removesuffix("_") if self.word.rstrip("_") in OPERATORS else self.word
        if word not in OPERATORS:
            raise Unknown("an operator that is not followed")
        return OPERATORS[word](args | {"op": word})

    def _opaque(self, values: Mapping[str, Tensor], why: str) -> Applied:
        """Go on with the sizes that the file has, as if all were read."""
        same = all(
            self.declared_inputs[name] == values[name].shape
            for name in self.data
            if values[name].tracks
        )
        shapes = tuple([shape for shape in self.declared if shape is not None])
        if not same or len(shapes) < len(self.declared):
            raise DoesNotFit(
                f"{why}, and the file has its size for the exported input only; leave out -n, or "
                f"export the model without dynamic sizes"
            )
        made = not_followed(self.word, why, shapes, list(values.values()), self.params)
        return made if self.data else made._replace(notes=())  # weights computed from others


def _module(node: Any) -> str:
    """Name the innermost module that a node is part of."""
    stack = str(node["metadata"].get("nn_module_stack", "")).split(";")
    parts = stack[-1].split(",")
    return parts[1] if len(parts) > 1 else ""


def _outputs(node: Any) -> Iterator[str]:
    for output in node["outputs"]:
        for kind, value in output.items():
            if kind == "as_tensors":
                yield from (each["name"] for each in value)
            elif kind == "as_tensor":
                yield value["name"]
            elif kind.startswith("as_sym"):
                yield value["as_name"]
            else:
                yield ""


def _argument(arg: Mapping[str, Any]) -> Any:
    """Read an argument; names of values become `Name`."""
    ((kind, value),) = arg.items()
    if kind == "as_tensor":
        return Name(value["name"])
    if kind == "as_tensors":
        return [Name(each["name"]) for each in value]
    if kind == "as_optional_tensors":
        return [_argument(each) for each in value]
    if kind in ("as_sym_int", "as_sym_float", "as_sym_bool"):
        return Name(value["as_name"]) if "as_name" in value else next(iter(value.values()))
    if kind == "as_sym_ints":
        return [Name(each["as_name"]) if "as_name" in each else each["as_int"] for each in value]
    return None if kind == "as_none" else value


def _names(values: Sequence[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, Name):
            yield str(value)
        elif isinstance(value, list):
            yield from (str(each) for each in value if isinstance(each, Name))


def _filled(value: Any, values: Mapping[str, Tensor]) -> Any:
    """Put tensors, or the integers that they are known to hold, for names."""
    if isinstance(value, list):
        return [_filled(each, values) for each in value]
    if not isinstance(value, Name):
        return value
    found = values[value]
    known = isinstance(found.value, np.ndarray) and found.value.shape == ()
    return int(found.value) if known else found  # type: ignore[call-overload]


def _size_or_symbol(size: Mapping[str, Any]) -> int | str | None:
    if "as_int" in size:
        return int(size["as_int"])
    if "as_expr" not in size:
        return None
    return re.sub(r"Symbol\('(\w+)'[^)]*\)", r"\1", str(size["as_expr"]["expr_str"]))

"""A node of an ONNX graph as an operation: followed, or named in a note with what it hides."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from convcli.geometry.network.layer import Costs
from convcli.geometry.network.operation import Applied
from convcli.geometry.network.tensor import Tensor
from convcli.models.from_onnx.file import OnnxFile
from convcli.models.operators.facts import Facts, Follow, Unknown, not_followed, refusing_damage
from convcli.models.operators.values import fold

DATA: Final = "data"  # an input of a node that is not stored in the file
Slot = Tensor | str | None  # a constant, `DATA`, or left out

_LOST = "lost"  # the value of a tensor whose sizes are not known
_KNOWN = ("Shape", "Size")  # of which the output is known, whatever the input is
_BODIES = ("If", "Loop", "Scan")


class Followed(NamedTuple):
    """A node; constants among its inputs are bound to it.

    Attributes
    ----------
    facts : Facts
    follow : callable or None
        None for an operator that is not followed.
    slots : tuple
        What each input is.
    params : int
    file : OnnxFile
    node : NodeProto
    reads : mapping
        The tensors that nodes make of each tensor.
    """

    facts: Facts
    follow: Follow | None
    slots: tuple[Slot, ...]
    params: int
    file: OnnxFile
    node: Any
    reads: Mapping[str, list[str]]

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        """Make the outputs, see `Applied`."""
        rest = iter(inputs)
        given = [next(rest) if isinstance(slot, str) else slot for slot in self.slots]
        if any(x is not None and x.value == _LOST for x in inputs if isinstance(x.value, str)):
            return self._lost(())
        ahead = self._ahead(given)
        if ahead is not None:
            return ahead
        try:
            if self.follow is None:
                bodies = "whose bodies are" if self.facts.op in _BODIES else "an operator that is"
                raise Unknown(f"{bodies} not followed")
            with refusing_damage():
                applied = self.follow(self.facts, *given)
                outputs = applied.outputs  # None if an operator's first input is left out
                if any(x.value is not None for x in outputs) and self.facts.op not in _KNOWN:
                    cleared = tuple([x._replace(value=None) for x in outputs])
                    applied = applied._replace(outputs=cleared)
        except Unknown as why:
            return self._opaque(given, str(why))
        if applied.costs is not None:
            applied = applied._replace(costs=applied.costs._replace(params=self.params))
        return applied

    def _ahead(self, given: Sequence[Tensor | None]) -> Applied | None:
        """Compute a small output of inputs that are known ahead."""
        values = [x and x.value for x in given]
        if not all(x is None or isinstance(x.value, np.ndarray) for x in given):
            return None
        value = fold(self.facts.op, self.facts.attrs, values)
        if value is None:
            return None
        made = Tensor(value.shape, (), value.dtype.itemsize, value)
        return Applied((made,), costs=Costs(self.params, 0, 0))

    def _opaque(self, given: Sequence[Tensor | None], why: str) -> Applied:
        """Go on with the sizes that the file or the library has, as if all were read."""
        facts = self.facts
        shapes = self._declared(given) or self._inferred(given)
        if shapes is None:
            after = _count_after(self.reads, self.node.output)
            hides = f"it and {_nodes(after)} after it are left out" if after else "it is left out"
            return self._lost((f"{facts.op}: {why}; {hides}",))
        found = [x for x in given if x is not None]
        return not_followed(facts.op, why, shapes, found, self.params)

    def _lost(self, notes: tuple[str, ...]) -> Applied:
        lost = Tensor((None, None), (), 4, _LOST)
        return Applied((lost,) * self.facts.outputs, costs=None, notes=notes)

    def _declared(self, given: Sequence[Tensor | None]) -> tuple[tuple[int, ...], ...] | None:
        """Return the sizes of the file, where it has them for inputs of these sizes."""
        file = self.file
        for x, name in zip(given, self.node.input, strict=False):
            if x is not None and x.tracks and file.static_shape(name) != x.shape:
                return None
        shapes = [file.static_shape(name) for name in self.node.output]
        return tuple(s for s in shapes if s is not None) if shapes and all(shapes) else None

    def _inferred(self, given: Sequence[Tensor | None]) -> tuple[tuple[int, ...], ...] | None:
        """Return the sizes that the library infers for this node by itself."""
        from convcli.models.from_onnx.inference import infer  # noqa: PLC0415  seldom needed

        return infer(self.node, self.facts.opset, given)


def _nodes(count: int) -> str:
    return "the node" if count == 1 else f"the {count} nodes"


def _count_after(reads: Mapping[str, list[str]], outputs: Sequence[str]) -> int:
    """Count the tensors that depend on some."""
    seen: set[str] = set()
    todo = list(outputs)
    while todo:
        for name in reads.get(todo.pop(), ()):
            if name not in seen:
                seen.add(name)
                todo.append(name)
    return len(seen)

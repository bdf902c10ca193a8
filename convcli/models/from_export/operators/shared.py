"""What the functions for PyTorch's operators share: their arguments, and ONNX's operators."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from convcli.geometry.network.operation import Applied
from convcli.geometry.network.operations.rearrange import Transposed
from convcli.geometry.network.tensor import Tensor
from convcli.models.operators.attributes import Known
from convcli.models.operators.facts import Facts, Unknown, rank
from convcli.models.operators.table import FOLLOWED

Args = Any  # a dictionary, by the names of arguments: tensors, numbers, text, lists
Operator = Callable[[Any], Applied]
_OPSET = 18


def onnx(op: str, *inputs: Tensor | None, outputs: int = 1, **attrs: Any) -> Applied:
    """Follow an ONNX operator."""
    known = Known({name: value for name, value in attrs.items() if value is not None})
    return FOLLOWED[op](Facts(op, known, _OPSET, outputs, ""), *inputs)


def constant(values: Iterable[Any], kind: type = np.int64) -> Tensor:
    """Make a tensor that is known ahead."""
    value: Any = np.array(list(values), kind)
    return Tensor(value.shape, (), 8, value)


def each_axis(given: Any, dims: int) -> list[int]:
    """Return a value for each axis: PyTorch has one number, or a list of one, for all."""
    values: list[int] = [given] if isinstance(given, int) else list(given)
    return values * dims if len(values) == 1 else values


def first(a: Args) -> Tensor:
    """Return the tensor that an operator is applied to."""
    x = a.get("self", a.get("input"))
    if not isinstance(x, Tensor):
        raise Unknown("it has no input")
    return x


def turned(x: Tensor) -> Tensor:
    """Swap the last two axes."""
    order = list(range(rank(x)))
    order[-1], order[-2] = order[-2], order[-1]
    return Transposed(tuple(order)).apply((x,)).outputs[0]

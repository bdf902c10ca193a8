"""The attributes of an ONNX node, checked to be of the type that is asked for."""

import math
from typing import Any

import numpy as np

from convcli.errors import ConvcliError

EXTERNAL = 1  # TensorProto.DataLocation

# By the numbers of AttributeProto.AttributeType.
_NAMES = {2: "an integer", 3: "text", 4: "a tensor", 6: "floats", 7: "integers"}


class NodeAttributes:
    """Attributes of one node of a file, see `operators.attributes.Attributes`."""

    def __init__(self, called: str, node: Any) -> None:
        """Take a node, and what errors call it."""
        self._called = called
        self._by_name = {attribute.name: attribute for attribute in node.attribute}

    def __contains__(self, name: str) -> bool:
        """Whether there is such an attribute."""
        return name in self._by_name

    def _get(self, name: str, kind: int) -> Any:
        attribute = self._by_name.get(name)
        if attribute is not None and attribute.type != kind:
            raise ConvcliError(
                f"{self._called}: attribute {name} is not {_NAMES[kind]}; export the model again"
            )
        return attribute

    def integer(self, name: str, default: int) -> int:
        """Return an integer."""
        found = self._get(name, 2)
        return default if found is None else int(found.i)

    def integers(self, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Return integers."""
        found = self._get(name, 7)
        return default if found is None else tuple(found.ints)

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return floats; none by default."""
        found = self._get(name, 6)
        return () if found is None else tuple(found.floats)

    def text(self, name: str, default: str) -> str:
        """Return text."""
        found = self._get(name, 3)
        return default if found is None else found.s.decode("utf-8", "replace")

    def first_of_tensor(self, name: str, default: float) -> Any:
        """Return the first number of a small tensor, of its own type."""
        found = self._get(name, 4)
        if found is None:
            return np.float32(default)
        from onnx import numpy_helper  # noqa: PLC0415  it is there: the model has been read

        if found.t.data_location == EXTERNAL or math.prod(found.t.dims) != 1:
            raise ValueError(name)
        return numpy_helper.to_array(found.t).ravel()[0]

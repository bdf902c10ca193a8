"""The attributes of an ONNX node, each of the type that is asked for."""

from typing import Any

from convcli.errors import ConvcliError

_NAMES = {1: "a float", 2: "an integer", 3: "text", 6: "floats", 7: "integers"}


class Attributes:
    """Attributes of one node by name; one that is missing has the default."""

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

    def number(self, name: str, default: float) -> float:
        """Return a float."""
        found = self._get(name, 1)
        return default if found is None else float(found.f)

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return floats; none by default."""
        found = self._get(name, 6)
        return () if found is None else tuple(found.floats)

    def text(self, name: str, default: str) -> str:
        """Return text."""
        found = self._get(name, 3)
        return default if found is None else found.s.decode("utf-8", "replace")

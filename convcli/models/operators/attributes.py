"""The attributes of an operator, each of the type that is asked for."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np


class Attributes(Protocol):
    """Attributes by name; one that is missing has the default."""

    def __contains__(self, name: str, /) -> bool:
        """Whether there is such an attribute."""
        ...

    def integer(self, name: str, default: int) -> int:
        """Return an integer."""
        ...

    def integers(self, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Return integers."""
        ...

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return floats; none by default."""
        ...

    def text(self, name: str, default: str) -> str:
        """Return text."""
        ...

    def first_of_tensor(self, name: str, default: float) -> Any:
        """Return the first number of a small tensor, of its own type."""
        ...


class Known:
    """Attributes that no file holds, as values of the right types; see `Attributes`."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        """Whether there is such an attribute."""
        return name in self._values

    def integer(self, name: str, default: int) -> int:
        """Return an integer."""
        return int(self._values.get(name, default))

    def integers(self, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Return integers."""
        return tuple(self._values.get(name, default))

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return floats; none by default."""
        return tuple(self._values.get(name, ()))

    def text(self, name: str, default: str) -> str:
        """Return text."""
        return str(self._values.get(name, default))

    def first_of_tensor(self, name: str, default: float) -> Any:
        """Return the first number of an array, of its own type."""
        return np.ravel(self._values.get(name, np.float32(default)))[0]

"""Sweeps: the many values that one option can stand for, generated and never stored."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from math import prod
from typing import Any, Generic, Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Choices(Protocol):
    """The values of one axis: they can be iterated again and again, and counted."""

    def __iter__(self) -> Iterator[Any]: ...
    def __len__(self) -> int: ...


class Pairs:
    """Padding (before, after) of which both sides grow together, such as 1:2, 2:3, 3:4."""

    def __init__(self, before: range, after: range) -> None:
        self.before, self.after = before, after

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self.before, self.after, strict=True)

    def __len__(self) -> int:
        return len(self.before)


class Sweep(Generic[T_co]):
    """The cases of an option, in order; each iteration generates them again."""

    def __init__(self, cases: Sequence[str | tuple[Choices, ...]]) -> None:
        """Store for each case a word, or a tuple with the choices for each axis."""
        self.cases = cases

    def __iter__(self) -> Iterator[T_co]:
        for case in self.cases:
            values: Iterable[Any] = (case,) if isinstance(case, str) else lazy_product(*case)
            yield from values

    @property
    def size(self) -> int:
        """The number of cases; `len` could not return more than 2^63."""
        return sum(1 if isinstance(case, str) else prod(map(len, case)) for case in self.cases)

    @property
    def axes(self) -> int:
        """The largest number of axes that one of its cases names."""
        return max(1 if isinstance(case, str) else len(case) for case in self.cases)


def lazy_product(*choices: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield what `itertools.product` yields, without storing the choices, which may be a million.

    The last choice varies fastest. Most options of a command have a single value: those keep
    their place in the row, and only the others are iterated, one inside the other.

    >>> list(lazy_product([1, 2], "-", "ab"))
    [(1, '-', 'a'), (1, '-', 'b'), (2, '-', 'a'), (2, '-', 'b')]
    """
    row = [next(iter(choice)) for choice in choices]
    swept = [place for place, choice in enumerate(choices) if has_many(choice)]

    def vary(places: list[int]) -> Iterator[tuple[Any, ...]]:
        if not places:
            yield tuple(row)
            return
        place, *inner = places
        for value in choices[place]:
            row[place] = value
            yield from vary(inner)

    return vary(swept)


def has_many(choice: Iterable[Any]) -> bool:
    """Whether there is more than one value."""
    return len(list(islice(choice, 2))) > 1

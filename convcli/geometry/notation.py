"""The one text notation, both ways: what a user types, and what `shape` prints for the next one.

``x`` joins axes, ``,`` (or white space) joins cases, ``a..b..step`` is a range of cases,
``begin:end`` is padding that differs on the two sides.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from math import prod
from typing import Any, Generic, Protocol, TypeVar, cast

from convcli.errors import UsageError
from convcli.geometry.axis import AXIS_NAMES, PADDING_WORDS, PaddingWord
from convcli.geometry.inverse import Answer

T = TypeVar("T")

Sizes = tuple[int, ...]
Padding = PaddingWord | tuple[tuple[int, int], ...]

_NUMBER = re.compile(r"[+-]?[0-9]+")
_DIGITS = 18
_SEPARATOR = re.compile(r"\s*,\s*|\s+")


class Choices(Protocol):
    """What can be iterated afresh each time, and counted."""

    def __iter__(self) -> Iterator[Any]: ...
    def __len__(self) -> int: ...


class Sweep(Generic[T]):
    """The cases an option stands for: iterated afresh each time, never held."""

    def __init__(self, choices: Sequence[str | tuple[Choices, ...]]) -> None:
        """Take for each case a word, or a tuple with the choices for each axis."""
        self.choices = choices

    def __iter__(self) -> Iterator[T]:
        for case in self.choices:
            yield from cast(
                "Iterable[T]", (case,) if isinstance(case, str) else lazy_product(*case)
            )

    def __len__(self) -> int:
        return sum(1 if isinstance(c, str) else prod(map(len, c)) for c in self.choices)

    @property
    def axes(self) -> int:
        """How many axes its cases name at most."""
        return max(1 if isinstance(case, str) else len(case) for case in self.choices)


class _BothSides:
    """The same padding before and after, for each amount of a range."""

    def __init__(self, amounts: range) -> None:
        self.amounts = amounts

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return ((amount, amount) for amount in self.amounts)

    def __len__(self) -> int:
        return len(self.amounts)


def lazy_product(*choices: Choices) -> Iterator[tuple[Any, ...]]:
    """Yield what `itertools.product` does without holding the choices, which may be a million."""
    swept = [i for i, choice in enumerate(choices) if len(choice) > 1]
    row = [next(iter(choice)) for choice in choices]

    def fill(level: int) -> Iterator[tuple[Any, ...]]:
        if level == len(swept):
            yield tuple(row)
            return
        for row[swept[level]] in choices[swept[level]]:  # noqa: B020  the place is what varies
            yield from fill(level + 1)

    return fill(0)


def parse_sizes(option: str, text: str) -> Sweep[Sizes]:
    """Read sizes such as ``8``, ``8x6``, ``32,64`` or ``8..64..8``."""
    return Sweep(
        tuple(
            tuple(_parse_range(option, text, axis) for axis in case.split("x"))
            for case in _split_cases(option, text)
        )
    )


def parse_padding(option: str, text: str) -> Sweep[Padding]:
    """Read padding such as ``1``, ``2x1``, ``0:1``, ``0:1x1:0``, ``0..3`` or ``same``."""
    return Sweep(tuple(_parse_padding_case(option, text, c) for c in _split_cases(option, text)))


def parse_number(option: str, text: str) -> int:
    """Read one whole number."""
    if not _is_number(option, text):
        raise UsageError(f"{option} {text!r} is not a whole number; write one such as 3")
    return int(text)


def parse_bytes(option: str, text: str) -> int:
    """Read an amount of memory such as ``64M`` or ``2G``; K, M and G are powers of 1024."""
    found = re.fullmatch(r"([0-9]{1,12})([kKmMgG]?)[iI]?[bB]?", text)
    if found is None or int(found[1]) == 0:
        raise UsageError(f"{option} {text!r} is not an amount of memory; write one such as 256M")
    return int(found[1]) << {"": 0, "k": 10, "m": 20, "g": 30}[found[2].lower()]


def _is_number(option: str, text: str) -> bool:
    if not _NUMBER.fullmatch(text):
        return False
    if len(text.lstrip("+-")) > _DIGITS:
        raise UsageError(
            f"{option} {text!r} is too large; write a number of at most {_DIGITS} digits"
        )
    return True


def _split_cases(option: str, text: str) -> list[str]:
    cases = _SEPARATOR.split(text.strip())
    if "" in cases:
        raise UsageError(f"{option} {text!r} has an empty case; write numbers with commas between")
    return cases


def _parse_range(option: str, text: str, part: str) -> range:
    numbers = part.split("..")
    if len(numbers) > 3 or not all(_is_number(option, number) for number in numbers):
        raise UsageError(
            f"{option} {text!r}: {part or text!r} is not a whole number; write a size such as 8 or "
            f"8x6, or a sweep such as 32,64 or 8..64..8"
        )
    first, last, step = (int(numbers[0]), int(numbers[-1]), 1)
    if len(numbers) > 1:
        last = int(numbers[1])
    if len(numbers) == 3:
        step = int(numbers[2])
    if step < 1 or last < first:
        raise UsageError(
            f"{option} {text!r}: the range {part!r} is empty; write FIRST..LAST..STEP with FIRST "
            f"no larger than LAST and STEP 1 or more"
        )
    return range(first, last + 1, step)


def _parse_padding_case(option: str, text: str, case: str) -> str | tuple[Choices, ...]:
    if case in PADDING_WORDS:
        return case
    axes: list[Choices] = []
    for axis in case.split("x"):
        begin, colon, end = axis.partition(":")
        if colon and _is_number(option, begin) and _is_number(option, end):
            axes.append([(int(begin), int(end))])
        elif colon or not all(_is_number(option, number) for number in axis.split("..")):
            raise UsageError(
                f"{option} {text!r}: {case!r} is not padding; write a number, BEGIN:END, "
                f"or one of {', '.join(PADDING_WORDS)}"
            )
        else:
            axes.append(_BothSides(_parse_range(option, text, axis)))
    return tuple(axes)


def parse_channels(option: str, text: str) -> list[tuple[int, int | None]]:
    """Read channels, ``IN`` or ``IN:OUT``, several with commas between."""
    channels: list[tuple[int, int | None]] = []
    for case in _split_cases(option, text):
        c_in, colon, c_out = case.partition(":")
        if not _is_number(option, c_in) or (colon and not _is_number(option, c_out)):
            raise UsageError(
                f"{option} {text!r}: {case!r} is not channels; write IN:OUT such as 3:64, or IN"
            )
        channels.append((int(c_in), int(c_out) if colon else None))
    return channels


def parse_numbers(option: str, text: str) -> list[range]:
    """Read whole numbers and ranges of them, such as ``1,2`` or ``8..64..8``."""
    return [_parse_range(option, text, case) for case in _split_cases(option, text)]


def parse_only(option: str, text: str) -> Sizes:
    """Read sizes where a sweep has no meaning."""
    return _only(option, parse_sizes(option, text))


def parse_only_padding(option: str, text: str) -> Padding:
    """Read padding where a sweep has no meaning."""
    return _only(option, parse_padding(option, text))


def settle_dims(named: Iterable[int], dims: int | None) -> int:
    """Count the axes: what `dims` (``--dims``) says, else the most named, else a square image."""
    if dims is None:
        dims = max(named)
        if dims == 1:
            return 2
    if not 1 <= dims <= len(AXIS_NAMES):
        raise UsageError(f"{dims} axes were named; there can be 1, 2 or 3")
    return dims


def format_sizes(sizes: Sequence[int]) -> str:
    """Write one size for each axis: ``4x4``."""
    return "x".join(map(str, sizes))


def format_padding(pads: Sequence[tuple[int, int]]) -> str:
    """Write padding as short as it reads back: ``1``, ``2x1``, ``0:1``."""
    texts = [str(b) if b == e else f"{b}:{e}" for b, e in pads]
    return texts[0] if len(set(texts)) == 1 else "x".join(texts)


def _only(where: str, sweep: Sweep[T]) -> T:
    """Take the one case of a sweep."""
    if len(sweep) != 1:
        raise UsageError(f"{where} takes one value here, not a sweep of {len(sweep)}; write one")
    return next(iter(sweep))


def format_answers(unknown: str, answers: Sequence[Answer]) -> str:
    """Write what `inverse.solve` found on each axis as ``-n``, ``-f``, ``-p`` or ``-s`` reads it.

    Padding the same on both sides is preferred; an uneven one is written where only it works.
    """
    texts = []
    for first, last in answers:
        if unknown == "p" and last is not None:
            low, high = -(-first // 2), last // 2
            if low > high:
                texts.append(f"{first // 2}:{first - first // 2}")
                continue
        else:
            low, high = first, first if last is None else last
        texts.append(str(low) if low == high else f"{low}..{high}")
    return texts[0] if len(set(texts)) == 1 else "x".join(texts)

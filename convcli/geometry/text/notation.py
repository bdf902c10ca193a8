"""The one text notation, both ways: what a user types, and what `shape` prints.

``x`` joins axes, ``,`` (or white space) joins cases, ``a..b..step`` is a range of cases,
``begin:end`` is padding that differs on the two sides. What people write elsewhere is read as
well: ``8×6``, ``8*6``, ``(8, 6)``.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from convcli.errors import UsageError
from convcli.geometry.text.sweep import Choices, Pairs, Sweep
from convcli.geometry.window.axis import AXIS_NAMES, PADDING_WORDS, Padding, PaddingWord, Sizes

T = TypeVar("T")

_NUMBER = re.compile(r"[+-]?[0-9]+")
_DIGITS = 18
_SEPARATOR = re.compile(r"\s*,\s*|\s+")


def parse_sizes(
    option: str, text: str, most_axes: int | None = max(AXIS_NAMES), sweeps: bool = True
) -> Sweep[Sizes]:
    """Read sizes such as ``8``, ``8x6``, ``32,64`` or ``8..64..8``.

    Without `sweeps` an error does not suggest one; a caller refuses it.
    """
    form = "write a size such as 8 or 8x6" + ", or a sweep such as 32,64 or 8..64..8" * sweeps
    sweep: Sweep[Sizes] = Sweep(
        [
            tuple(_parse_range(option, text, axis, form) for axis in case.split("x"))
            for case in _split_cases(option, text)
        ]
    )
    if most_axes is not None and sweep.axes > most_axes:
        from convcli.geometry.text.channel_axes import too_many_axes  # noqa: PLC0415  only for an error

        raise UsageError(too_many_axes(option, text, next(iter(sweep))))
    return sweep


def parse_padding(option: str, text: str) -> Sweep[Padding]:
    """Read padding such as ``1``, ``2x1``, ``0:1``, ``0:1x1:0``, ``0..3``, ``same``."""
    return Sweep(
        [
            word
            if (word := _padding_word(case)) is not None
            else tuple(_parse_pad(option, text, axis) for axis in case.split("x"))
            for case in _split_cases(option, text)
        ]
    )


def parse_channels(option: str, text: str) -> list[tuple[int, int | None]]:
    """Read channels, ``IN`` or ``IN:OUT``, several with commas between."""
    channels: list[tuple[int, int | None]] = []
    for case in _split_cases(option, text):
        c_in, colon, c_out = case.partition(":")
        if not _is_number(option, c_in) or (colon and not _is_number(option, c_out)):
            raise UsageError(
                f"{option} {text!r}{_which(text, case)} is not channels; write IN:OUT such as "
                f"3:64, or IN"
            )
        channels.append((int(c_in), int(c_out) if colon else None))
    return channels


def parse_numbers(option: str, text: str) -> Sweep[tuple[int]]:
    """Read whole numbers and ranges of them, such as ``1,2`` or ``8..64..8``."""
    form = "write a number such as 2, or a sweep such as 1,2 or 1..8"
    return Sweep([(_parse_range(option, text, case, form),) for case in _split_cases(option, text)])


def parse_number(option: str, text: str) -> int:
    """Read one whole number."""
    if not _is_number(option, text):
        raise UsageError(f"{option} {text!r} is not a whole number; write one such as 3")
    return int(text)


def parse_bytes(option: str, text: str) -> int:
    """Read an amount of memory such as ``64M`` or ``2G``; K, M and G are powers of 1024."""
    found = re.fullmatch(r"([0-9]{1,12})([kKmMgG]?)[iI]?[bB]?", text)
    if found is None or int(found[1]) == 0:
        raise UsageError(
            f"{option} {text!r} is not a whole number of bytes, K, M or G; write one such as 256M"
        )
    return int(found[1]) << {"": 0, "k": 10, "m": 20, "g": 30}[found[2].lower()]


def parse_only(option: str, text: str, most_axes: int | None = max(AXIS_NAMES)) -> Sizes:
    """Read sizes where a sweep is not allowed."""
    return _only(option, parse_sizes(option, text, most_axes, sweeps=False))


def parse_only_padding(option: str, text: str) -> Padding:
    """Read padding where a sweep is not allowed."""
    return _only(option, parse_padding(option, text))


def resolve_dims(named: Iterable[int], dims: int | None) -> int:
    """Return the number of axes: `dims` (``--dims``), else the most named, else 2 (an image)."""
    if dims is not None:
        if dims not in AXIS_NAMES:
            raise UsageError(f"--dims {dims} must be 1, 2 or 3; use --dims 2 for an image")
        return dims
    most = max(named)
    if most not in AXIS_NAMES:
        raise UsageError(
            f"padding is given for {most} axes, and there can be 1, 2 or 3; give one number for "
            f"all axes, such as -p 1"
        )
    return 2 if most == 1 else most


def format_sizes(sizes: Sequence[int]) -> str:
    """Write one size for each axis: ``4x4``."""
    return "x".join(map(str, sizes))


def format_padding(pads: Sequence[tuple[int, int]]) -> str:
    """Write padding in the shortest form that reads back: ``1``, ``2x1``, ``0:1``."""
    return join_axes([str(b) if b == e else f"{b}:{e}" for b, e in pads])


def join_axes(texts: Sequence[str]) -> str:
    """Join the texts of the axes, or write one for all where they are equal."""
    return texts[0] if len(set(texts)) == 1 else "x".join(texts)


def join_spellings(text: str) -> str:
    """Write sizes as people and programs do in our notation: ``(8, 6)`` and ``8 × 6`` as ``8x6``.

    A bracket holds a value for each axis; what is between brackets is kept, such as a comma
    between the cases of a sweep. Brackets inside brackets stay, and are refused later.
    """
    if not any(sign in text for sign in ("(", "[", "*", "×", "X", " x")):
        return text
    text = re.sub(r"[\[(]([^\[\]()]*)[\])]", _join_bracket, text)
    return re.sub(r"(?<=[0-9)])\s*[×*xX]\s*(?=[-+0-9])", "x", text)


def _join_bracket(found: re.Match[str]) -> str:
    return "x".join(part for part in _SEPARATOR.split(found[1].strip()) if part)


def _padding_word(text: str) -> PaddingWord | None:
    """Find the word, written in any case; TensorFlow writes SAME and ONNX SAME_UPPER."""
    word = text.lower().replace("_", "-")
    if word == "same-upper":
        return "same"
    return word if word in PADDING_WORDS else None


def _split_cases(option: str, text: str) -> list[str]:
    cases = _SEPARATOR.split(join_spellings(text).strip())
    if "" in cases:
        some = ",".join(case for case in cases if case) or "1"
        raise UsageError(f"{option} {text!r} has an empty case; write {some}")
    return cases


def _is_number(option: str, text: str) -> bool:
    if not _NUMBER.fullmatch(text):
        return False
    if len(text.lstrip("+-")) > _DIGITS:
        raise UsageError(
            f"{option} {text!r} is too large; write a number of at most {_DIGITS} digits"
        )
    return True


def _parse_range(option: str, text: str, part: str, form: str) -> range:
    """Read ``8``, ``8..64`` or ``8..64..8``; `form` says in an error what to write instead."""
    numbers = part.split("..")
    if len(numbers) > 3 or not all(_is_number(option, number) for number in numbers):
        raise UsageError(f"{option} {text!r}{_which(text, part)} is not a whole number; {form}")
    first = int(numbers[0])
    last = int(numbers[1]) if len(numbers) > 1 else first
    step = int(numbers[2]) if len(numbers) > 2 else 1
    if step < 1 or last < first:
        raise UsageError(
            f"{option} {text!r}: the range {part!r} is empty; write FIRST..LAST..STEP with FIRST "
            f"no larger than LAST and STEP 1 or more"
        )
    return range(first, last + 1, step)


def _which(text: str, part: str) -> str:
    """Name the part of a value that is wrong, where that is not all of it."""
    return "" if part in ("", text) else f": {part!r}"


def _parse_pad(option: str, text: str, axis: str) -> Choices:
    """Read the padding of one axis: ``1``, ``0..3``, ``0:1``, ``0..3:1..4`` (0:1, 1:2, ...)."""
    form = f"write a number, BEGIN:END, or one of {', '.join(PADDING_WORDS)}"
    sides = axis.split(":")
    if len(sides) > 2 or not all(
        _is_number(option, part) for side in sides for part in side.split("..")
    ):
        raise UsageError(f"{option} {text!r}{_which(text, axis)} is not padding; {form}")
    before, *others = [_parse_range(option, text, side, form) for side in sides]
    after = others[0] if others else before
    if len(before) != len(after):
        raise UsageError(
            f"{option} {text!r}: {sides[0]} has {len(before)} values and {sides[1]} has "
            f"{len(after)}, which must be as many; write such as 0..3:1..4"
        )
    return Pairs(before, after)


def _only(option: str, sweep: Sweep[T]) -> T:
    """Return the one case of a sweep."""
    if sweep.size != 1:
        first: Any = next(iter(sweep))
        if not isinstance(first, str):
            pairs = isinstance(first[0], tuple)
            first = format_padding(first) if pairs else format_sizes(first)
        raise UsageError(
            f"{option} takes one value here, not a sweep of {sweep.size}; "
            f"write one, such as {first}"
        )
    only: Any = next(iter(sweep))
    return only  # type: ignore[no-any-return]

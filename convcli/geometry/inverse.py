"""The inverse of a size: which inputs, filters, paddings or strides give a wanted output."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, Literal, NamedTuple

from convcli.errors import ConvcliError, DoesNotFit, UsageError
from convcli.geometry.text.notation import join_axes
from convcli.geometry.window.axis import POOL_KINDS, Axis, Kind, PaddingWord, fit, fit_any_window
from convcli.geometry.window.size import check_range

Unknown = Literal["n", "f", "p", "s"]

_LIMIT = 1 << 62  # no size beyond this is tried: what still fits there fits without bound
# What is added to a value for the padding before and after: equal sides, or one larger by 1.
_SPLITS = ((0, 0), (0, 1), (1, 0))
Range = tuple[int, int | None]  # the first value and the last, None where there is no largest one


class Answer(NamedTuple):
    """Every value from `first` to `last`; `last` is None where there is no largest one.

    For padding, the values are ``k + before`` and ``k + after`` for every such k.
    """

    first: int
    last: int | None
    before: int = 0
    after: int = 0

    def __str__(self) -> str:
        """Write the values as ``-n``, ``-f``, ``-p`` or ``-s`` reads them."""
        last = self.first if self.last is None else self.last
        sides = dict.fromkeys((self.before, self.after))  # one where they are equal
        return ":".join(_range_text(self.first + k, last + k) for k in sides)


def solve(
    unknown: Unknown,
    out: int,
    *,
    n: int = 1,
    f: int = 1,
    s: int | None = 1,
    p: PaddingWord | tuple[int, int] = (0, 0),
    d: int = 1,
    op: int = 0,
    kind: Kind = "conv",
    ceil: bool = False,
) -> tuple[Answer, ...]:
    """Find every value of one number for which the output has a given size.

    Parameters
    ----------
    unknown : {'n', 'f', 'p', 's'}
        Which number to find; what is passed for it does not count. Padding is split as evenly as
        its total allows.
    out : int
        The wanted output size.
    n, f, s, p, d, op, kind, ceil
        As in `axis.fit`, which is searched, not inverted: the rules are there only. Where `s` is
        None, the stride is the filter size.

    Returns
    -------
    tuple of Answer
        One; for padding one for each of the forms k:k, k:k+1 and k+1:k that has values.

    Raises
    ------
    DoesNotFit
        No value does; the text says which come nearest.
    """
    check_range("output size", "--out", out, 1)
    numbers = {"n": n, "f": f, "s": s, "p": p, "d": d, "op": op, "kind": kind, "ceil": ceil}
    answers: list[Answer] = []
    near: list[tuple[int, str]] = []
    for before, after in _SPLITS if unknown == "p" else _SPLITS[:1]:
        question = _Question(unknown, numbers, before, after)
        found, tried = question.search(out)
        if found is not None:
            answers.append(Answer(*found, before, after))
        if not any(map(question.size, tried)):
            tried = [question.nearest_valid(tried[0]), *tried]
        for x in tried:
            if size := question.size(x):
                near.append((size, f"{unknown}={Answer(x, x, before, after)} gives {size}"))
    if not answers and not near:
        question.axis(tried[-1])  # raises the rule that it breaks
    if not answers:
        raise DoesNotFit(_no_answer(unknown, out, near))
    return tuple(answers)


class _Question(NamedTuple):
    """A layer with one number unknown, of which the size is a function."""

    unknown: Unknown
    numbers: dict[str, Any]
    before: int
    after: int

    def axis(self, x: int, rules: Callable[..., Axis] = fit) -> Axis:
        """Apply the layer with the value `x`."""
        value = (x + self.before, x + self.after) if self.unknown == "p" else x
        numbers = self.numbers | {self.unknown: value}
        if numbers["s"] is None:
            numbers["s"] = numbers["f"]
        return rules(**numbers)

    def size(self, x: int, rules: Callable[..., Axis] = fit) -> int:
        """Return the output size with the value `x`, 0 where that breaks a rule."""
        try:
            return self.axis(x, rules).out
        except ConvcliError:
            return 0

    @property
    def rises(self) -> bool:
        """Whether the size rises with the unknown, or falls."""
        numbers = self.numbers
        transposed: bool = numbers["kind"] == "convt"
        full: bool = numbers["p"] == "full"
        if self.unknown == "n":
            return True
        if self.unknown != "f":
            return transposed == (self.unknown == "s")
        if numbers["s"] is None:  # the stride is the filter
            return full and bool(numbers["n"] <= numbers["d"])
        return transposed != full

    @property
    def least(self) -> int:
        """The smallest value that can be valid."""
        if self.unknown == "p":
            return 0
        numbers = self.numbers
        if self.unknown == "s" and numbers["kind"] == "convt" and numbers["op"] >= numbers["d"]:
            return int(numbers["op"]) + 1  # which must be smaller than the stride or the dilation
        return 1

    def nearest_valid(self, x: int) -> int:
        """Find the valid value that is nearest to one that is not, or may not be there."""
        if self.unknown in ("n", "f"):
            found = _first_true(lambda value: self.size(value) > 0, x)
            return x if found is None else found
        return max(_bisect(lambda value: self.size(value) == 0, self.least, x) - 1, self.least)

    def search(self, out: int) -> tuple[Range | None, list[int]]:
        """Find the values that give a size, and those next to where they are or would be."""

        def size(x: int) -> int:
            # Rises or falls with x, and is 0 for x below some limit, or above it, but not both.
            return self.size(x, fit_any_window)

        def reached(x: int, beyond: bool) -> bool:
            """Whether the size, going up from `start`, has come to `out` (or gone beyond it)."""
            now = size(x)
            ahead = now - out if self.rises else out - now
            return now == 0 or ahead > 0 or (ahead == 0 and not beyond)

        start = _first_true(lambda x: size(x) > 0, self.least)
        if start is None:
            return None, [self.least]
        first = _first_true(lambda x: reached(x, beyond=False), start)
        if first is None:  # the size stays short of it: the first value of where it stays
            last = size(_LIMIT - 1)
            stays = _first_true(lambda x: size(x) == last, start)
            return None, [_LIMIT - 1 if stays is None else stays]
        if size(first) != out:
            return None, [x for x in (first - 1, first) if x >= start]
        after = _first_true(lambda x: reached(x, beyond=True), first)
        found = (first, None if after is None else after - 1)
        if self.numbers["kind"] in POOL_KINDS:
            self._refuse_stepping_over(first)
            return self._with_windows_on_input(found), [first]
        return found, [first]

    def _with_windows_on_input(self, found: Range) -> Range | None:
        """Leave out the values with which a pooling window reads padding only, see `pooling`.

        They are at one end of the range: for one output size, the windows leave the input as `n`
        or `f` falls, and as `s` or `p` rises.
        """
        first, last = found

        def is_past(x: int) -> bool:
            return last is not None and x > last

        if self.size(first):
            after = _first_true(lambda x: self.size(x) == 0 or is_past(x), first)
            return first, None if after is None else after - 1
        if last is None or not self.size(last):
            return None
        return _bisect(lambda x: self.size(x) > 0, first, last), last

    def _refuse_stepping_over(self, least: int) -> None:
        """Raise `UsageError` where windows could step over the input: no range of values does."""
        numbers = self.numbers
        n = least if self.unknown == "n" else numbers["n"]
        one_tap = self.unknown != "f" and numbers["f"] == 1
        padded = self.unknown == "p" or numbers["p"] != (0, 0)
        if numbers["d"] > n and padded and not one_tap:
            raise UsageError(
                f"dilation {numbers['d']} must not be larger than input {n} to solve for "
                f"{self.unknown} in a padded pooling layer; use -d {n}{' or less' if n > 1 else ''}"
            )


def _first_true(reached: Callable[[int], bool], start: int) -> int | None:
    """Find the first integer from `start` on at which `reached` turns true, in growing steps."""
    if reached(start):
        return start
    step = 1
    while not reached(start + step):
        step *= 2
        if step > _LIMIT:
            return None
    return _bisect(reached, start + step // 2, start + step)


def _bisect(reached: Callable[[int], bool], low: int, high: int) -> int:
    """Find the first integer at which `reached` turns true: after `low`, or `high`."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def _no_answer(unknown: Unknown, out: int, near: list[tuple[int, str]]) -> str:
    """Say which values come nearest to the output, from below and from above."""
    smaller = [(out - size, text) for size, text in near if size < out]
    larger = [(size - out, text) for size, text in near if size >= out]
    nearest = [min(side)[1] for side in (larger, smaller) if side]
    return f"no {unknown} gives the output {out}; nearest: {' and '.join(nearest)}"


def format_answers(answers: Sequence[Sequence[Answer]]) -> str:
    """Write what `solve` found on each axis as ``-n``, ``-f``, ``-p`` or ``-s`` reads it.

    Where the axes differ, each answer of one is combined with each of the others.
    """
    texts = [tuple(map(str, answer)) for answer in answers]
    if len(set(texts)) == 1:
        return ",".join(texts[0])
    return ",".join(map("x".join, product(*texts)))


def total_padding(answers: Sequence[Answer]) -> tuple[int, int]:
    """Return the smallest and the largest padding of one axis, both sides together."""
    firsts = [2 * answer.first + answer.before + answer.after for answer in answers]
    lasts = [2 * (answer.last or 0) + answer.before + answer.after for answer in answers]
    return min(firsts), max(lasts)


def format_totals(answers: Sequence[Sequence[Answer]]) -> str:
    """Write `total_padding` for each axis."""
    return join_axes([_range_text(*total_padding(axis)) for axis in answers])


def _range_text(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}..{last}"

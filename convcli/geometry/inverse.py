"""The inverse of a size: which inputs, filters, paddings or strides give a wanted output."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from convcli.errors import ConvcliError, DoesNotFit
from convcli.geometry.axis import Kind, PaddingWord, fit
from convcli.geometry.notation import join_axes
from convcli.geometry.size import effective_filter

Unknown = Literal["n", "f", "p", "s"]

_LIMIT = 1 << 62  # no size beyond this is tried: what still fits there fits without bound


class Answer(NamedTuple):
    """Every value from `first` to `last`; `last` is None where there is no largest one."""

    first: int
    last: int | None


def solve(
    unknown: Unknown,
    out: int,
    *,
    n: int = 1,
    f: int = 1,
    s: int = 1,
    p: PaddingWord | tuple[int, int] = (0, 0),
    d: int = 1,
    op: int = 0,
    kind: Kind = "conv",
    ceil: bool = False,
) -> Answer:
    """Find every value of one number for which the output has a given size.

    Parameters
    ----------
    unknown : {'n', 'f', 'p', 's'}
        Which number to find; what is passed for it does not count. For ``'p'`` the answer is the
        total, before and after together, split as evenly as it goes.
    out : int
        The wanted output size.
    n, f, s, p, d, op, kind, ceil
        As in `geometry.fit`, which alone knows the rules: it is searched, not inverted.

    Returns
    -------
    Answer

    Raises
    ------
    DoesNotFit
        No value does; the text says which come nearest.
    """
    transposed = kind == "convt"
    rising = {
        "n": True,
        "f": transposed != (p == "full"),
        "p": not transposed,
        "s": transposed,
    }[unknown]

    def size(x: int) -> int | None:
        """Output size, or None where `x` breaks a rule."""
        padding = (x // 2, x - x // 2) if unknown == "p" else p
        numbers = {"n": n, "f": f, "s": s} | ({} if unknown == "p" else {unknown: x})
        try:
            return fit(**numbers, p=padding, d=d, op=op, kind=kind, ceil=ceil).out
        except ConvcliError:
            return None

    pads = 0 if isinstance(p, str) else sum(p)
    search_to = effective_filter(f, d) + s + op + n + pads
    start = _first_valid(size, 0 if unknown == "p" else 1, search_to)
    if start is None:
        raise DoesNotFit(f"no {unknown} gives an output at all with the other numbers; change one")

    def reached(x: int, beyond: bool) -> bool:
        """Has the size, going up from `start`, come to `out` (or gone beyond it)?"""
        now = size(x)
        if now is None:
            return True
        ahead = now - out if rising else out - now
        return ahead > 0 or (ahead == 0 and not beyond)

    first = _first_true(lambda x: reached(x, beyond=False), start)
    after = _first_true(lambda x: reached(x, beyond=True), start)
    if first is None or size(first) != out:
        raise DoesNotFit(_nearest(unknown, out, size, first, start))
    return Answer(first, None if after is None else after - 1)


def _first_valid(size: Callable[[int], int | None], low: int, high: int) -> int | None:
    """Skip what is too small for a rule: padding over half a pool, a stride below its padding."""
    return next((x for x in range(low, high + 1) if size(x) is not None), None)


def _first_true(reached: Callable[[int], bool], start: int) -> int | None:
    """Bisect for the first integer from `start` on at which `reached` turns true."""
    step = 1
    while not reached(start + step - 1):
        step *= 2
        if step > _LIMIT:
            return None
    low, high = start + step // 2 - 1, start + step - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high if not (low >= start and reached(low)) else low


def _nearest(
    unknown: Unknown,
    out: int,
    size: Callable[[int], int | None],
    first: int | None,
    start: int,
) -> str:
    first = _LIMIT if first is None else first
    around = [x for x in (first - 1, first) if start <= x < _LIMIT]
    near = [f"{_name(unknown, x)} gives {size(x)}" for x in around if size(x) is not None]
    return f"no {unknown} gives the output {out}; nearest: {' and '.join(near)}"


def _name(unknown: Unknown, x: int) -> str:
    if unknown == "p":
        return f"p={x // 2}" if x % 2 == 0 else f"p={x // 2}:{x - x // 2}"
    return f"{unknown}={x}"


def format_answers(unknown: str, answers: Sequence[Answer]) -> str:
    """Write what `solve` found on each axis as ``-n``, ``-f``, ``-p`` or ``-s`` reads it.

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
    return join_axes(texts)

"""`--solve` against an exhaustive search."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli.errors import ConvcliError, DoesNotFit, UsageError
from convcli.geometry.inverse import Answer, solve
from convcli.geometry.window.axis import fit

LIMIT = 60  # as far as the exhaustive search goes


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    """The numbers of a layer of any kind; the stride None where it is the filter size."""
    kind = draw(st.sampled_from(("conv", "convt", "maxpool")))
    pads = st.tuples(st.integers(0, 5), st.integers(0, 5))
    words = st.sampled_from(("valid", "same", "same-lower", "full"))
    strides = st.integers(1, 5)
    s = draw(st.one_of(st.none(), strides) if kind == "maxpool" else strides)
    d = draw(st.integers(1, 3))
    return {
        "n": draw(st.integers(1, 9)),
        "f": draw(st.integers(1, 5)),
        "s": s,
        "p": draw(st.one_of(pads, words)),
        "d": d,
        "op": draw(st.integers(0, max(s or 1, d) - 1)) if kind == "convt" else 0,
        "kind": kind,
        "ceil": kind == "maxpool" and draw(st.booleans()),
    }


def _gives(numbers: dict[str, Any], out: int) -> bool:
    if numbers["s"] is None:
        numbers["s"] = numbers["f"]
    try:
        return fit(**numbers).out == out
    except ConvcliError:
        return False


def _values(unknown: str, limit: int) -> list[Any]:
    if unknown != "p":
        return list(range(1, limit))
    sides = range(limit)
    return [(b, e) for b in sides for e in (b - 1, b, b + 1) if e in sides]


def _values_of(unknown: str, answer: Answer, limit: int) -> list[Any]:
    last = limit if answer.last is None else min(answer.last, limit)
    values = range(answer.first, last + 1)
    if unknown != "p":
        return [x for x in values if x < limit]
    pads = [(x + answer.before, x + answer.after) for x in values]
    return [pad for pad in pads if max(pad) < limit]


@pytest.mark.parametrize("unknown", ["n", "f", "p", "s"])
@given(numbers=problems(), data=st.data())
def test_every_answer_is_found_and_no_other(
    unknown: Any, numbers: dict[str, Any], data: st.DataObject
) -> None:
    # A size that the layer can have, where there is one.
    value = data.draw(st.sampled_from(_values(unknown, 9)))
    out = next((out for out in range(1, 60) if _gives(numbers | {unknown: value}, out)), 3)
    expected = [x for x in _values(unknown, LIMIT) if _gives(numbers | {unknown: x}, out)]
    try:
        answers = solve(unknown, out, **numbers)
    except UsageError:  # of a pool too, where windows can step over the input
        assert expected == [] or (numbers["kind"] == "maxpool" and numbers["d"] > 1)
        return
    except DoesNotFit:
        assert expected == []
        return
    found = [x for answer in answers for x in _values_of(unknown, answer, LIMIT)]
    assert sorted(found) == expected

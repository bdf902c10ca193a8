"""Facts about sizes: published answers, counting, PyTorch."""

import json
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convcli.errors import ConvcliError, DoesNotFit, UsageError
from convcli.geometry.window.axis import PADDING_WORDS, Window, fit
from convcli.geometry.window.size import effective_filter
from tests.conftest import DATA

KNOWN = json.loads((DATA / "known_answers.json").read_text())
small = st.integers(1, 12)
both_sides = st.tuples(st.integers(0, 4), st.integers(0, 4))


def _fit_case(case: dict[str, Any], **kind: Any) -> int:
    p = case.get("p", 0)
    pads: Any = p if isinstance(p, str) else (p, p)
    return fit(
        case["n"],
        case["f"],
        case.get("s", 1),
        pads,
        case.get("d", 1),
        case.get("op", 0),
        **kind,
    ).out


@pytest.mark.parametrize("case", KNOWN["sizes_conv_arithmetic"])
def test_sizes_of_the_convolution_arithmetic_guide(case: dict[str, Any]) -> None:
    assert _fit_case(case) == case["out"]


@pytest.mark.parametrize("case", KNOWN["sizes_transposed"])
def test_transposed_sizes(case: dict[str, Any]) -> None:
    assert _fit_case(case, kind="convt") == case["out"]


@pytest.mark.parametrize("case", KNOWN["sizes_ceil_pool"])
def test_pooling_sizes_in_ceil_mode(case: dict[str, Any]) -> None:
    assert _fit_case(case, kind="maxpool", ceil=True) == case["out"]


@pytest.mark.parametrize("case", KNOWN["sizes_tutorial"])
def test_sizes_of_the_tutorial(case: dict[str, Any]) -> None:
    def axes(key: str, default: int) -> tuple[int, ...]:
        value = case.get(key, default)
        return tuple(value) if isinstance(value, list) else (value,)

    window = Window(axes("f", 1), axes("s", 1), tuple((p, p) for p in axes("p", 0)))
    out = tuple(a.out for a in window.on(axes("n", 1)))
    assert out == axes("out", 0)


@given(n=st.integers(1, 30), f=small, s=small, d=small, p=both_sides)
def test_size_is_the_number_of_window_positions(
    n: int, f: int, s: int, d: int, p: tuple[int, int]
) -> None:
    padded, e = n + sum(p), effective_filter(f, d)
    positions = len([start for start in range(0, padded, s) if start + e <= padded])
    if positions:
        assert fit(n, f, s, p, d).out == positions
    else:
        with pytest.raises(DoesNotFit, match="does not fit"):
            fit(n, f, s, p, d)


@given(n=st.integers(1, 30), f=small, s=small, word=st.sampled_from(("same", "same-lower")))
def test_same_gives_the_ceiling_with_the_least_padding(n: int, f: int, s: int, word: Any) -> None:
    axis = fit(n, f, s, word)
    assert axis.out == -(-n // s)
    assert abs(axis.pb - axis.pe) <= 1
    assert (axis.pb <= axis.pe) if word == "same" else (axis.pb >= axis.pe)
    total = axis.pb + axis.pe
    if total:  # one pixel less would lose an output
        assert (n + total - 1 - f) // s + 1 < axis.out


@given(n=st.integers(1, 30), f=small, d=small)
def test_full_reads_every_overlap(n: int, f: int, d: int) -> None:
    e = effective_filter(f, d)
    overlaps = [shift for shift in range(-e + 1, n) if shift + e > 0 and shift < n]
    assert fit(n, f, p="full", d=d).out == len(overlaps)


@given(n=st.integers(1, 16), f=small, s=small, d=st.integers(1, 4), p=st.integers(0, 4))
def test_convolution_sizes_are_those_of_pytorch(n: int, f: int, s: int, d: int, p: int) -> None:
    x, w = torch.zeros(1, 1, n, device="meta"), torch.zeros(1, 1, f, device="meta")
    try:
        expected = torch.nn.functional.conv1d(x, w, stride=s, padding=p, dilation=d).shape[2]
    except RuntimeError:
        with pytest.raises(ConvcliError):
            fit(n, f, s, (p, p), d)
        return
    assert fit(n, f, s, (p, p), d).out == expected


@given(
    n=st.integers(1, 12), f=small, s=small, d=st.integers(1, 4), p=st.integers(0, 4),
    op=st.integers(0, 4),
)  # fmt: skip
def test_transposed_sizes_are_those_of_pytorch(
    n: int, f: int, s: int, d: int, p: int, op: int
) -> None:
    x, w = torch.zeros(1, 1, n), torch.zeros(1, 1, f)
    try:
        expected = torch.nn.functional.conv_transpose1d(
            x, w, stride=s, padding=p, output_padding=op, dilation=d
        ).shape[2]
    except RuntimeError:
        with pytest.raises(ConvcliError):
            fit(n, f, s, (p, p), d, op, "convt")
        return
    assert fit(n, f, s, (p, p), d, op, "convt").out == expected


@given(
    n=st.integers(1, 16), f=small, s=small, d=st.integers(1, 3), p=st.integers(0, 5),
    ceil=st.booleans(),
)  # fmt: skip
def test_pooling_sizes_are_those_of_pytorch(
    n: int, f: int, s: int, d: int, p: int, ceil: bool
) -> None:
    p = min(p, f // 2)  # PyTorch refuses more
    try:
        y = torch.nn.functional.max_pool2d(torch.zeros(1, 1, n, n), f, s, p, d, ceil_mode=ceil)
    except RuntimeError:
        y = None
    if y is None or y.isinf().any():  # a window that reads padding only
        with pytest.raises(DoesNotFit):
            fit(n, f, s, (p, p), d, kind="maxpool", ceil=ceil)
    else:
        assert fit(n, f, s, (p, p), d, kind="maxpool", ceil=ceil).out == y.shape[2]


@given(n=small, f=small, d=st.integers(1, 3))
@pytest.mark.parametrize("word", PADDING_WORDS)
def test_a_transposed_layer_takes_a_size_back(word: Any, n: int, f: int, d: int) -> None:
    """With stride 1, the transposed layer with the same padding undoes the size of the layer."""
    if word == "valid":
        n += effective_filter(f, d) - 1
    there = fit(n, f, 1, word, d)
    back = fit(there.out, f, 1, (there.pb, there.pe), d, kind="convt")
    assert back.out == n


def test_neither_the_floor_nor_the_truncated_size_of_a_misfit_is_given() -> None:
    """With n=2 f=3 s=2 the floor is 0 and truncation gives 1: both are wrong."""
    with pytest.raises(DoesNotFit, match=r"2 \+ 2·0 < 3; use -p 1 or more"):
        fit(2, 3, 2)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"n": 0, "f": 1}, "input size 0 must be 1 or more"),
        ({"n": 1, "f": 0}, "filter size 0 must be 1 or more"),
        ({"n": 3, "f": 3, "s": 0}, "stride 0 must be 1 or more; use -s 1"),
        ({"n": 3, "f": 3, "s": -1}, "stride -1 must be 1 or more"),
        ({"n": 3, "f": 3, "d": 0}, "dilation 0 must be 1 or more"),
        ({"n": 3, "f": 3, "p": (-1, 0)}, "padding -1 must be 0 or more"),
        ({"n": 3, "f": 3, "kind": "convt", "op": 1}, "output padding 1 must be smaller"),
    ],
)
def test_numbers_out_of_range_are_wrong_usage(numbers: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        fit(**numbers)


@given(
    n=small,
    more=small,
    d=st.integers(1, 3),
    p=both_sides,
    kind=st.sampled_from(("conv", "maxpool")),
)
def test_the_remedy_of_a_misfit_works(
    n: int, more: int, d: int, p: tuple[int, int], kind: Any
) -> None:
    f = (n + sum(p) - 1) // d + 1 + more  # too large
    with pytest.raises(DoesNotFit, match="does not fit") as caught:
        fit(n, f, p=p, d=d, kind=kind)
    remedy = str(caught.value).rpartition("use ")[2].removesuffix(" or more").split()
    if remedy[0] == "-d":
        d, remedy = int(remedy[1]), remedy[2:]
    enough = int(remedy[1])
    assert fit(n, f, p=(enough, enough), d=d, kind=kind).out >= 1
    if kind == "conv":
        with pytest.raises(DoesNotFit):
            fit(n, f, p=(enough - 1, enough - 1), d=d)


@given(
    n=small,
    f=small,
    s=small,
    d=st.integers(1, 3),
    more=st.integers(0, 9),
    before=st.integers(0, 99),
)
def test_the_remedy_of_too_large_a_crop_is_the_most_that_fits(
    n: int, f: int, s: int, d: int, more: int, before: int
) -> None:
    whole = fit(n, f, s, d=d, kind="convt").out
    before = min(before, whole + more)
    with pytest.raises(DoesNotFit, match="crops all") as caught:
        fit(n, f, s, (before, whole + more - before), d, kind="convt")
    most = int(str(caught.value).rpartition("use -p ")[2].removesuffix(" or less"))
    assert fit(n, f, s, (most, most), d, kind="convt").out in (1, 2)

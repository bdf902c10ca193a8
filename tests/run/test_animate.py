"""`run --animate`: the numbers of a window give the output that is shown with them."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli.geometry.window.axis import Window
from convcli.run.pictures.narrator import Narrator
from tests import cases
from tests.cases import Case
from tests.run.helpers import convolve, engine_of, resolve, resolve_case


def _tell(case: Case, data: st.DataObject, width: int, **options: Any) -> tuple[list[str], Any]:
    operation = resolve_case(case, **options)
    y = convolve(case.x, operation, engine_of("numpy"))
    sizes = [a.n if a.kind == "convt" else a.out for a in operation.axes]
    place = [data.draw(st.integers(0, size - 1)) for size in sizes]
    lines = Narrator(operation, case.x, y)(place, width)
    assert max(map(len, lines)) <= width
    return lines, y[(0, 0, *place)] if not operation.transposed else case.x[(0, 0, *place)]


@given(
    case=st.one_of(cases.spatial_filters(), cases.layers()),
    mode=st.sampled_from(("zeros", "reflect", "circular")),
    width=st.integers(30, 120),
    data=st.data(),
)
def test_the_sum_of_a_window_is_the_output(
    case: Case, mode: str, width: int, data: st.DataObject
) -> None:
    lines, expected = _tell(case, data, width, pad_mode=mode)
    text = "".join(lines)
    assert re.findall(r"= (-?\d+)", text)[-1] == str(expected)


@given(case=cases.spatial_filters(batch=1, channels=1), data=st.data())
def test_the_products_of_the_numbers_shown_add_up(case: Case, data: st.DataObject) -> None:
    """Of a filter of one or two axes that is shown whole."""
    lines, expected = _tell(case, data, 200)
    if case.dims == 3:
        return
    numbers = [[int(n) for n in re.findall(r"-?\d+", line.partition("=")[0])] for line in lines]
    halves = [(row[: len(row) // 2], row[len(row) // 2 :]) for row in numbers]
    total = sum(a * b for x, w in halves for a, b in zip(x, w, strict=True))
    assert total == expected


@given(case=cases.layers(transposed=True), data=st.data())
def test_a_transposed_layer_shows_what_a_pixel_adds(case: Case, data: st.DataObject) -> None:
    lines, value = _tell(case, data, 100)
    assert f"= {value}, times the filter, is added to the output" in lines[0]
    shown = re.findall(r"-?\d+", lines[1])
    weight = case.w[(0, 0, *[0] * (case.dims - 2), *[0] * min(case.dims, 2))]
    assert int(shown[0]) == value * weight


@pytest.mark.parametrize(("kind", "text"), [("maxpool", "max = 14"), ("avgpool", "mean = 6.667")])
def test_pooling_shows_its_window(kind: Any, text: str) -> None:
    x = np.arange(36).reshape(6, 6)
    window = Window((3,), (2,), ((1, 1),), kind=kind)
    operation = resolve(x, np.ones((3, 3)), window)
    lines = Narrator(operation, x, convolve(x, operation, engine_of("numpy")))([1, 1], 80)
    assert [line.split()[:3] for line in lines] == [
        ["7", "8", "9"], ["13", "14", "15"], ["19", "20", "21"],
    ]  # fmt: skip
    corner = Narrator(operation, x, convolve(x, operation, engine_of("numpy")))([0, 0], 80)
    assert corner[1].split()[0] == ("·" if kind == "maxpool" else "0")
    assert any(word in " ".join(lines) for word in (text.partition(" ")[0],))


def test_a_large_window_is_cut_and_a_bias_is_named() -> None:
    x = np.ones((3, 40, 40))
    operation = resolve(x, np.ones((2, 3, 20, 20)), bias=np.array([0.5, 1.0]))
    y = convolve(x, operation, engine_of("numpy"))
    lines = Narrator(operation, x, y)([0, 0], 60)
    assert lines[0] == "the first of 3 channels, the sum over all:"
    assert "= 1200, plus bias 0.5 = 1200" in lines[-1]
    assert any("…" in line for line in lines)
    assert len(lines) < 20


@given(case=cases.spatial_filters(), width=st.integers(30, 80), data=st.data())
def test_numbers_are_whole_at_any_width(case: Case, width: int, data: st.DataObject) -> None:
    case = replace(case, x=case.x / 7, w=case.w / 7)
    operation = resolve_case(case)
    y = convolve(case.x, operation, engine_of("numpy"))
    place = [data.draw(st.integers(0, axis.out - 1)) for axis in operation.axes]
    narrow, wide = (Narrator(operation, case.x, y)(place, w) for w in (width, 1000))
    assert max(map(len, narrow)) <= width
    assert set(" ".join(narrow).split()) <= {*" ".join(wide).split(), "…"}

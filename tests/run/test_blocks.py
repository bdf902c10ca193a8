"""Blocks, tiles and borders: whatever the memory, the results are those of the definition."""

import io
import itertools
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st

from convcli.arrays.npy import read_headers
from convcli.arrays.sources import OnStream
from convcli.engines import choose
from convcli.engines.base import Engine
from convcli.engines.torch_engine import TorchEngine
from convcli.errors import DoesNotFit
from convcli.geometry.axis import Window
from convcli.geometry.pad_modes import PAD_MODES, parse_pad_mode
from convcli.run.operation import resolve
from convcli.run.padding import border_index
from convcli.run.tiles import needed
from tests.conftest import convolve_source, npy_bytes
from tests.naive import PAD_MODES as NUMPY_MODES
from tests.naive import convolve as naive
from tests.naive import transpose_convolve as naive_transposed

ENGINE = choose.choose_engine("numpy", "cpu")
# Integers, which an engine takes in tiles; and the same as floats, exact too, in layers of PyTorch.
integers = (ENGINE, "i8")
layers, folds = ((TorchEngine("cpu", method=method), "f4") for method in ("auto", "fold"))


def _stream(x: Any, operation: Any, memory: int, engine: Engine = ENGINE) -> Any:
    """Convolve an array that comes through a pipe, with little memory."""
    pipe = io.BytesIO(npy_bytes(x) + b"end")
    (header,) = itertools.islice(read_headers(pipe, "pipe"), 1)
    source = OnStream("pipe", "pipe", header, pipe)
    y, count = convolve_source(source, operation, engine, memory)
    source.finish()
    assert pipe.read() == b"end"
    return y, count


@st.composite
def images(draw: st.DrawFn) -> dict[str, Any]:
    """Images of one to three axes in any order of them, and a window."""
    dims: int = draw(st.integers(1, 3))
    spatial = {1: "W", 2: "HW", 3: "DHW"}[dims]
    more: str = draw(st.sampled_from(("", "C", "N", "NC")))
    layout = "".join(draw(st.permutations(more + spatial)))
    sizes = {letter: draw(st.integers(1, 3)) for letter in "NC"}
    top = {1: 20, 2: 9, 3: 5}[dims]
    sizes |= {letter: draw(st.integers(1, top)) for letter in spatial}
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def per_axis(strategy: st.SearchStrategy[Any]) -> tuple[Any, ...]:
        return tuple(draw(strategy) for _ in range(dims))

    return {
        "layout": layout,
        "spatial": spatial,
        "x": rng.integers(-9, 10, [sizes[letter] for letter in layout]),
        "f": per_axis(st.integers(1, 4)),
        "s": per_axis(st.integers(1, 4)),
        "p": per_axis(st.tuples(st.integers(0, 5), st.integers(0, 5))),
        "d": per_axis(st.integers(1, 3)),
        "rng": rng,
        "memory": draw(st.sampled_from((1, 100, 600, 1 << 20))),
    }


def _canonical(x: Any, layout: str, spatial: str) -> Any:
    x = x.transpose([layout.index(letter) for letter in "NC" + spatial if letter in layout])
    for axis, letter in enumerate("NC"):
        if letter not in layout:
            x = np.expand_dims(x, axis)
    return x


@pytest.mark.parametrize(("engine", "dtype"), [integers, layers, folds])
@given(case=images(), mode=st.sampled_from(tuple(PAD_MODES)), bias=st.booleans())
def test_a_spatial_filter_in_any_layout_border_and_memory(
    engine: Engine, dtype: str, case: dict[str, Any], mode: str, bias: bool
) -> None:
    case["x"] = case["x"].astype(dtype)
    x, layout, spatial = case["x"], case["layout"], case["spatial"]
    w = case["rng"].integers(-9, 10, case["f"])
    window = Window((1,), case["s"], case["p"], case["d"])
    more = np.array(5) if bias else None
    try:
        operation = resolve(
            x.shape, x.dtype, w, window, layout=layout, pad_mode=mode, bias=more
        )  # fmt: skip
    except DoesNotFit:
        return
    found, _ = _stream(x, operation, case["memory"], engine)
    seen = _canonical(x, layout, spatial)
    whole = seen.reshape(-1, 1, *seen.shape[2:])
    expected = naive(whole, w[None, None], case["s"], case["p"], case["d"], 1, mode)
    expected = expected.reshape(*seen.shape[:2], *expected.shape[2:]) + 5 * bias
    assert np.array_equal(_canonical(found, layout, spatial), expected)


@pytest.mark.parametrize(("engine", "dtype"), [integers, layers])
@given(case=images(), transposed=st.booleans())
def test_a_layer_in_any_layout_and_memory(
    engine: Engine, dtype: str, case: dict[str, Any], transposed: bool
) -> None:
    case["x"] = case["x"].astype(dtype)
    x, layout, spatial = case["x"], case["layout"], case["spatial"]
    seen = _canonical(x, layout, spatial)
    channels = seen.shape[1]
    shape = (channels, 2, *case["f"]) if transposed else (2, channels, *case["f"])
    w = case["rng"].integers(-9, 10, shape)
    bias = case["rng"].integers(-9, 10, 2)
    window = Window((1,), case["s"], case["p"], case["d"], kind="convt" if transposed else "conv")
    try:
        operation = resolve(x.shape, x.dtype, w, window, layout=layout, bias=bias)
    except DoesNotFit:
        return
    found, _ = _stream(x, operation, case["memory"], engine)
    if transposed:
        zero = (0,) * len(spatial)
        expected = naive_transposed(seen, w, case["s"], case["p"], case["d"], zero)
    else:
        expected = naive(seen, w, case["s"], case["p"], case["d"])
    expected = expected + bias.reshape(-1, *(1,) * len(spatial))
    assert np.array_equal(_canonical(found, operation.out_layout, spatial), expected)


def test_little_memory_makes_many_parts() -> None:
    """The cases above would prove little if everything went through in one piece."""
    x = np.arange(400).reshape(20, 20)
    operation = resolve(x.shape, x.dtype, np.ones((3, 3), np.int64), Window((1,), p=((1, 1),)))
    assert _stream(x, operation, 1)[1] == 20
    assert _stream(x, operation, 1 << 20)[1] == 1


@given(
    n=st.integers(1, 9), before=st.integers(0, 20), after=st.integers(0, 20),
    mode=st.sampled_from(tuple(m for m in PAD_MODES if m != "zeros")),
)  # fmt: skip
def test_borders_are_those_of_numpy(n: int, before: int, after: int, mode: str) -> None:
    expected = np.pad(np.arange(n), (before, after), mode=NUMPY_MODES[mode])  # type: ignore[call-overload]
    assert border_index(range(-before, n + after), n, mode).tolist() == expected.tolist()


@pytest.mark.parametrize("mode", [m for m in PAD_MODES if m != "zeros"])
def test_the_pictures_of_the_borders_are_true(mode: str) -> None:
    drawn = PAD_MODES[mode].picture.replace("| ", "").split()
    index = border_index(range(-3, 7), 4, mode)
    assert drawn == ["abcd"[i] for i in index]


@pytest.mark.parametrize(
    ("name", "scipy_mode"),
    [
        ("constant", "constant"), ("mirror", "mirror"), ("scipy-reflect", "reflect"),
        ("grid-mirror", "reflect"), ("nearest", "nearest"), ("wrap", "wrap"), ("grid-wrap", "wrap"),
    ],
)  # fmt: skip
def test_scipys_names_mean_what_they_mean_there(name: str, scipy_mode: Any) -> None:
    x = np.arange(30.0).reshape(5, 6) ** 2
    w = np.arange(15.0).reshape(3, 5)
    operation = resolve(
        x.shape, x.dtype, w, Window((1,), p="same"), pad_mode=parse_pad_mode(name)
    )  # fmt: skip
    found, _ = _stream(x, operation, 1)
    np.testing.assert_allclose(found, scipy.ndimage.correlate(x, w, mode=scipy_mode))


@given(case=images(), first=st.integers(0, 9), more=st.integers(0, 9))
def test_needed_rows_are_those_that_are_read(case: dict[str, Any], first: int, more: int) -> None:
    window = Window(case["f"][:1], case["s"][:1], case["p"][:1], case["d"][:1])
    try:
        (axis,) = window.on((case["x"].shape[0],))
    except DoesNotFit:
        return
    first, last = min(first, axis.out - 1), min(first + more, axis.out - 1)
    for mode in PAD_MODES:
        index = np.pad(
            np.arange(axis.n), (axis.pb, axis.pe), mode=NUMPY_MODES[mode],
            **({"constant_values": -1} if mode == "zeros" else {}),
        )  # type: ignore[call-overload]  # fmt: skip
        span = index[first * axis.s : last * axis.s + axis.e]
        span = span[span >= 0]
        need = needed(axis, range(first, last + 1), mode)
        assert set(span) <= set(need)
        if len(span):
            assert (need.start, need.stop) == (span.min(), span.max() + 1)

"""Blocks, tiles and borders: whatever the memory, the results are those of the definition."""

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from convcli.engines.base import Engine
from convcli.geometry.window.axis import Window
from convcli.geometry.window.pad_modes import PAD_MODES, parse_pad_mode
from convcli.run.compute.padding import border_index
from convcli.run.compute.tiles import needed
from tests import cases
from tests.naive import PAD_MODES as NUMPY_MODES
from tests.run.helpers import convolve_piped, engine_of, resolve

# Integers go through an engine in tiles; floats, exact here too, through layers of PyTorch.
TILES = pytest.param(engine_of("numpy"), "i8", id="tiles")
LAYERS = pytest.param(engine_of("torch"), "f4", id="layers")
FOLDS = pytest.param(engine_of("torch", "fold"), "f4", id="folds")

# The axes of an input, in the order that `Case` has them; each test takes every layout of them.
LETTERS = [more + spatial for spatial in ("W", "HW", "DHW") for more in ("", "C", "N", "NC")]
blocks = st.sampled_from((1, 2, 5, 20))

# Each example runs through every layout: a sixth of the profile's number is enough.
few = settings(max_examples=settings().max_examples // 6)


def _layouts(letters: str) -> list[str]:
    """List every order of the axes; of those of a volume with others, D, H and W in this order."""
    orders = ["".join(order) for order in itertools.permutations(letters)]
    if "D" in letters and len(letters) > 3:
        return [order for order in orders if order.translate(_WITHOUT_NC) == "DHW"]
    return orders


_WITHOUT_NC = str.maketrans("", "", "NC")


def _arranged(x: NDArray[Any], layout: str) -> NDArray[Any]:
    """Order the axes of (batch, channels, spatial...) as a layout does, and drop missing ones."""
    missing = tuple(axis for axis, letter in enumerate("NC") if letter not in layout)
    letters = [letter for letter in "NCDHW" if letter in layout]
    return x.squeeze(missing).transpose([letters.index(letter) for letter in layout])


def _fixed(letters: str) -> dict[str, Any]:
    """Fix what the letters say of a drawn case: its spatial axes, and the size of missing ones."""
    return {
        "dims": st.just(sum(letter in "DHW" for letter in letters)),
        "batch": None if "N" in letters else 1,
        "channels": None if "C" in letters else 1,
    }


@pytest.mark.parametrize(("engine", "dtype"), [TILES, LAYERS, FOLDS])
@pytest.mark.parametrize("letters", LETTERS)
@few
@given(data=st.data(), mode=st.sampled_from(tuple(PAD_MODES)), bias=st.booleans(), blocks=blocks)
def test_a_spatial_filter_in_any_layout_border_and_memory(
    letters: str, engine: Engine, dtype: str, data: st.DataObject, mode: str, bias: bool,
    blocks: int,
) -> None:  # fmt: skip
    case = data.draw(cases.spatial_filters(**_fixed(letters))).astype(dtype)
    expected = case.expected(mode) + 5 * bias
    more = {"pad_mode": mode, "bias": np.array(5) if bias else None}
    for layout in _layouts(letters):
        x = _arranged(case.x, layout)
        operation = resolve(x, case.w, case.window, layout=layout, **more)
        memory = (x.nbytes + expected.nbytes) // blocks
        found, _ = convolve_piped(x, operation, engine, memory)
        assert np.array_equal(found, _arranged(expected, layout)), layout


@pytest.mark.parametrize(("engine", "dtype"), [TILES, LAYERS])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("letters", LETTERS)
@few
@given(data=st.data(), blocks=blocks)
def test_a_layer_in_any_layout_and_memory(
    letters: str, transposed: bool, engine: Engine, dtype: str, data: st.DataObject, blocks: int
) -> None:
    case = data.draw(cases.layers(**_fixed(letters), transposed=transposed)).astype(dtype)
    y = case.expected()
    bias = np.arange(y.shape[1])
    expected = y + bias.reshape(-1, *(1,) * case.dims)
    for layout in _layouts(letters):
        x = _arranged(case.x, layout)
        operation = resolve(x, case.w, case.window, layout=layout, groups=case.g, bias=bias)
        memory = (x.nbytes + expected.nbytes) // blocks
        found, _ = convolve_piped(x, operation, engine, memory)
        assert np.array_equal(found, _arranged(expected, operation.out_layout)), layout


def test_little_memory_makes_many_parts() -> None:
    """The cases above would prove little if everything went through in one piece."""
    x = np.arange(400).reshape(20, 20)
    operation = resolve(x, np.ones((3, 3), np.int64), Window((1,), p=((1, 1),)))
    engine = engine_of("numpy")
    assert convolve_piped(x, operation, engine, 1)[1] == 20
    assert convolve_piped(x, operation, engine, 1 << 20)[1] == 1


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
    operation = resolve(x, w, Window((1,), p="same"), pad_mode=parse_pad_mode(name))
    found, _ = convolve_piped(x, operation, engine_of("numpy"), 1)
    np.testing.assert_allclose(found, scipy.ndimage.correlate(x, w, mode=scipy_mode))


@given(drawn=cases.windows(cases.SMALL[1]), first=st.integers(0, 9), more=st.integers(0, 9))
def test_needed_rows_are_those_that_are_read(drawn: tuple[Any, ...], first: int, more: int) -> None:
    n, f, s, p, d, _ = drawn
    (axis,) = Window((f,), (s,), (p,), (d,)).on((n,))
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

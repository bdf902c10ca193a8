"""Every method of every engine against float64, across the edges of tiles, and with NaN in them."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convcli.arrays.filters import named
from convcli.engines import choose, fft, numpy_engine
from convcli.engines.correlation import Correlation, even_step
from convcli.engines.numpy_engine import METHODS, NumpyEngine
from convcli.engines.separable import factors
from convcli.engines.torch_engine import TorchEngine
from convcli.errors import DoesNotFit, UsageError
from convcli.geometry.axis import Window
from convcli.run.operation import resolve
from tests.conftest import run_command
from tests.run.helpers import convolve

# Largest error, in units in the last place of max|x| · sum|w|, that results are held to.
BOUND = 8

small_tiles = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make tiles so small that every case has many, and threads so cheap that each has some."""
    monkeypatch.setattr(numpy_engine, "_CACHE", 1 << 11)
    monkeypatch.setattr(numpy_engine, "_WORTH_THREADS", 0.0)
    monkeypatch.setattr(fft, "WINDOW", 1 << 8)
    monkeypatch.setattr("convcli.engines.torch_engine._TILE", 1 << 7)


@st.composite
def cases(draw: st.DrawFn, plain: bool = False, one: bool = False) -> dict[str, Any]:
    """A layer, or (`one`) a spatial filter; `plain`: of stride and dilation 1."""
    dims: int = draw(st.integers(1, 3))
    top = {1: 90, 2: 24, 3: 9}[dims]
    n = tuple(draw(st.integers(1, top)) for _ in range(dims))
    f = tuple(draw(st.integers(1, {1: 20, 2: 7, 3: 4}[dims])) for _ in range(dims))
    steps = st.just(1) if plain else st.integers(1, 3)
    s = tuple(draw(steps) for _ in range(dims))
    d = tuple(draw(steps) for _ in range(dims))
    pad = st.integers(0, {1: 40, 2: 20, 3: 3}[dims])  # more than a fold has columns
    p = tuple(draw(st.tuples(pad, pad)) for _ in range(dims))
    g = draw(st.integers(1, 2))
    c_in, c_out = (g * draw(st.sampled_from((1, 2, 3, 17))) for _ in range(2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    batch = draw(st.integers(1, 2))
    x = rng.normal(size=(batch, c_in, *n))
    w = rng.normal(size=f) if one else rng.normal(size=(c_out, c_in // g, *f))
    return {"x": x, "w": w, "s": s, "d": d, "p": p, "g": None if one else g, "dims": dims}


def _settle(case: dict[str, Any]) -> Any:
    window = Window((1,), case["s"], case["p"], case["d"])
    x, w = case["x"], case["w"]
    return resolve(x.shape, x.dtype, w, window, groups=case["g"], dims=case["dims"])


def _reference(case: dict[str, Any]) -> Any:
    """PyTorch's own convolution in float64."""
    x = np.pad(case["x"].astype(np.float64), [(0, 0), (0, 0), *case["p"]])
    w, g = case["w"].astype(np.float64), case["g"]
    if g is None:
        g = x.shape[1]
        w = np.broadcast_to(w, (g, 1, *w.shape))
    conv = getattr(torch.nn.functional, f"conv{case['dims']}d")
    made = conv(
        torch.from_numpy(x), torch.from_numpy(np.array(w)), stride=case["s"], dilation=case["d"],
        groups=g,
    )  # fmt: skip
    return made.numpy()


def _check(case: dict[str, Any], engine: Any) -> None:
    case["x"], case["w"] = case["x"].astype(np.float32), case["w"].astype(np.float32)
    try:
        operation = _settle(case)
    except DoesNotFit:
        return
    found = convolve(case["x"], operation, engine, memory=1 << 12)
    w = case["w"]
    sums = np.abs(w).sum() if case["g"] is None else np.abs(w.reshape(len(w), -1)).sum(1).max()
    scale = float(sums * np.abs(case["x"]).max())
    error = np.abs(found - _reference(case)).max()
    assert error <= BOUND * np.finfo(np.float32).eps * scale


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("method", ["gemm", "shift"])
@small_tiles
@given(case=cases())
def test_methods_for_any_layer(method: str, threads: int, case: dict[str, Any]) -> None:
    _check(case, NumpyEngine(threads, method))


@small_tiles
@given(case=cases(plain=True))
def test_fft_for_layers_without_steps(case: dict[str, Any]) -> None:
    _check(case, NumpyEngine(2, "fft"))


@small_tiles
@given(case=cases(one=True), terms=st.integers(1, 2))
def test_separable_for_sums_of_few_products(case: dict[str, Any], terms: int) -> None:
    rng = np.random.default_rng(0)
    if case["dims"] == 1:
        return
    w = np.zeros(case["w"].shape)
    for _ in range(terms):
        product = np.array(1.0)
        for n in w.shape:
            product = np.multiply.outer(product, rng.normal(size=n))
        w += product
    _check(case | {"w": w}, NumpyEngine(2, "separable"))


@pytest.mark.parametrize("method", ["conv", "fold"])
@small_tiles
@given(case=cases(one=True))
def test_methods_of_pytorch(method: str, case: dict[str, Any]) -> None:
    _check(case, TorchEngine("cpu", method=method))


@small_tiles
@given(case=cases(one=True, plain=True))
def test_fft_of_pytorch(case: dict[str, Any]) -> None:
    _check(case, TorchEngine("cpu", method="fft"))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@small_tiles
@given(data=st.data())
def test_nan_and_infinity_stay_where_they_are_read(
    method: str, value: float, data: st.DataObject
) -> None:
    x = np.random.default_rng(0).normal(size=(1, 2, 30, 31)).astype(np.float32)
    for _ in range(data.draw(st.integers(1, 2))):
        x[
            0,
            data.draw(st.integers(0, 1)),
            data.draw(st.integers(0, 29)),
            data.draw(st.integers(0, 30)),
        ] = value
    w = named("gaussian:3x5").astype(np.float32)
    case = {"x": x, "w": w, "s": (1, 1), "d": (1, 1), "p": ((1, 1), (2, 2)), "g": None, "dims": 2}
    found = convolve(x, _settle(case), NumpyEngine(2, method), memory=1 << 12)
    np.testing.assert_allclose(found, _reference(case), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", ["fold", "fft"])
def test_nan_stays_where_it_is_read_in_pytorch_too(method: str) -> None:
    x = np.zeros((1, 1, 40, 41), np.float32)
    x[0, 0, 20, 20] = np.nan
    w = np.ones((3, 3), np.float32)
    case = {"x": x, "w": w, "s": (1, 1), "d": (1, 1), "p": ((1, 1),) * 2, "g": None, "dims": 2}
    found = convolve(x, _settle(case), TorchEngine("cpu", method=method))
    assert np.isnan(found).sum() == 9


@pytest.mark.parametrize("method", ["auto", "gemm", "shift"])
@pytest.mark.parametrize(("dtype", "high"), [("u1", 255), ("i4", 2**20), ("i8", 2**50)])
def test_integers_are_exact_by_every_method_that_takes_them(
    method: str, dtype: str, high: int
) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, high, (1, 1, 40, 50)).astype(dtype)
    w = rng.integers(-9, 10, (5, 4))
    operation = resolve(x.shape, x.dtype, w, Window((1,), p=((2, 2), (1, 1))))
    if method == "gemm" and high == 2**50:
        with pytest.raises(UsageError, match="--method gemm does not apply"):
            convolve(x, operation, NumpyEngine(2, method))
        return
    _check_exact(convolve(x, operation, NumpyEngine(2, method)), x, w)


def _check_exact(found: Any, x: Any, w: Any) -> None:
    padded = np.pad(x.astype(object)[0, 0], [(2, 2), (1, 1)])
    view = np.lib.stride_tricks.sliding_window_view(padded, w.shape)
    expected = (view * w.astype(object)).sum((2, 3))
    assert (found[0, 0].astype(object) == expected).all()


@pytest.mark.parametrize("method", ["conv", "fold"])
@pytest.mark.parametrize("high", [2**16, 2**17, 2**44])
def test_integers_are_exact_in_pytorch(method: str, high: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(high - 9, high, (1, 1, 40, 50))
    w = rng.integers(5, 10, (5, 4))  # sums just below 2**24, just above it, and beyond float32
    operation = resolve(x.shape, x.dtype, w, Window((1,), p=((2, 2), (1, 1))))
    _check_exact(convolve(x, operation, TorchEngine("cpu", method=method)), x, w)


@pytest.mark.parametrize(
    ("shape", "w", "steps", "method"),
    [
        ((4096, 4096), (3, 3), 1, "gemm"),
        ((4096, 4096), (31, 31), 1, "fft"),
        ((4096, 4096), "gaussian:31", 1, "separable"),
        ((4096, 4096), (3, 3), 2, "gemm"),
        ((4096, 4096), (31, 31), 2, "gemm"),
        ((8, 8), (3, 3), 1, "shift"),
    ],
)
def test_the_method_follows_the_work(
    shape: tuple[int, ...], w: Any, steps: int, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # tiles as large as they are
    weights = named(w) if isinstance(w, str) else np.random.default_rng(0).random(w)
    corr = Correlation(weights.astype(np.float32)[None, None], (steps,) * 2, (1, 1), 1)
    assert NumpyEngine(2).plan(corr, 1, shape).method == method


@pytest.mark.parametrize(
    ("shape", "f", "dtype", "groups", "method"),
    [
        ((4096, 4096), (9, 9), "f4", 1, "fold"),
        ((4096, 4096), (31, 31), "f4", 1, "fft"),
        ((4096, 4096), (9, 9), "f8", 1, "fft"),  # oneDNN, which is fast, has no double precision
        ((1 << 20,), (3,), "f4", 1, "fold"),
        ((8, 8), (3, 3), "f4", 1, "conv"),
        ((112, 112), (31, 31), "f4", 128, "conv"),
    ],
)
def test_the_method_of_pytorch_follows_the_work(
    shape: tuple[int, ...], f: tuple[int, ...], dtype: str, groups: int, method: str
) -> None:
    weights = np.random.default_rng(0).random((groups, 1, *f)).astype(dtype)
    steps = (1,) * len(f)
    corr = Correlation(weights, steps, steps, groups)
    assert TorchEngine("cpu").plan(corr, 1, shape).method == method


@pytest.mark.parametrize("p", [((7, 7),) * 2, ((3, 9), (8, 7)), ((0, 0), (20, 20))])
def test_much_padding_of_a_depthwise_layer(p: tuple[tuple[int, int], ...]) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 5, 18, 17)), rng.normal(size=(5, 1, 15, 15))
    _check(
        {"x": x, "w": w, "s": (1, 1), "d": (1, 1), "p": p, "g": 5, "dims": 2},
        TorchEngine("cpu"),
    )


def test_separable_filters_are_found() -> None:
    for spec in ("gaussian:7:1.5", "box:5", "sobel-x", "gaussian:3x5x7"):
        w = named(spec).astype(np.float32)
        assert len(factors(w)) == 1
    assert len(factors(named("laplacian").astype(np.float64))) == 2
    assert factors(np.random.default_rng(0).normal(size=(9, 9))) == []


@given(n=st.integers(1, 500), most=st.integers(1, 500), threads=st.integers(1, 4))
def test_even_steps(n: int, most: int, threads: int) -> None:
    step = even_step(n, most, threads)
    parts = -(-n // step)
    assert 1 <= step <= n
    assert step <= most or most >= n
    assert parts == 1 or parts <= -(-n // most) + threads


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("--method fft -s 2", "--method fft does not apply: it needs real floats, stride 1"),
        (
            "--method separable",
            "--method separable does not apply: it needs one separable float",
        ),
        ("--method nonsense", "'nonsense' is not a method of the NumPy engine; write auto, gemm"),
        ("--method gemm --engine torch", "'gemm' is not a method of the PyTorch engine"),
        ("--method fft -s 2 --engine torch", "--method fft does not apply: it needs a CPU"),
    ],
)
def test_methods_that_do_not_apply(args: str, message: str) -> None:
    done = run_command("run", "rand:30x30", "-k", "rand:9x9", *args.split(), stdin=b"")
    assert (done.status, done.data) == (2, b"")
    assert message in done.err


def test_the_report_names_the_method() -> None:
    done = run_command(
        "run", "rand:30x30", "-k", "box:9", "--method", "separable", "--format", "table",
        "-o", "/dev/null", stdin=b"",
    )  # fmt: skip
    assert "cpu by numpy, method separable" in done.out


def test_engines_are_chosen_with_their_method() -> None:
    assert choose.choose_engine("numpy", method="fft").methods == tuple(METHODS)

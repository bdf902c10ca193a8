"""Every method of every engine against float64, across the edges of tiles, and with NaN in them."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from convcli.arrays.named.filters import named
from convcli.engines import (
    choose,
    gemm,
    non_finite,
    opencv,
    opencv_fft,
    opencv_separable,
)
from convcli.engines.base import Engine
from convcli.engines.correlation import Correlation, even_step
from convcli.engines.numpy_engine import METHODS, NumpyEngine
from convcli.engines.separable import factors
from convcli.engines.torch_engine import TorchEngine
from convcli.errors import UsageError
from convcli.geometry.window.axis import Window
from convcli.geometry.window.pad_modes import PAD_MODES
from tests import cases
from tests.cases import Case, Limits
from tests.conftest import run_command
from tests.run.helpers import convolve, make_tiles_small, resolve, resolve_case

# Largest error, in units in the last place of max|x| · sum|w|, that results are held to.
BOUND = 8

# Inputs of many tiles, and padding of more columns than a fold has.
LARGE = {1: Limits(70, f=20, p=40), 2: Limits(18, f=7, p=20), 3: Limits(6, f=4)}
DILATED = {dims: limits._replace(s=1) for dims, limits in LARGE.items()}
DENSE = {dims: limits._replace(s=1, d=1) for dims, limits in LARGE.items()}

small_tiles = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    make_tiles_small(monkeypatch)


layers = cases.layers(LARGE, each=(1, 2, 3, 17), integers=False)
dense_layers = cases.layers(DENSE, each=(1, 2, 3, 17), integers=False)
filters = cases.spatial_filters(LARGE, integers=False)
dilated_filters = cases.spatial_filters(DILATED, integers=False)
dense_planes = cases.spatial_filters(DENSE, st.just(2), integers=False)
dense_filters = cases.spatial_filters(DENSE, integers=False)


@st.composite
def separable_filters(draw: st.DrawFn, most_dims: int = 3) -> Case:
    """Sums of up to two products of 1-D filters."""
    case: Case = draw(cases.spatial_filters(LARGE, st.integers(2, most_dims), integers=False))
    shape: tuple[int, ...] = case.w.shape
    w = np.zeros(shape)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    for _ in range(draw(st.integers(1, 2))):
        product = np.array(1.0)
        for n in shape:
            product = np.multiply.outer(product, rng.normal(size=n))
        w += product
    return case.with_filter(w)


def _reference(case: Case) -> Any:
    """Convolve by PyTorch in float64."""
    x = np.pad(case.x.astype(np.float64), [(0, 0), (0, 0), *case.p])
    w, g = case.w.astype(np.float64), case.g
    if g is None:
        g = x.shape[1]
        w = np.broadcast_to(w, (g, 1, *w.shape))
    conv = getattr(torch.nn.functional, f"conv{case.dims}d")
    return conv(
        torch.from_numpy(x), torch.from_numpy(np.array(w)), stride=case.s, dilation=case.d,
        groups=g,
    ).numpy()  # fmt: skip


def _check(case: Case, engine: Engine, dtype: str = "f4") -> None:
    case = case.astype(dtype)
    found = convolve(case.x, resolve_case(case), engine, memory=1 << 12)
    w = np.abs(case.w.astype(np.float64))
    sums = w.sum() if case.g is None else w.reshape(len(w), -1).sum(1).max()
    scale = float(sums * np.abs(case.x).max())
    error = np.abs(found - _reference(case)).max()
    assert error <= BOUND * float(np.finfo(dtype).eps) * scale


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("method", ["gemm", "shift"])
@small_tiles
@given(case=layers)
def test_methods_for_any_layer(method: str, threads: int, case: Case) -> None:
    _check(case, NumpyEngine(threads, method))


@small_tiles
@given(case=dense_layers)
def test_fft_for_layers_without_steps(case: Case) -> None:
    _check(case, NumpyEngine(2, "fft"))


@pytest.mark.parametrize("kind", ["conv", "convt"])
def test_fft_cuts_lines_into_windows(kind: Any) -> None:
    """The outputs of a transposed convolution of stride 2 lie two apart."""
    rng = np.random.default_rng(0)
    x, w = 1 + rng.random((2, 3, 5000), np.float32), rng.random((3, 2, 63), np.float32)
    w = w if kind == "convt" else w.swapaxes(0, 1)
    window = Window((1,), s=(2 if kind == "convt" else 1,), p=((31, 31),), kind=kind)
    operation = resolve(x, w, window, dims=1)
    found, other = (
        convolve(x, operation, NumpyEngine(2, method), memory=1 << 30) for method in ("fft", "gemm")
    )
    assert np.abs(found - other).max() <= BOUND * np.finfo("f4").eps * 2 * 3 * 63


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@small_tiles
@given(case=dense_planes)
def test_fft_of_opencv_for_planes(dtype: str, case: Case) -> None:
    _check(case, NumpyEngine(2, "opencv-fft"), dtype)


@pytest.mark.parametrize("groups", [1, 3])
def test_fft_of_opencv_in_many_windows(groups: int) -> None:
    """Each channel has its filter, and the last windows along an axis are smaller."""
    rng = np.random.default_rng(0)
    x, w = rng.random((2, groups, 1000, 400), np.float32), rng.random((groups, 1, 31, 40), "f4")
    operation = resolve(x, w, Window((1,), p=((15, 3), (0, 20))), groups=groups)
    found = convolve(x, operation, NumpyEngine(2, "opencv-fft"), memory=1 << 30)
    other = convolve(x, operation, NumpyEngine(2, "gemm"), memory=1 << 30)
    assert np.abs(found - other).max() <= BOUND * np.finfo("f4").eps * w[0].sum()


@pytest.mark.parametrize("dtype", ["c8", "c16", "i8", "g"])
def test_types_that_opencv_does_not_convolve(dtype: str) -> None:
    corr = Correlation(np.ones((1, 1, 31, 31), dtype), (1, 1), (1, 1), 1, exact=dtype == "i8")
    plan = NumpyEngine(2, with_opencv=True).plan(corr, 1, (4096, 4096))
    assert not any(name.startswith("opencv") for name in plan.costs)


def _numbers_in_windows(n: int, f: int, window: int) -> int:
    whole, rest = divmod(n, window - f + 1)
    return whole * window + (opencv_fft.fast_size(rest + f - 1) if rest else 0)


@given(n=st.integers(1, 20_000), f=st.integers(1, 600), share=st.floats(0, 1))
def test_windows_of_planes_are_as_short_together_as_any(n: int, f: int, share: float) -> None:
    window, total = opencv_fft.best_window(n, f)
    assert total == _numbers_in_windows(n, f, window)
    least, most = max(256, 2 * f), max(720, 4 * f)
    assert window >= least
    other = opencv_fft.fast_size(round(least + share * (most - least)))
    assert total <= _numbers_in_windows(n, f, other)


@given(st.integers(1, 5000))
def test_sizes_that_transform_fast(n: int) -> None:
    size = opencv_fft.fast_size(n)
    assert n <= size <= max(1.25 * n, n + 31)
    assert size % 16 == 0
    for factor in (2, 3, 5):
        while size % factor == 0:
            size //= factor
    assert size == 1


def test_the_fft_of_opencv_is_chosen_where_it_has_the_library_of_intel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()  # tiles as large as they are
    corr = Correlation(np.ones((1, 1, 31, 31), "f4") + np.eye(31, dtype="f4"), (1, 1), (1, 1), 1)
    for fast, method in ((True, "opencv-fft"), (False, "fft")):
        monkeypatch.setattr(opencv_fft, "is_fast", lambda fast=fast: fast)
        engine = NumpyEngine(2, with_opencv=True)
        assert engine.plan(corr, 1, (4096, 4096)).method == method


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@small_tiles
@given(case=dilated_filters, data=st.data())
def test_opencv_for_small_filters(
    dtype: str, threads: int, case: Case, data: st.DataObject
) -> None:
    case = case.astype(dtype)
    if data.draw(st.booleans(), "some taps are zero"):
        case = case.with_filter(np.where(case.w > 0, case.w, 0))
    if data.draw(st.booleans(), "a NaN"):
        place = tuple(data.draw(st.integers(0, n - 1)) for n in case.x.shape)
        case.x[place] = np.nan
    operation = resolve_case(case)
    weights = operation.filter.astype(dtype)
    corr = Correlation(weights, case.s, case.d, 1)
    assume(opencv.applies(corr))
    found = convolve(case.x, operation, NumpyEngine(threads, "opencv"), memory=1 << 12)
    expected = _reference(case)
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    scale = float(np.abs(case.w).sum() * np.nanmax(np.abs(case.x), initial=0))
    error = np.nanmax(np.abs(found - expected), initial=0)
    assert error <= BOUND * float(np.finfo(dtype).eps) * scale


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@small_tiles
@given(
    case=cases.spatial_filters({2: Limits(70, f=9, s=1, d=1, p=20)}, st.just(2), integers=False),
    sign=st.sampled_from([1, -1]),
    data=st.data(),
)
def test_opencv_for_a_column_times_a_row(
    dtype: str, case: Case, sign: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    half, row = rng.normal(size=(case.w.shape[0] - 1) // 2), rng.normal(size=case.w.shape[1])
    middle = rng.normal(size=1) if sign > 0 else np.zeros(1)
    column = np.concatenate([half, middle, sign * half[::-1]])
    case = case.with_filter(np.outer(column, row)).astype(dtype)
    corr = Correlation(case.w[None, None], case.s, case.d, 1)
    assume(opencv_separable.applies(corr))  # a column may be a single zero
    _check(case, NumpyEngine(2, "opencv-separable"), dtype)
    case.x[tuple(data.draw(st.integers(0, n - 1)) for n in case.x.shape)] = np.nan
    found = convolve(case.x, resolve_case(case), NumpyEngine(2, "opencv-separable"), memory=1 << 12)
    assert np.array_equal(np.isnan(found), np.isnan(_reference(case)))


@pytest.mark.parametrize("shape", [(5, 2000), (2000, 5), (300, 400)])
@pytest.mark.parametrize("p", [0, 1, 7, 11, (7, 2)])
def test_opencv_for_a_blur_of_any_padding(shape: tuple[int, int], p: Any) -> None:
    """Rows and columns that OpenCV makes out of place, and planes that are turned."""
    x, w = np.random.default_rng(0).random(shape, np.float32), named("gaussian:15").astype("f4")
    pair = p if isinstance(p, tuple) else (p, p)
    if min(shape) + sum(pair) < 15:
        return
    operation = resolve(x, w, Window((1,), p=(pair, pair)))
    found, other = (
        convolve(x, operation, NumpyEngine(2, m)) for m in ("opencv-separable", "shift")
    )
    np.testing.assert_allclose(found, other, rtol=2e-6)


def test_opencv_adds_pixels_that_overflow_without_their_weights() -> None:
    x, w = np.full((40, 50), 3e38, np.float32), named("gaussian:5").astype("f4")
    found = convolve(x, resolve(x, w), NumpyEngine(1, "opencv-separable"))
    np.testing.assert_allclose(found, 3e38, rtol=1e-6)


def test_opencv_leaves_out_a_nan_under_a_zero() -> None:
    x, w = np.zeros((3, 50), np.float32), named("sobel-y").astype("f4")
    x[1, 20] = np.nan
    found = convolve(x, resolve(x, w), NumpyEngine(1, "opencv-separable"))
    assert np.isnan(found).sum() == 3


@pytest.mark.parametrize(
    ("spec", "possible"),
    [("gaussian:7", True), ("box:9", True), ("sobel-x", True), ("gaussian:4x5", False),
     ("laplacian", False), ("log:9", False)],
)  # fmt: skip
def test_filters_that_are_a_column_times_a_row(spec: str, possible: bool) -> None:
    for dtype in ("f4", "f8"):
        corr = Correlation(named(spec).astype(dtype)[None, None], (1, 1), (1, 1), 1)
        assert opencv_separable.applies(corr) == possible


def test_opencv_takes_no_filter_that_it_would_transform() -> None:
    """Its transform spreads a NaN over all outputs: its limits may change with its version."""
    for dtype, side in (("f4", 11), ("f8", 7)):
        x, w = np.zeros((64, 64), dtype), np.ones((side, side), dtype)
        x[32, 32] = np.nan
        found = convolve(x, resolve(x, w), NumpyEngine(1, "opencv"))
        assert np.isnan(found).sum() == side * side
        larger = Correlation(np.ones((1, 1, side + 1, side + 1), dtype), (1, 1), (1, 1), 1)
        assert not opencv.applies(larger)


@pytest.mark.parametrize("shape", [(3, 400), (400, 3), (90, 80)])
def test_opencv_in_every_pad_mode(shape: tuple[int, int]) -> None:
    """Outputs that read no padding are made from the input itself, the others from copies."""
    rng = np.random.default_rng(0)
    x, w = rng.random(shape, np.float32), rng.random((3, 3), np.float32)
    for mode in PAD_MODES:
        operation = resolve(x, w, Window((1,), p=((1, 2), (2, 0))), pad_mode=mode)
        found, other = (convolve(x, operation, NumpyEngine(2, m)) for m in ("opencv", "shift"))
        np.testing.assert_allclose(found, other, rtol=1e-5)


@small_tiles
@given(case=separable_filters())
def test_separable_for_sums_of_few_products(case: Case) -> None:
    _check(case, NumpyEngine(2, "separable"))


@pytest.mark.parametrize("power", [*range(-8, -1)])
@small_tiles
@given(case=separable_filters(most_dims=2), data=st.data())
def test_nearly_separable_filters_are_as_accurate(
    power: int, case: Case, data: st.DataObject
) -> None:
    """A small number more in one place is one product more, and must not be rounded off."""
    w = case.w.copy()
    place = tuple(data.draw(st.integers(0, n - 1)) for n in w.shape)
    w[place] += 10.0**power * np.abs(w).max()
    _check(case.with_filter(w), NumpyEngine(2, "separable"))


@pytest.mark.parametrize("method", ["conv", "fold"])
@small_tiles
@given(case=filters)
def test_methods_of_pytorch(method: str, case: Case) -> None:
    _check(case, TorchEngine("cpu", method=method))


def test_pytorch_takes_views_whose_steps_are_below_zero() -> None:
    x, w = np.random.default_rng(0).random((1, 1, 9, 8)), np.ones((3, 3))
    turned = x[..., ::-1]
    found = convolve(turned, resolve(turned, w), TorchEngine("cpu"))
    np.testing.assert_allclose(found, convolve(turned.copy(), resolve(x, w), NumpyEngine(1)))


@small_tiles
@given(case=layers)
def test_layers_of_pytorch(case: Case) -> None:
    _check(case, TorchEngine("cpu"))


@small_tiles
@given(case=dense_filters)
def test_fft_of_pytorch(case: Case) -> None:
    _check(case, TorchEngine("cpu", method="fft"))


@pytest.mark.parametrize("method", [name for name in METHODS if name != "max"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@small_tiles
@given(
    places=st.lists(
        st.tuples(st.just(0), st.integers(0, 1), st.integers(0, 29), st.integers(0, 30)),
        min_size=1, max_size=2,
    )
)  # fmt: skip
def test_nan_and_infinity_stay_where_they_are_read(
    method: str, value: float, places: list[tuple[int, ...]]
) -> None:
    x = np.random.default_rng(0).normal(size=(1, 2, 30, 31)).astype(np.float32)
    for place in places:
        x[place] = value
    w = named("gaussian:3x5").astype(np.float32)
    case = Case(x, w, s=(1, 1), p=((1, 1), (2, 2)), d=(1, 1), op=(0, 0))
    found = convolve(x, resolve_case(case), NumpyEngine(2, method), memory=1 << 12)
    np.testing.assert_allclose(found, _reference(case), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("each", [0, np.inf])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@small_tiles
@given(case=layers, data=st.data())
def test_nan_and_infinity_in_any_layer(
    value: float, each: float, case: Case, data: st.DataObject
) -> None:
    """Many places are convolved by definition, few are added to what the others make."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(non_finite, "_EACH", each)
        patch.setattr(non_finite, "_TAP", 0)
        case = case.astype("f8")
        for _ in range(data.draw(st.integers(1, 3))):
            case.x[tuple(data.draw(st.integers(0, n - 1)) for n in case.x.shape)] = value
        found = convolve(case.x, resolve_case(case), NumpyEngine(1, "gemm"), memory=1 << 12)
    np.testing.assert_allclose(found, _reference(case), rtol=1e-6, atol=1e-9)


def test_a_nan_leaves_the_other_outputs_accurate() -> None:
    x, w = np.full((120, 130), 0.1, np.float32), named("box:31").astype("f4")
    x[60, 60] = np.nan
    for method in ("auto", "shift"):
        found = convolve(x, resolve(x, w), NumpyEngine(2, method))
        assert np.isnan(found).sum() == 31 * 31
        assert np.nanmax(np.abs(found - 0.1)) <= BOUND * np.finfo("f4").eps * 0.1


@pytest.mark.parametrize("method", ["fold", "fft"])
def test_nan_stays_where_it_is_read_in_pytorch_too(method: str) -> None:
    x = np.zeros((1, 1, 40, 41), np.float32)
    x[0, 0, 20, 20] = np.nan
    operation = resolve(x, np.ones((3, 3), np.float32), Window((1,), p=((1, 1),)))
    found = convolve(x, operation, TorchEngine("cpu", method=method))
    assert np.isnan(found).sum() == 9


@pytest.mark.parametrize("method", ["auto", "gemm", "opencv", "shift"])
@pytest.mark.parametrize(("dtype", "high"), [("u1", 255), ("i4", 2**20), ("i8", 2**50)])
def test_integers_are_exact_by_every_method_that_takes_them(
    method: str, dtype: str, high: int
) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, high, (1, 1, 40, 50)).astype(dtype)
    w = rng.integers(-9, 10, (5, 4))
    operation = resolve(x, w, Window((1,), p=((2, 2), (1, 1))))
    if method in ("gemm", "opencv") and high == 2**50:
        with pytest.raises(UsageError, match=f"--method {method} does not apply"):
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
    operation = resolve(x, w, Window((1,), p=((2, 2), (1, 1))))
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
    ("found", "method"),
    [(["X86_V3", "X86_V4"], "gemm"), (["AVX512F", "AVX512_SKX"], "gemm"), (["X86_V3"], "fft")],
)
def test_the_method_follows_the_cpu(
    found: list[str], method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # tiles as large as they are
    config = {"SIMD Extensions": {"found": found}}
    monkeypatch.setattr(np, "show_config", lambda mode: config)
    monkeypatch.setattr(gemm, "_few", gemm._few.__wrapped__)
    weights = np.random.default_rng(0).random((1, 1, 15, 15), np.float32)
    corr = Correlation(weights, (1, 1), (1, 1), 1)
    assert NumpyEngine(2).plan(corr, 1, (1024, 1024)).method == method


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
    _check(Case(x, w, s=(1, 1), p=p, d=(1, 1), op=(0, 0), g=5), TorchEngine("cpu"))


def test_separable_filters_are_found() -> None:
    for spec in ("gaussian:7:1.5", "box:5", "sobel-x", "gaussian:3x5x7"):
        w = named(spec).astype(np.float32)
        assert len(factors(w)) == 1
    assert len(factors(named("laplacian").astype(np.float64))) == 2
    assert factors(np.random.default_rng(0).normal(size=(9, 9))) == []
    assert len(factors(named("gaussian:4001"))) == 1  # at once


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9), st.integers(1, 3))
def test_what_factors_leave_is_a_rounding(seed: int, rows: int, columns: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    w = sum(
        np.outer(*(10 ** rng.uniform(-3, 3, n) * rng.choice([-1, 1], n) for n in (rows, columns)))
        for _ in range(count)
    )
    terms = factors(w)
    if terms:
        left = w - sum(np.outer(*term) for term in terms)
        assert np.abs(left).sum() <= 4 * np.finfo(float).eps * np.abs(w).sum()


def test_a_layer_of_many_large_filters_keeps_no_spectra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # tiles as large as they are
    corr = Correlation(np.ones((64, 64, 31, 31), np.float32), (1, 1), (1, 1), 1)
    assert "fft" not in NumpyEngine(2).plan(corr, 1, (256, 256)).costs
    corr = Correlation(np.ones((4, 4, 31, 31), np.float32), (1, 1), (1, 1), 1)
    assert "fft" in NumpyEngine(2).plan(corr, 1, (256, 256)).costs


@given(n=st.integers(1, 500), most=st.integers(1, 500), threads=st.integers(1, 4))
def test_even_steps(n: int, most: int, threads: int) -> None:
    step = even_step(n, most, threads)
    parts = -(-n // step)
    assert 1 <= step <= n
    assert step <= most or most >= n
    assert parts == 1 or parts <= -(-n // most) + threads
    one_more = -(-n // (step - 1)) if step > 1 else 0  # parts of a smaller step
    assert parts == 1 or parts % threads == 0 or one_more != parts + 1 or n < 2 * threads
    assert even_step(n, most, threads, 4) % 4 == 0 or even_step(n, most, threads, 4) == n


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
        "-v", "-o", "/dev/null", stdin=b"",
    )  # fmt: skip
    assert "separable" in done.out


def test_engines_are_chosen_with_their_method() -> None:
    assert choose.choose_engine("numpy", method="fft").methods == tuple(METHODS)

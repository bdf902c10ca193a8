"""Filters and numbers: what is exact, what passes through, what is refused."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import torch
from hypothesis import given
from hypothesis import strategies as st

from convcli.arrays.named import filters
from convcli.arrays.named.filters import NAMED, PAIRS, named
from convcli.engines.numpy_engine import NumpyEngine
from convcli.engines.torch_engine import TorchEngine
from convcli.geometry.window.axis import Window
from convcli.run.verify import verify
from tests import cases
from tests.cases import Case
from tests.conftest import npy_bytes, run_command
from tests.run.helpers import convolve, engine_of, resolve, resolve_case

ENGINES = ("numpy", "torch")


def _run(x: Any, *args: str) -> Any:
    done = run_command("run", "-", *args, stdin=npy_bytes(x))
    assert done.status == 0, done.err
    return done.array


def test_filters_are_those_of_scipy() -> None:
    """Convolve an impulse; SciPy's derivative filters take the axis to differentiate."""
    impulse = np.zeros((7, 7))
    impulse[3, 3] = 1
    for axis, letter in ((1, "x"), (0, "y")):
        references = {"sobel": scipy.ndimage.sobel, "prewitt": scipy.ndimage.prewitt}
        for name, reference in references.items():
            found = _run(impulse, "-k", f"{name}-{letter}", "-p", "same")
            assert np.array_equal(found, reference(impulse, axis=axis))
    assert np.array_equal(_run(impulse, "-k", "laplacian", "-p", "same"),
                          scipy.ndimage.laplace(impulse))  # fmt: skip
    window = scipy.signal.windows.gaussian(5, 1.0)
    np.testing.assert_allclose(
        named("gaussian:5:1.0"), np.outer(window, window) / window.sum() ** 2
    )
    np.testing.assert_allclose(named("box:3x5"), np.full((3, 5), 1 / 15))


@pytest.mark.parametrize("name", NAMED)
def test_what_a_filter_does_to_a_flat_image(name: str) -> None:
    """A mean keeps it, a derivative gives 0."""
    filter_ = named(name)
    total = (
        0
        if name.split("-", maxsplit=1)[0] in ("sobel", "scharr", "prewitt", "laplacian", "log")
        else 1
    )
    assert filter_.sum() == pytest.approx(total, abs=1e-12)


def test_filters_of_other_axes() -> None:
    assert named("gaussian:5", dims=1).shape == (5,)
    assert named("box:3", dims=3).shape == (3, 3, 3)
    assert named("log:5x7").shape == (5, 7)
    done = run_command("run", "rand:9", "-k", "box:3", "--dims", "1", stdin=b"")
    assert done.array.shape == (7,)


def test_the_list_of_filters_has_their_numbers() -> None:
    lines = run_command("run", "--list-kernels").out.splitlines()
    assert len(lines) == len(NAMED) + len(PAIRS)
    for line in lines[: len(NAMED)]:
        spec, literal = line.split(maxsplit=1)
        np.testing.assert_allclose(json.loads(literal), filters.named(spec), rtol=1e-5)
    done = run_command("run", "--list-kernels", "-s", "2")
    assert done.err.endswith("--list-kernels shows filters and convolves nothing; omit -s\n")
    written = run_command("run", "--list-kernels", "--format", "json").out.splitlines()
    records = {record["name"]: record for record in map(json.loads, written)}
    assert list(records) == [line.split()[0] for line in lines]
    for name, pair in PAIRS.items():
        assert records.pop(name)["magnitude_of"] == list(pair)
    for spec, record in records.items():
        assert np.shape(record["weights"]) == tuple(record["filter"])
        np.testing.assert_array_equal(record["weights"], filters.named(spec))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("-k guassian:5", "did you mean gaussian?"),
        ("-k nothing-like-it", "names are identity, box, gaussian"),
        ("-k gaussian:5:wide", "sigma 'wide' must be a number above 0"),
        ("-k gaussian:5:1:2", "has more parameters than it takes; write gaussian:SIZE:SIGMA"),
        ("-k sobel-x:5", "has more parameters than it takes; write sobel-x"),
        ("-k identity:4", "identity's size must be odd"),
        ("-k box:0", "size '0' must be from 1 to 10000"),
        ("-k sobel-x --dims 1", "has 2 axes, not --dims 1"),
        ("-k box --pad-mode mirrored", "'mirrored' is not a pad mode; write zeros (constant|"),
        ("-k rand:2x1x3x3 --bias [1,2,3]", "the bias has shape 3, and the output 2 channels"),
        ("-k box --bias nope.npy", "neither a number nor a file; write 0.5, [1,2,3]"),
        ("-k box --bias 99999999999999999999", "does not fit int64; write it as a float"),
        ("-k [[9223372036854775808]]", "numbers beyond int64; write them as floats"),
        ("-k box --seed -1", "--seed -1 must be 0 or more"),
        ("-k box --threads 1000000", "more than the limit of 1024"),
        ("-k box --dims 9", "--dims 9 must be 1, 2 or 3"),
        ("-k box -g 0", "groups 0 must be 1 or more"),
        ("-k box -q --plot", "-q hides what --plot shows"),
        ("-k box --transposed --pad-mode reflect", "crops its output and is never filled"),
        ("-k box --output-padding 1", "add --transposed"),
        ("-k box --transposed --output-padding 1", "output padding 1 must be smaller"),
        ("-k box --dtype int32", "would round"),
        ("-k [[1e39]]", "the filter has numbers up to 1e+39, beyond the largest of float32"),
        ("-k box --bias 1e39", "the bias has numbers up to 1e+39, beyond the largest of float32"),
        ("-k box --dtype float99", "'float99' is not a type of number"),
        ("-k box --threads 0", "--threads 0 must be 1 or more"),
        ("-k box --memory lots", "'lots' is not a whole number of bytes, K, M or G"),
        ("-k box --engine jax", "'jax' is not an engine"),
        ("-k box --time 0", "--time 0 must be from 1 to 1000000"),
        ("-k box --time 1000001", "--time 1000001 must be from 1 to 1000000"),
    ],
)
def test_mistakes_with_filters_and_numbers(args: str, message: str, in_tmp: Path) -> None:
    done = run_command("run", "rand:8x8", *args.split(), stdin=b"")
    assert done.status in (1, 2)
    assert message in done.err
    assert (done.data, done.err.count("\n")) == (b"", 1)


def test_flip_is_the_convolution_of_mathematics() -> None:
    x = np.arange(20).reshape(4, 5) ** 2
    w = [[1, 2, 3], [4, 5, 7]]
    found = _run(x, "-k", json.dumps(w), "--flip", "-p", "full")
    assert np.array_equal(found, scipy.signal.convolve2d(x, w))
    straight = _run(x, "-k", json.dumps(w), "-p", "full")
    assert np.array_equal(straight, scipy.signal.correlate2d(x, w))


@pytest.mark.parametrize("engine", ENGINES)
@given(case=cases.layers(transposed=True, even=True, integers=False))
def test_transposed_layers_are_those_of_pytorch(engine: str, case: Case) -> None:
    case = case.astype("f4")
    x, w = (torch.from_numpy(array) for array in (case.x, case.w))
    channels = case.expected().shape[1]
    bias = np.random.default_rng(0).random(channels, np.float32)
    layer = getattr(torch.nn.functional, f"conv_transpose{case.dims}d")
    expected = layer(
        x, w, torch.from_numpy(bias), stride=case.s, padding=[begin for begin, _ in case.p],
        output_padding=case.op, groups=case.g, dilation=case.d,
    )  # fmt: skip
    found = convolve(case.x, resolve_case(case, bias=bias), engine_of(engine))
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_complex_numbers(engine: str, in_tmp: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.random((6, 7)) + 1j * rng.random((6, 7))
    w = rng.random((2, 3)) - 1j * rng.random((2, 3))
    np.save("w.npy", w)
    found = _run(x, "-k", "w.npy", "--engine", engine)
    # SciPy's correlate conjugates its second argument, which PyTorch and NumPy's sums do not.
    expected = scipy.signal.correlate2d(x, w.conj(), mode="valid")
    np.testing.assert_allclose(found, expected)
    mixed = _run(x.astype(np.complex64), "-k", "[[1,2],[3,4]]", "--engine", engine)
    assert mixed.dtype == np.complex64


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_reach_only_the_windows_that_read_them(engine: str, value: float) -> None:
    x = np.ones((9, 9), np.float32)
    x[4, 4] = value
    found = _run(x, "-k", "[[1.0,0.0,1.0],[1.0,2.0,1.0],[1.0,1.0,1.0]]", "--engine", engine)
    touched = np.zeros((7, 7), bool)
    touched[2:5, 2:5] = True
    assert np.array_equal(~np.isfinite(found), touched)
    assert np.isnan(found[4, 3])  # 0 times infinity
    if np.isinf(value):
        assert found[2, 2] == value


@pytest.mark.parametrize(
    ("args", "x", "dtype"),
    [
        ("--dtype float64", np.ones((3, 3), np.float32), "f8"),
        ("--dtype float16", np.ones((3, 3), np.float32), "f2"),
        ("--dtype uint8", np.ones((3, 3), np.uint8), "u1"),
        ("--dtype int16", np.ones((3, 3), np.int64), "i2"),
        ("--dtype float32", np.ones((3, 3), np.int64), "f4"),
        ("--dtype complex64", np.ones((3, 3), np.float32), "c8"),
    ],
)
def test_dtype_is_that_of_the_output(args: str, x: Any, dtype: str) -> None:
    found = _run(x, "-k", "[[1,2],[3,4]]", *args.split())
    assert found.dtype == np.dtype(dtype)
    assert (found == 10).all()


def test_integers_that_the_type_asked_for_cannot_hold_are_refused() -> None:
    x = np.full((3, 3), 100, np.uint8)
    done = run_command("run", "-", "-k", "[[1,2]]", "--dtype", "uint8", stdin=npy_bytes(x))
    assert (done.status, done.data) == (1, b"")
    assert "results from 300 to 300 do not fit --dtype uint8 (0 to 255)" in done.err


def test_float64_is_computed_in_float64() -> None:
    x = np.array([[1.0, 1e-12]])
    assert _run(x, "-k", "[[1,1]]").item() == 1 + 1e-12
    assert _run(x.astype(np.float32), "-k", "[[1,1]]", "--dtype", "float64").item() > 1


@given(values=st.lists(st.integers(-(2**62), 2**62), min_size=4, max_size=4))
def test_large_integers_are_exact_or_refused(values: list[int]) -> None:
    x = np.array([values], np.int64)
    done = run_command("run", "-", "-k", "[[1,-1]]", stdin=npy_bytes(x))
    exact = [values[i] - values[i + 1] for i in range(3)]
    if done.status:
        assert 2 * max(map(abs, values)) >= 2**63
        assert "does not fit int64" in done.err
    else:
        assert done.array.tolist() == [exact]


@pytest.mark.parametrize("engine", ENGINES)
def test_verify_passes_what_is_right(engine: str) -> None:
    for args in (
        "rand:200x150 -k gaussian:5 -p same --pad-mode reflect",
        "rand:2x3x20x20 -k rand:4x3x3x3 -s 2 -p 1 --bias [1,2,3,4]",
        "rand:4x9x9 -k rand:4x2x3x3 --transposed -s 2 -p 1 -g 2",
        "arange:30x30 -k sobel-x --flip",
        "randn:64x64 -k rand:5x5 --dtype float16",
    ):
        done = run_command("run", *args.split(), "--verify", "--engine", engine, "-o", "/dev/null",
                           "--format", "json", stdin=b"")  # fmt: skip
        assert done.status == 0, done.err
        verdict = json.loads(done.out)["verify"]
        assert verdict["passed"]
        assert verdict["checked"] > 0


@pytest.mark.parametrize(
    "args", ["rand:20x20 -k gaussian:5", "arange:20x20 -k sobel-x", "rand:8x8 -k rand:2x2"]
)
def test_verify_fails_what_is_wrong(args: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = NumpyEngine.convolve_slab

    def wrong(self: Any, plan: Any, slab: Any, corr: Any, out: Any, *zeros: Any) -> None:
        right(self, plan, slab, corr, out, *zeros)
        out[..., -1] += 1

    monkeypatch.setattr(NumpyEngine, "convolve_slab", wrong)
    done = run_command("run", *args.split(), "--verify", "-o", "/dev/null", stdin=b"")
    assert done.status == 1
    assert "FAILED" in done.out
    assert "--verify found an output off by 1, beyond the tolerance" in done.err
    assert "written to" not in done.out


def test_verify_allows_for_thousands_of_equal_products() -> None:
    """Added one by one they are off by more than 64 roundings, in PyTorch as well."""
    flat = np.full((230, 240), 0.1, np.float32)
    rows, columns = np.indices((101, 101)) - 50
    disc = (rows**2 + columns**2 <= 50**2).astype(np.float32) / 7845
    operation = resolve(flat, disc, Window((1,), (2,)))
    found = convolve(flat, operation, TorchEngine("cpu", method="conv"))
    assert verify(flat, found, operation).passed
    assert not verify(flat, found * np.float32(1 + 1e-3), operation).passed


def test_time_reports_what_a_user_needs() -> None:
    done = run_command("run", "rand:64x64", "-k", "rand:3x3", "--time", "3", "--format", "json",
                       "-o", "/dev/null", stdin=b"")  # fmt: skip
    timing = json.loads(done.out)["time"]
    assert timing["runs"] == 3
    assert timing["macs"] == 62 * 62 * 9
    assert timing["bytes"] == (64 * 64 + 62 * 62) * 4
    assert timing["seconds"] > 0


def test_one_huge_value_does_not_make_the_others_inaccurate() -> None:
    """A transform rounds against the largest number in its window: there it is not taken."""
    x = np.random.default_rng(0).random((300, 300), np.float32)
    w = np.random.default_rng(1).random((31, 31), np.float32)
    expected = scipy.signal.correlate(x, w, mode="valid")
    x[5, 5] = -1e20
    for engine in ENGINES:
        operation = resolve(x, w, Window((1,)))
        found = convolve(x, operation, engine_of(engine, "fft"))
        far = (slice(6, None), slice(6, None))
        np.testing.assert_allclose(found[far], expected[far], rtol=1e-4)


def test_verify_bounds_each_output_by_its_own_products() -> None:
    x = np.ones((60, 60), np.float32)
    x[0, 0] = 1e20
    operation = resolve(x, named("box:3").astype(np.float32), Window((1,)))
    y = convolve(x, operation, engine_of("numpy"))
    assert verify(x, y, operation).passed
    y[30, 30] += 0.01
    assert not verify(x, y, operation).passed


@pytest.mark.parametrize(
    "args",
    ["randn:8x8 -k [[0.001]] --bias 1000000.5", "low.npy -k gaussian:5", "wide.npy -k [[1]]"],
)
def test_verify_passes_bias_and_extremes(args: str, in_tmp: Path) -> None:
    np.save("low.npy", np.full((9, 9), -128, np.int8))
    np.save("wide.npy", np.full((9, 9), 2**40, np.int64))
    done = run_command("run", *args.split(), "--verify", "-o", "/dev/null", stdin=b"")
    assert done.status == 0, done.out + done.err


@pytest.mark.parametrize(
    ("args", "x"),
    [
        ("-k [[-1]] --dtype uint64", np.ones((3, 3), np.int64)),
        ("-k [[-1]] --transposed -s 2 --bias 300 --dtype uint8", np.full((3, 3), -90)),
        ("-k [[1]] --transposed -s 2 --bias 300 --dtype uint8", np.full((3, 3), -90)),
    ],
)
def test_no_integer_ever_wraps(args: str, x: Any) -> None:
    done = run_command("run", "-", *args.split(), stdin=npy_bytes(x))
    assert (done.status, done.data) == (1, b"")
    assert "do not fit --dtype" in done.err


def test_outputs_that_no_tap_reaches_hold_only_the_bias() -> None:
    args = ("-k", "[[1]]", "--transposed", "-s", "3", "--output-padding", "2", "-p", "1:0")
    assert _run(np.ones((1, 1), np.int64), *args).tolist() == [[0, 0], [0, 0]]
    assert _run(np.ones((1, 1), np.int64), *args, "--bias", "7").tolist() == [[7, 7], [7, 7]]


def test_a_random_filter_is_one_for_all_that_is_convolved() -> None:
    x = np.ones((4, 4), np.float32)
    done = run_command("run", "-f", "3", stdin=npy_bytes(x, x))
    half = len(done.data) // 2
    assert done.data[:half] == done.data[half:]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("more", [(), ("--transposed",)])
def test_a_filter_is_not_rounded_to_the_type_of_the_output(
    engine: str, more: tuple[str, ...], in_tmp: Path
) -> None:
    x = np.full((1, 1), 3000, np.float32)
    found = _run(x, "-k", "[[0.33333334]]", "--dtype", "float16", "--engine", engine, *more)
    assert found.item() == 1000  # of 0.33333 in float16 it would be 999.5


@pytest.mark.parametrize("engine", ENGINES)
def test_what_float16_cannot_hold_is_infinite_without_a_warning(engine: str, in_tmp: Path) -> None:
    np.save("x.npy", np.full((1, 1), 1e5, np.float32))
    args = ("x.npy", "-k", "[[1.0]]", "--dtype", "float16", "--engine", engine, "-o", "y.npy")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = run_command("run", *args, stdin=b"")
    assert (done.status, done.err) == (0, "")
    assert np.isinf(np.load("y.npy")).all()


def test_a_bias_need_not_fit_where_every_output_is_reached() -> None:
    x = np.ones((4, 4), np.uint8)
    args = "-k [[-100]] --transposed --bias 300 --dtype uint8".split()
    done = run_command("run", "-", *args, stdin=npy_bytes(x))
    assert done.status == 0, done.err
    assert done.array.tolist() == np.full((4, 4), 200).tolist()

"""`run` in this process: values, axes, engines, messages."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convcli.engines.base import Engine
from tests import cases
from tests.cases import Case
from tests.conftest import DATA, npy_bytes, run_command
from tests.naive import PAD_MODES
from tests.run.helpers import convolve, engine_of, resolve_case

KNOWN = json.loads((DATA / "known_answers.json").read_text())
ENGINES = [engine_of("numpy"), engine_of("torch")]

both_engines = pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.name)


def _text(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)


@pytest.mark.parametrize("engine", ["numpy", "torch"])
@pytest.mark.parametrize("case", [c for c in KNOWN["values"] if not c.get("flip")])
def test_known_values(case: dict[str, Any], engine: str) -> None:
    x = np.array(case["x"])
    done = run_command(
        "run", "-", "-k", json.dumps(case["k"]), "-p", _text(case["p"]),
        "-s", _text(case.get("s", 1)), "--engine", engine, stdin=npy_bytes(x),
    )  # fmt: skip
    assert done.status == 0
    assert done.array.dtype == np.int64
    assert done.array.tolist() == case["out"]


@both_engines
@given(case=cases.layers(), mode=st.sampled_from(tuple(PAD_MODES)))
def test_a_layer_is_what_the_definition_says(engine: Engine, case: Case, mode: str) -> None:
    found = convolve(case.x, resolve_case(case, pad_mode=mode), engine)
    assert found.dtype == np.int64
    assert np.array_equal(found, case.expected(mode))


@both_engines
@given(case=cases.layers())
def test_a_layer_is_what_pytorch_says(engine: Engine, case: Case) -> None:
    case = case.astype("f4")
    layer = getattr(torch.nn.functional, f"conv{case.dims}d")
    padded = np.pad(case.x, [(0, 0), (0, 0), *case.p])
    expected = layer(
        torch.from_numpy(padded), torch.from_numpy(case.w), stride=case.s, dilation=case.d,
        groups=case.g,
    )  # fmt: skip
    found = convolve(case.x, resolve_case(case), engine)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-3)


@both_engines
@given(case=cases.spatial_filters())
def test_a_spatial_filter_is_applied_to_each_channel(engine: Engine, case: Case) -> None:
    assert np.array_equal(convolve(case.x, resolve_case(case), engine), case.expected())


@both_engines
@pytest.mark.parametrize("dtype", ["i8", "f4"])
@given(case=cases.layers(transposed=True))
def test_a_transposed_layer_is_what_the_definition_says(
    engine: Engine, dtype: str, case: Case
) -> None:
    case = case.astype(dtype)
    assert np.array_equal(convolve(case.x, resolve_case(case), engine), case.expected())


@pytest.mark.parametrize(
    ("x", "k", "groups", "remedy"),
    [
        ("4x8x8", "3x2x3x3", 2, "-g 1"),
        ("6x8x8", "4x2x3x3", 3, "-g 1"),
        ("8x8x8", "6x2x3x3", 4, "-g 2"),
        ("3x8x8", "3x2x3x3 --transposed", 2, "-g 1"),
    ],
)
def test_groups_must_divide_the_channels(x: str, k: str, groups: int, remedy: str) -> None:
    """Also those of the output: 3 of them cannot be split into 2 groups."""
    done = run_command("run", f"rand:{x}", "-k", *f"rand:{k}".split(), "-g", str(groups), stdin=b"")
    assert (done.status, done.data, done.err.count("\n")) == (1, b"", 1)
    assert f"channels, which {groups} groups do not divide; use {remedy}" in done.err


@pytest.mark.parametrize(
    ("x", "k", "layout", "axes", "shape"),
    [
        ("rand:8x8", "rand:3x3", None, "HW", (6, 6)),
        ("rand:2x8x8", "rand:3x3", None, "CHW", (2, 6, 6)),
        ("rand:5x2x8x8", "rand:3x3", None, "NCHW", (5, 2, 6, 6)),
        ("rand:8x8x2", "rand:3x3", "HWC", "HWC", (6, 6, 2)),
        ("rand:2x8x8", "rand:4x2x3x3", None, "CHW", (4, 6, 6)),
        ("rand:8x8x2", "rand:4x2x3x3", "HWC", "HWC", (6, 6, 4)),
        ("rand:8x8", "rand:4x1x3x3", None, "HW", (4, 6, 6)),
        ("rand:9", "rand:3", None, "W", (7,)),
        ("rand:2x9", "rand:4x2x3", None, "CW", (4, 7)),
        ("rand:5x6x7", "rand:3x3x3", None, "DHW", (3, 4, 5)),
        ("rand:5x2x9", "rand:4x2x3", "NCW", "NCW", (5, 4, 7)),
        ("rand:2x5x6x7", "rand:4x2x3x3x3", None, "CDHW", (4, 3, 4, 5)),
    ],
)
def test_axes_are_read_by_their_number(
    x: str, k: str, layout: str | None, axes: str, shape: tuple[int, ...]
) -> None:
    more = ["--layout", layout] if layout else []
    done = run_command("run", x, "-k", k, "--format", "json", *more, "-o", "/dev/null")
    record = json.loads(done.out)
    assert record["input_layout"] == axes
    assert tuple(record["output_shape"]) == shape


@pytest.mark.parametrize(
    ("args", "noted"),
    [
        ("rand:2x4x9 -k rand:2x4x3", "add --dims 1"),
        ("rand:2x4x9 -k rand:2x4x3 --dims 1", None),
        ("rand:2x4x9 -k rand:2x4x3 --layout NCW", None),
        ("rand:2x4x9 -k rand:2x3x3", None),
        ("rand:9x3x9 -k box:3x3x3", None),
        ("rand:4x4 -k box:3 --pad-mode edge -p 0x0", "has no effect without padding"),
        ("rand:4x4 -k box:3 --pad-mode edge -p valid", "has no effect without padding"),
        ("rand:4x4 -k box:3 --pad-mode edge -p same", None),
        ("rand:4x4 -k box:3 --pad-mode edge", "--pad-mode edge has no effect without padding"),
        ("rand:4x4 -k box:3 --pad-mode edge -p 1", None),
        ("rand:4x4 -k box:3 --pad-mode constant", None),
    ],
)
def test_what_may_not_be_meant_is_noted(args: str, noted: str | None) -> None:
    done = run_command("run", *args.split(), "-o", "/dev/null", stdin=b"")
    assert done.status == 0
    assert noted in done.err if noted else done.err == ""


def test_the_tutorials_examples() -> None:
    same = run_command("run", "rand:8x8", "-f", "3", "-p", "1", stdin=b"")
    half = run_command("run", "rand:8x8", "-k", "rand:3x3", "-p", "1", "-s", "2", stdin=b"")
    grown = run_command("run", "rand:3x3", "-k", "rand:2x2", "-p", "1", stdin=b"")
    assert [done.array.shape for done in (same, half, grown)] == [(8, 8), (4, 4), (4, 4)]


def test_a_random_filter_is_that_of_a_fresh_layer() -> None:
    """As `nn.Conv2d`: within 1/sqrt(fan in), and as wide as that."""
    done = run_command("run", "ones:1x1", "-f", "101", "-p", "50", "--seed", "3", stdin=b"")
    assert done.array.shape == (1, 1)
    impulse = np.zeros((401, 401), np.float32)
    impulse[200, 200] = 1
    weights = run_command("run", "-", "-f", "101", stdin=npy_bytes(impulse)).array
    weights = weights[weights != 0]
    assert 0.99 / 101 < np.abs(weights).max() <= 1 / 101


def test_a_seed_makes_a_run_repeatable() -> None:
    args = ("run", "rand:8x8", "-k", "rand:3x3", "--seed")
    first, again, other = (run_command(*args, seed, stdin=b"").data for seed in "778")
    assert first == again
    assert first != other


@pytest.mark.parametrize("dtype", ["u1", "i1", "<u2", ">u2", "<i4", ">i8", "u8", "?"])
def test_integers_are_exact(dtype: str) -> None:
    rng = np.random.default_rng(5)
    high = 2 if dtype == "?" else np.iinfo(dtype).max // 64
    x = rng.integers(0, high, (6, 6)).astype(dtype)
    done = run_command("run", "-", "-k", "[[1,2],[3,-4]]", stdin=npy_bytes(x))
    exact = x.astype(object)
    expected = exact[:-1, :-1] + 2 * exact[:-1, 1:] + 3 * exact[1:, :-1] - 4 * exact[1:, 1:]
    assert done.array.dtype == np.int64
    assert (done.array.astype(object) == expected).all()


def test_integers_that_cannot_fit_are_refused() -> None:
    x = np.full((2, 2), 2**62, np.int64)
    done = run_command("run", "-", "-k", "[[1,1],[1,1]]", stdin=npy_bytes(x))
    assert done.status == 1
    assert "does not fit int64" in done.err
    assert done.data == b""


@pytest.mark.parametrize(
    ("x", "w", "expected"),
    [
        ("u1", "f8", "f4"), ("i2", "f4", "f4"), ("i4", "f4", "f8"), ("i8", "f8", "f8"),
        ("f2", "f8", "f2"), ("f4", "f8", "f4"), ("f8", "f4", "f8"), ("f4", "i8", "f4"),
        ("c8", "f8", "c8"), ("f4", "c8", "c8"), ("f8", "c8", "c16"), ("u1", "i8", "i8"),
        (">f4", "f4", "f4"), (">i2", ">i4", "i8"),
    ],
)  # fmt: skip
def test_types_of_results(x: str, w: str, expected: str, in_tmp: Path) -> None:
    np.save("w.npy", np.ones((2, 2), w))
    done = run_command("run", "-", "-k", "w.npy", stdin=npy_bytes(np.ones((3, 3), x)))
    assert done.array.dtype == np.dtype(expected)
    assert np.array_equal(done.array, np.full((2, 2), 4))


def test_half_floats_are_summed_in_single() -> None:
    """2048 + 1 is 2048 in half precision: added one by one the ones would be lost."""
    x = np.ones((1, 4097), np.float16)
    x[0, 0] = 2048
    done = run_command("run", "-", "-k", json.dumps([[1.0] * 4097]), stdin=npy_bytes(x))
    assert done.array.tolist() == [[2048 + 4096]]


@both_engines
@pytest.mark.parametrize("order", ["C", "F"])
def test_memory_order_makes_no_difference(engine: Engine, order: Any) -> None:
    x = np.asarray(np.arange(60.0).reshape(3, 4, 5), order=order)
    done = run_command("run", "-", "-k", "box:2", "--engine", engine.name, stdin=npy_bytes(x))
    expected = run_command("run", "-", "-k", "box:2", stdin=npy_bytes(np.ascontiguousarray(x)))
    np.testing.assert_allclose(done.array, expected.array)


def test_wide_inputs_cross_tiles() -> None:
    """Larger than one tile, so that halos meet: every tile edge lies inside."""
    rng = np.random.default_rng(1)
    x = rng.integers(-9, 10, (700, 613))
    w = rng.integers(-9, 10, (3, 2))
    done = run_command(
        "run", "-", "-k", json.dumps(w.tolist()), "-p", "2:1x0:3", "-s", "3x2", stdin=npy_bytes(x)
    )
    padded = np.pad(x, [(2, 1), (0, 3)])
    view = np.lib.stride_tricks.sliding_window_view(padded, w.shape)[::3, ::2]
    assert np.array_equal(done.array, np.einsum("ijkl,kl->ij", view, w))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("rand:1x2x9 -k rand:4x2x1", "use -p 2 or more, or --dims 1 for the weight of a 1-D layer"),
        ("rand:40x50x3 -k box:5", "or --layout HWC if the last axis holds channels"),
        ("rand:400x2 -k [1,2,1]", "or --layout WC if the last axis holds channels"),
        ("rand:6x2 -k rand:5x4x3 --layout HW", "another --layout than HW"),
        ("rand:8x8 -k box --time 2 --format plain", "--time has no plain form; use --format table"),
        ("arange:4x4 -k [[1]] --dims 1", "leave out --dims 1"),
        ("rand:8x8 -k box --plot --format json", "--plot cannot be combined with --format json"),
        ("rand:8x8 -k box --dtype float32 -o y.png", "--dtype float32 is not a pixel type"),
        ("rand:8x8 -k box --dtype f8 -o y.tif", "--dtype f8 is not a pixel type"),
        ("arange:8x8 -k box --dtype uint8 -o y.png", "omit --dtype, or add --scale clip"),
        ("arange:8x8 -k [[9]] --dtype uint8 --scale minmax -o y.png", "omit --dtype, or add"),
        (
            "rand:8x8 -k box --plot --scale clip -o y.png",
            "omit --scale, or add --output-format png",
        ),
        (
            "arange:4x4 --pool avg -f 2 --dtype int64",
            "would round: a mean is a float; omit --dtype",
        ),
        ("arange:4x4 -k sobel --dtype int64", "would round: a magnitude is a float; omit --dtype"),
        ("rand:8x8x3 -k box --layout HWC -o y.pgm", "a .pgm has no colours; write it as .ppm"),
    ],
)
def test_remedies_that_work(args: str, message: str, in_tmp: Path) -> None:
    done = run_command("run", *args.split(), stdin=b"")
    assert done.status in (1, 2)
    assert message in done.err
    assert not list(in_tmp.iterdir())

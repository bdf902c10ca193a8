"""Magnitudes of gradients: sobel, scharr and prewitt, of two filters each."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st

from convcli.arrays.named.filters import PAIRS, pair
from convcli.geometry.window.axis import Window
from convcli.run.compute.blocks import plan_blocks
from convcli.run.compute.convolver import convolve_block
from convcli.run.compute.job import Job
from tests.conftest import npy_bytes, run_command
from tests.run.helpers import METHODS, convolve, convolve_piped, engine_of, resolve

X = np.random.default_rng(0).integers(0, 256, (40, 50), np.uint8)


def _run(x: Any, *args: str) -> Any:
    done = run_command("run", "-", *args, stdin=npy_bytes(x))
    assert done.status == 0, done.err
    return done.array


@pytest.mark.parametrize("name", ["sobel", "prewitt"])
def test_magnitudes_are_those_of_scipy(name: str) -> None:
    x = X.astype(np.float64)
    found = _run(x, "-k", name, "-p", "same", "--pad-mode", "reflect")
    derivative = getattr(scipy.ndimage, name)
    expected = scipy.ndimage.generic_gradient_magnitude(x, derivative, mode="mirror")
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("dtype", ["u1", "i4", "f2", "f4", "f8"])
@pytest.mark.parametrize(
    "args", ["-p 1", "-s 2 -d 2", "--transposed -s 2 -p 1", "--flip", "-p same --dtype float64"]
)
def test_a_magnitude_is_that_of_both_filters(name: str, dtype: str, args: str) -> None:
    x = X.astype(dtype)
    found = _run(x, "-k", name, *args.split(), "--verify")
    both = [_run(x.astype("f8"), "-k", part, *args.split()) for part in PAIRS[name]]
    kind = {"u1": "f4", "i4": "f8"}.get(dtype, dtype)
    assert found.dtype == ("f8" if "float64" in args else kind)
    rtol = 4 * float(np.finfo(found.dtype).eps) + (1e-5 if dtype in ("f2", "f4") else 0)
    np.testing.assert_allclose(found, np.hypot(*both).astype(found.dtype), rtol=rtol, atol=1e-3)


@pytest.mark.parametrize(("engine", "method"), METHODS)
def test_every_method_and_block(engine: str, method: str) -> None:
    x, y = pair("sobel")
    image = X.astype(np.float32)
    operation = resolve(image, x, Window((1,), p=((1, 1), (1, 1))), second=y)
    made = engine_of(engine, method)
    whole = convolve(image, operation, made)
    parts = [
        convolve(image, resolve(image, each, Window((1,), p=((1, 1), (1, 1)))), made)
        for each in (x, y)
    ]
    np.testing.assert_allclose(whole, np.hypot(*parts), rtol=1e-6)
    piped, blocks = convolve_piped(image, operation, made, 4000)
    assert blocks > 3
    np.testing.assert_allclose(piped, whole, rtol=1e-4, atol=1e-3)


def test_a_job_of_two_filters_is_data() -> None:
    x, y = pair("scharr")
    job = Job(resolve(X, x, Window((1,)), second=y), engine_of("numpy"))
    blocks = plan_blocks(job.operation, X.shape, 4000, job.whole_tiles)
    copy = pickle.loads(pickle.dumps(job))
    for block in blocks:
        part = X[tuple(slice(each.start, each.stop) for each in block.input)]
        here, plans = convolve_block(job, block, part)
        assert np.array_equal(here, convolve_block(copy, block, part)[0])
        assert len(plans) == 2


@given(dims=st.integers(2, 4), memory=st.sampled_from(["1K", "32M"]))
def test_each_channel_has_its_magnitude(dims: int, memory: str) -> None:
    x = np.random.default_rng(dims).random((2, 3, 9, 8)[4 - dims :])
    found = _run(x, "-k", "sobel", "--memory", memory)
    for index in np.ndindex(x.shape[:-2]):
        np.testing.assert_allclose(found[index], _run(x[index], "-k", "sobel"), rtol=1e-12)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("-k sobel --bias 1", "--bias cannot be combined with the magnitude of a gradient"),
        ("-k sobel:5", "-k 'sobel:5' has more parameters than it takes; write sobel"),
        ("-k sobel --dims 1", "-k sobel has 2 axes"),
        ("-k sobell", "did you mean sobel or sobel-"),
        ("-k sobel --dtype int16", "would round"),
    ],
)
def test_what_a_magnitude_does_not_take(args: str, message: str) -> None:
    done = run_command("run", "rand:8x8", *args.split(), stdin=b"")
    assert (done.status, done.data) == (2 if "sobell" not in args else 1, b"")
    assert message in done.err


def test_complex_numbers_have_none() -> None:
    done = run_command("run", "-k", "sobel", stdin=npy_bytes(np.ones((4, 4), complex)))
    assert done.status == 2
    assert "the input is complex" in done.err


@pytest.mark.parametrize(
    "args",
    ["-k sobel", "-k box --dtype uint8 --scale clip", "-k sharpen --dtype int8 --scale clip"],
)
def test_verify_fails_a_wrong_join(args: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(sums: Any, out: Any) -> None:
        out[...] = sums[0]
        out[0, 0] += 3

    monkeypatch.setattr("convcli.run.compute.convolver.join", wrong)
    x = np.arange(64, dtype=np.uint8).reshape(8, 8)
    done = run_command(
        "run", *args.split(), "--verify", "-o", "/dev/null", "-q", stdin=npy_bytes(x)
    )
    assert done.status == 1
    assert "--verify found an output off by" in done.err


def test_the_report_names_both_filters(in_tmp: Path) -> None:
    done = run_command("run", "rand:8x8", "-k", "sobel", "--format", "json", "--time", "1")
    record = json.loads(done.out)
    assert record["filter_name"] == "sobel (magnitude of sobel-x and sobel-y)"
    assert record["time"]["macs"] == 2 * 6 * 6 * 9

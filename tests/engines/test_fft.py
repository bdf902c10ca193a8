"""Transforms: which inputs they are accurate for."""

from typing import Any

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from convcli.engines.choose import choose_engine
from convcli.engines.fft import LARGEST_ERROR, balanced
from convcli.geometry.window.axis import Window
from convcli.run.resolve.operation import resolve
from tests.run.helpers import convolve, engine_of


@given(
    n=st.lists(st.integers(1, 30), min_size=1, max_size=2),
    share=st.floats(0, 1),
    power=st.integers(1, 20),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_output_reads_a_number_that_is_large_enough(
    n: list[int], share: float, power: int, seed: int
) -> None:
    slab = np.random.default_rng(seed).random((1, 1, *n), np.float32) ** power
    f = [max(round(size * share), 1) for size in n]
    if balanced(slab, f, 1):
        axes = tuple(range(-len(f), 0))
        least = sliding_window_view(slab[0, 0], f).max(axis=axes).min()
        assert slab.max() * np.finfo(np.float32).eps <= LARGEST_ERROR * least


def test_ordinary_images_are_transformed() -> None:
    """The rule above would be kept by transforming nothing."""
    rng = np.random.default_rng(0)
    assert balanced(rng.random((1, 1, 64, 64), np.float32), (31, 31), 1)
    padded = np.pad(rng.random((1, 1, 64, 64), np.float32), [(0, 0), (0, 0), (15, 15), (15, 15)])
    assert balanced(padded, (31, 31), 1)
    assert not balanced(np.full((1, 1, 9, 9), np.nan, np.float32), (3, 3), 1)


@pytest.mark.parametrize("engine", ["numpy", "torch"])
@pytest.mark.parametrize("dark", [1e-6, 1e-4, 0])
def test_a_dark_area_beside_a_bright_one_is_accurate(engine: str, dark: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.random((600, 600), np.float32)
    x[:, :300] *= dark
    w = rng.random((31, 31), np.float32)
    y: Any = convolve(x, resolve(x.shape, x.dtype, w, Window((1,))), choose_engine(engine))
    expected = scipy.signal.oaconvolve(x[:, :300].astype(float), w[::-1, ::-1], "valid")
    in_the_dark = y[:, : expected.shape[1]]
    np.testing.assert_allclose(in_the_dark, expected, rtol=1e-3)


@pytest.mark.parametrize("engine", [("numpy", "fft"), ("numpy", "opencv-fft"), ("torch", "fft")])
@pytest.mark.parametrize("exponent", [34, 34.3, 34.4, 34.5, 34.7, 34.8, 36])
@pytest.mark.parametrize("dims", [1, 2])
def test_numbers_whose_transform_overflows_are_convolved_all_the_same(
    engine: tuple[str, str], exponent: float, dims: int
) -> None:
    """In a transform of float32, sums of a whole window overflow, some of them or all."""
    if engine[1] == "opencv-fft" and dims == 1:
        return
    rng = np.random.default_rng(5)
    shape, f = ((300, 300), (31, 31)) if dims == 2 else ((60_000,), (301,))
    x = (rng.normal(size=shape) * 10**exponent).astype(np.float32)
    w = (rng.normal(size=f) / 31).astype(np.float32)
    y = convolve(x, resolve(x.shape, x.dtype, w, Window((1,))), engine_of(*engine))
    wanted = scipy.signal.fftconvolve(x.astype(float), w[(slice(None, None, -1),) * dims], "valid")
    np.testing.assert_allclose(y, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())

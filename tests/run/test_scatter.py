"""Transposed convolutions whose weights are NaN or infinite: only what they reach is affected."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli.engines.choose import choose_engine
from convcli.geometry.window.axis import Window
from convcli.run.resolve.operation import resolve
from tests.conftest import run_command
from tests.naive import transpose_convolve
from tests.run.helpers import convolve

ENGINES = [choose_engine(name) for name in ("numpy", "torch")]


@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_a_nan_weight_reaches_what_it_writes(engine: str) -> None:
    done = run_command(
        "run", "ones:2x2", "-k", "[[1,1],[1,NaN]]", "--transposed", "--engine", engine, stdin=b""
    )
    nan = np.nan
    np.testing.assert_array_equal(done.array, [[1, 2, 1], [2, nan, nan], [1, nan, nan]])


def test_rows_that_no_input_reaches_hold_zeros(in_tmp: Path) -> None:
    """Some blocks of the output need no row of the input at all."""
    np.save("nan.npy", np.array([[np.nan]], np.float32))
    args = "-k nan.npy --transposed -s 3 --memory 64".split()
    y = run_command("run", "ones:4x4", *args, stdin=b"").array
    expected = np.zeros((10, 10))
    expected[::3, ::3] = np.nan
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
@pytest.mark.parametrize("memory", [1, 1 << 20])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@given(
    n=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    f=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    s=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    d=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    groups=st.integers(1, 2),
    seed=st.integers(0, 2**32 - 1),
)
def test_it_is_what_the_definition_says(
    engine: object, memory: int, value: float, n: tuple[int, int], f: tuple[int, int],
    s: tuple[int, int], d: tuple[int, int], groups: int, seed: int,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    x = rng.integers(1, 9, (2, 2 * groups, *n)).astype(np.float64)
    w = rng.integers(1, 9, (2 * groups, 3, *f)).astype(np.float64)
    w.reshape(-1)[rng.integers(w.size)] = value
    operation = resolve(x.shape, x.dtype, w, Window((1,), s, d=d, kind="convt"), groups=groups)
    expected = transpose_convolve(x, w, s, [(0, 0)] * 2, d, (0, 0), groups)
    np.testing.assert_array_equal(convolve(x, operation, engine, memory), expected)  # type: ignore[arg-type]

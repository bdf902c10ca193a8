"""`run --pool` against PyTorch, and where PyTorch has no such pooling, against the definition."""

from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from convcli.errors import DoesNotFit
from convcli.geometry.window.axis import Window
from convcli.run.compute.pooling import divisors
from convcli.run.resolve.operation import Operation
from convcli.run.verify import verify
from tests.conftest import npy_bytes, run_command
from tests.run.helpers import convolve, convolve_piped, engine_of, make_tiles_small, resolve

FLOATS = ("f2", "f4", "f8", ">f4")
INTEGERS = ("u1", "i1", "i2", "u2", "i4", "u4", "i8")


@pytest.fixture(autouse=True, scope="module")
def _small_tiles() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        make_tiles_small(patch)
        yield


class Pool(NamedTuple):
    """A drawn case, of axes (batch, channels, spatial...)."""

    x: NDArray[Any]
    window: Window

    @property
    def operation(self) -> Operation:
        dims = len(self.window.f)
        ones = np.ones(self.window.f, np.float32)
        return resolve(self.x, ones, self.window, dims=dims)


@st.composite
def pools(
    draw: st.DrawFn, kind: Any, types: tuple[str, ...], even: bool = True, most: int = 5
) -> Pool:
    """Draw pooling that PyTorch has too: with `even` padding of at most half of the filter."""
    dims = draw(st.integers(1, 3))
    f = tuple(draw(st.integers(1, most if dims < 3 else 3)) for _ in range(dims))
    s = tuple(draw(st.integers(1, 4)) for _ in range(dims))
    d = tuple(draw(st.integers(1, 3 if kind == "maxpool" else 1)) for _ in range(dims))
    halves = [(draw(st.integers(0, size // 2)), draw(st.integers(0, size // 2))) for size in f]
    p = tuple((begin, begin if even else end) for begin, end in halves)
    spans = [k * (size - 1) + 1 for k, size in zip(d, f, strict=True)]
    n = tuple(draw(st.integers(span, span + 7)) for span in spans)
    window = Window(f, s, p, d, kind=kind, ceil=draw(st.booleans()))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, 2)), draw(st.integers(1, 3)), *n)
    dtype = np.dtype(draw(st.sampled_from(types)))
    if dtype.kind == "f":
        x = rng.standard_normal(shape)
        if draw(st.booleans()):
            x[rng.random(shape) < 0.1] = np.nan
            x[rng.random(shape) < 0.1] = -np.inf
        return Pool(x.astype(dtype), window)
    info: Any = np.iinfo(dtype)
    return Pool(rng.integers(info.min, info.max, shape, dtype, endpoint=True), window)


def _by_torch(pool: Pool) -> NDArray[Any]:
    """Pool in float64, or integers in int64, which hold every number exactly."""
    window, dims = pool.window, len(pool.window.f)
    x = pool.x.astype("f8" if pool.x.dtype.kind == "f" else "i8")
    assert not isinstance(window.p, str)
    padding = [begin for begin, _ in window.p]
    if window.kind == "avgpool":
        function = getattr(torch.nn.functional, f"avg_pool{dims}d")
        y = function(
            torch.from_numpy(x.astype("f8")), window.f, window.s, padding, window.ceil, True
        )
        return np.asarray(y.numpy())
    f, s, d = window.f, window.s, window.d
    if dims == 1:  # PyTorch has no integers in one axis
        x, f, s, d, padding = x[:, :, None], (1, *f), (1, *s), (1, *d), [0, *padding]
    function = getattr(torch.nn.functional, f"max_pool{max(dims, 2)}d")
    y = function(torch.from_numpy(x), f, s, padding, d, window.ceil).numpy()
    return np.asarray(y[:, :, 0] if dims == 1 else y)


engines = st.sampled_from(["numpy", "torch"])
memories = st.sampled_from([200, 2000, 1 << 20])


@given(pool=pools("maxpool", (*FLOATS, *INTEGERS), most=12), engine=engines, memory=memories)
def test_max_pooling_is_pytorchs(pool: Pool, engine: str, memory: int) -> None:
    y = convolve(pool.x, pool.operation, engine_of(engine), memory)
    assert y.dtype == pool.x.dtype.newbyteorder("=")
    assert np.array_equal(y.astype("f8"), _by_torch(pool).astype("f8"), equal_nan=True)
    assert verify(pool.x, y, pool.operation).passed


@given(pool=pools("avgpool", ("f4", "f8", "u1", "i2", "i4")), engine=engines, memory=memories)
def test_average_pooling_is_pytorchs(pool: Pool, engine: str, memory: int) -> None:
    with np.errstate(all="ignore"):
        y = convolve(pool.x, pool.operation, engine_of(engine), memory)
        expected = _by_torch(pool)
        finite = pool.x[np.isfinite(pool.x)]
        scale = float(np.abs(finite.astype("f8")).max(initial=0))
    assert y.dtype == (
        "f8" if pool.x.dtype in ("f8", "i4") else "f4"
    )  # as a convolution with floats
    tolerance = 8 * float(np.finfo(y.dtype).eps) * scale
    assert np.allclose(y, expected, rtol=0, atol=tolerance, equal_nan=True)
    assert verify(pool.x, y, pool.operation).passed


@given(pool=pools("avgpool", ("u1",)))
def test_a_mean_of_small_integers_is_rounded_once(pool: Pool) -> None:
    y = convolve(pool.x, pool.operation, engine_of("numpy", "shift"))
    assert np.array_equal(y, _by_torch(pool).astype("f4"))


@given(
    pool=st.sampled_from(["maxpool", "avgpool"]).flatmap(
        lambda kind: pools(kind, ("f8",), even=False)
    ),
    memory=memories,
)
def test_uneven_padding_follows_the_definition(pool: Pool, memory: int) -> None:
    """From a pipe: rows come in order, once."""
    y, _ = convolve_piped(pool.x, pool.operation, engine_of("numpy"), memory)
    expected = np.empty(y.shape)
    axes = pool.operation.axes
    with np.errstate(all="ignore"):
        for at in np.ndindex(y.shape[2:]):
            taps = [
                range(i * a.s - a.pb, i * a.s - a.pb + a.e, a.d)
                for i, a in zip(at, axes, strict=True)
            ]
            inside = [[t for t in r if 0 <= t < a.n] for r, a in zip(taps, axes, strict=True)]
            seen = pool.x[np.ix_(*map(range, pool.x.shape[:2]), *inside)]
            over = tuple(range(2, seen.ndim))
            counted = [sum(t < a.n + a.pe for t in r) for r, a in zip(taps, axes, strict=True)]
            best = (
                seen.max(over) if pool.window.kind == "maxpool" else seen.sum(over) / prod(counted)
            )
            expected[(..., *at)] = best
    assert np.allclose(y, expected, rtol=0, atol=1e-12, equal_nan=True)


def test_windows_beyond_the_padding_count_less() -> None:
    axes = Window((3,), (2,), ((1, 1),), kind="avgpool", ceil=True).on([6])
    assert divisors(axes, [range(axes[0].out)]).tolist() == [3, 3, 3, 2]


def test_verify_finds_a_wrong_maximum_and_a_wrong_mean() -> None:
    x = np.random.default_rng(0).random((9, 9))
    for kind in ("maxpool", "avgpool"):
        operation = resolve(x, np.ones((3, 3)), Window((3,), (2,), kind=kind))
        y = convolve(x, operation, engine_of("numpy"))
        assert verify(x, y, operation).passed
        y[1, 2] += 1e-6
        assert not verify(x, y, operation).passed


def test_booleans_have_a_maximum() -> None:
    x = np.zeros((4, 4), bool)
    x[2, 3] = True
    for engine in ("numpy", "torch"):
        done = run_command(
            "run", "-", "--pool", "max", "-f", "2", "--engine", engine, stdin=npy_bytes(x)
        )
        assert done.array.tolist() == [[False, False], [False, True]]
        assert done.array.dtype == bool


def test_complex_numbers_are_refused() -> None:
    with pytest.raises(DoesNotFit, match="pooling takes real numbers"):
        resolve(np.zeros((4, 4), complex), np.ones((2, 2)), Window((2,), (2,), kind="maxpool"))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            "--pool med -f 2",
            "--pool 'med' is not a kind of pooling; write --pool max, or --pool avg",
        ),
        ("--pool max", "add -f 2"),
        ("--pool avg -f 9999999999", "-f 9999999999 has an axis too large for memory; use smaller"),
        ("--pool max -k box", "-k box cannot be combined with --pool max"),
        ("--pool avg -f 2 --bias 1", "--bias 1 cannot be combined with --pool avg"),
        ("--pool avg -f 2 --flip", "--flip cannot be combined"),
        ("--pool avg -f 2 --transposed", "--transposed cannot be combined"),
        ("--pool avg -f 2 -c 3:4", "-c 3:4 cannot be combined"),
        ("--pool avg -f 2 -g 3", "-g 3 cannot be combined"),
        ("--pool avg -f 2 --pad-mode reflect", "--pad-mode reflect cannot be combined"),
        ("--pool max -f 2 -p 2", "padding 2 must be smaller than the pooling filter"),
        ("-f 2 --ceil", "--ceil is only valid for pooling"),
    ],
)
def test_what_pooling_cannot_have_is_one_line(args: str, message: str) -> None:
    done = run_command("run", "rand:8x8", *args.split())
    assert done.status in (1, 2)
    assert message in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("dtype", ["?", "u1", "i2", "f4"])
def test_maxima_that_are_clipped(dtype: str, in_tmp: Path) -> None:
    x = np.random.default_rng(0).uniform(-300, 600, (9, 8)).astype(dtype)
    np.save("x.npy", x)
    done = run_command(
        *"run x.npy --pool max -f 2 --dtype uint8 --scale clip --verify -o y.npy".split()
    )
    assert done.status == 0, done.err
    best = sliding_window_view(x, (2, 2))[::2, ::2].max(axis=(2, 3))
    expected = np.rint(best.astype(float)).clip(0, 255)
    assert np.array_equal(np.load("y.npy"), expected)


def test_padding_with_zeros_by_any_of_its_names() -> None:
    for name in ("zeros", "constant", "grid-constant", "ZEROS"):
        done = run_command("run", "arange:4x4", "--pool", "-f", "2", "--pad-mode", name)
        assert done.array.tolist() == [[5, 7], [13, 15]]


def test_pool_alone_is_max_in_both_commands() -> None:
    assert run_command("shape", "-n", "8", "--pool", "-f", "2").out == "4x4\n"
    pooled = [
        run_command("run", *pool.split(), "arange:4x4", "-f", "2").array.tolist()
        for pool in ("--pool", "--pool max", "--pool=max")
    ]
    assert pooled == [[[5, 7], [13, 15]]] * 3
    kinds = [
        run_command("shape", "-n", "8", *pool.split(), "-f", "2", "--format", "json").out
        for pool in ("--pool avg", "--pool")
    ]
    assert ['"avgpool"' in kinds[0], '"maxpool"' in kinds[1]] == [True, True]

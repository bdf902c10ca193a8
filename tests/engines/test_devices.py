"""Devices: what is chosen, what moves there, and what is said where it cannot be.

No accelerator is needed: the meta device, which has shapes and no numbers, stands in for one.
"""

from typing import Any

import numpy as np
import pytest
import torch

from convcli.engines import choose
from convcli.engines.correlation import Correlation
from convcli.engines.torch_devices import best_device
from convcli.engines.torch_engine import TorchEngine
from convcli.errors import ConvcliError, UsageError
from tests.conftest import run_command


def _on(device: str) -> Any:
    """Make an engine for a device that this machine need not have."""
    engine = TorchEngine("cpu")
    engine.device = device
    engine._device = torch.device(device)
    return engine


@pytest.mark.parametrize(
    ("engine", "device", "name"),
    [
        ("auto", "cpu", "numpy"),
        ("numpy", "cpu", "numpy"),
        ("numpy", "auto", "numpy"),
        ("torch", "cpu", "torch"),
        ("torch", "auto", "torch"),
        ("auto", "cpu:0", "torch"),
    ],
)
def test_the_engine_of_a_device(engine: str, device: str, name: str) -> None:
    assert choose.choose_engine(engine, device).name == name


def test_auto_takes_an_accelerator_before_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert best_device() == ("cuda:0" if torch.cuda.is_available() else "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert best_device() == "cuda:0"


def test_auto_without_torch_is_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convcli.engines.choose.find_spec", lambda name: None)
    assert choose.choose_engine("auto", "auto").name == "numpy"


def test_slab_and_filter_move_to_the_device() -> None:
    engine = _on("meta")
    corr = Correlation(np.zeros((6, 2, 3, 3), np.float32), (2, 1), (1, 2), 2)
    assert engine.plan(corr, 2, (4, 4))[:2] == ("conv", (2, 2, 4, 4))
    slab = torch.zeros(2, 4, 9, 8).to(engine._device)
    made = engine._conv(slab, corr, ((0, 0), (0, 0)))  # fails if the filter is elsewhere
    assert made.device.type == "meta"
    assert tuple(made.shape) == (2, 6, 4, 4)


def test_a_device_without_float64_names_the_way_out() -> None:
    mps = _on("mps")
    assert mps.compute_dtype(np.dtype(np.float32), 0) == np.float32
    assert mps.compute_dtype(np.dtype(np.float16), 0) == np.float32
    for dtype in (np.float64, np.int64, np.complex64):
        with pytest.raises(ConvcliError, match=r"mps has no .*; use --dtype float32"):
            mps.compute_dtype(np.dtype(dtype), 5)


def test_integers_too_large_for_a_device_are_refused() -> None:
    assert _on("cpu").compute_dtype(np.dtype(np.int64), 2**50) == np.float64
    for device, bound in (("cpu", 2**53), ("cuda", 2**40)):
        with pytest.raises(ConvcliError, match="use --engine numpy --device cpu"):
            _on(device).compute_dtype(np.dtype(np.int64), bound)


def test_what_a_device_cannot_do_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any, **_more: Any) -> None:
        raise RuntimeError("CUDA out of memory\nand more that nobody reads")

    monkeypatch.setattr(torch.nn.functional, "conv2d", fail)
    done = run_command("run", "rand:8x8", "-k", "box", "--engine", "torch", stdin=b"")
    assert (done.status, done.data) == (1, b"")
    assert "cpu could not convolve float32 (CUDA out of memory); use --device cpu" in done.err
    assert "nobody reads" not in done.err


@pytest.mark.parametrize("device", ["nonsense", "meta", "cuda:x"])
def test_devices_that_are_none(device: str) -> None:
    with pytest.raises(UsageError, match="--device"):
        choose.choose_engine("auto", device)


@pytest.mark.parametrize("device", ["xpu", "cuda:99", "hpu", "mps"])
def test_devices_that_are_not_here(device: str) -> None:
    with pytest.raises(ConvcliError, match="is not available; available: cpu"):
        choose.choose_engine("auto", device)


def test_tf32_is_off_unless_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    """The switches are set while something runs on a GPU, and left as they are on a CPU."""
    before = torch.backends.cudnn.allow_tf32
    for tf32 in (True, False):
        engine = TorchEngine("cpu", tf32=tf32)
        with engine._ready(np.dtype(np.float32)):
            assert torch.backends.cudnn.allow_tf32 == before
        monkeypatch.setattr(engine, "_device", torch.device("cuda"))
        with engine._ready(np.dtype(np.float32)):
            assert torch.backends.cudnn.allow_tf32 == tf32
            assert torch.backends.cuda.matmul.allow_tf32 == tf32
    torch.backends.cudnn.allow_tf32 = before


def test_threads_are_those_asked_for() -> None:
    before = torch.get_num_threads()
    assert choose.choose_engine("numpy", "cpu", threads=3).threads == 3
    run_command("run", "rand:9x9", "-k", "box", "--engine", "torch", "--threads", "1", stdin=b"")
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)
    one = run_command(
        "run", "rand:300x300", "-k", "box", "--seed", "1", "--threads", "1", stdin=b""
    )
    many = run_command(
        "run", "rand:300x300", "-k", "box", "--seed", "1", "--threads", "5", stdin=b""
    )
    assert one.data == many.data


def test_long_doubles_are_for_numpy() -> None:
    with pytest.raises(ConvcliError, match="PyTorch has no"):
        choose.choose_engine("torch").compute_dtype(np.dtype(np.longdouble), 0)


def test_torch_is_taken_on_the_cpu_where_it_earns_its_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weights = np.random.default_rng(0).random((1, 1, 9, 9), np.float32)
    corr = Correlation(weights, (1, 1), (1, 1), 1)
    numpy = choose.choose_engine("numpy")
    plans = {side: numpy.plan(corr, 1, (side, side)) for side in (4096, 1 << 17)}
    assert not choose.torch_pays(plans[4096], corr, 2)
    assert choose.torch_pays(plans[1 << 17], corr, 2)
    monkeypatch.setattr("convcli.engines.choose.find_spec", lambda name: None)
    assert not choose.torch_pays(plans[1 << 17], corr, 2)


def test_the_choice_of_torch_reaches_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convcli.engines.choose._TORCH_START", 0.0)
    args = ("run", "rand:300x300", "-k", "rand:9x9", "--format", "json", "-o", "/dev/null")
    assert '"engine": "torch"' in run_command(*args, stdin=b"").out
    assert '"engine": "numpy"' in run_command(*args, "--engine", "numpy", stdin=b"").out

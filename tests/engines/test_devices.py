"""Devices: what is chosen, what moves there, and what is said where it cannot be.

No accelerator is needed: the meta device, which has shapes and no numbers, stands in for one.
"""

import json
import pickle
import sys
from typing import Any

import numpy as np
import pytest
import torch

from convcli.engines import choose, torch_devices
from convcli.engines.correlation import Correlation
from convcli.engines.torch_devices import best_device
from convcli.engines.torch_engine import TorchEngine
from convcli.errors import ConvcliError, UsageError
from tests.conftest import run_command
from tests.run.helpers import torch_engine_on


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
    """The call itself fails if one of them stays behind; only its result cannot come back."""
    engine = torch_engine_on("meta")
    corr = Correlation(np.zeros((6, 2, 3, 3), np.float32), (2, 1), (1, 2), 2)
    plan = engine.plan(corr, 2, (4, 4))
    assert plan[:2] == ("conv", (2, 2, 4, 4))
    out = np.empty((2, 6, 4, 4), np.float32)
    with pytest.raises(ConvcliError, match=r"meta could not convolve .*copy out of meta tensor"):
        engine.convolve_slab(plan, np.zeros((2, 4, 9, 8), np.float32), corr, out)


def test_a_device_without_float64_names_the_way_out() -> None:
    mps = torch_engine_on("mps")
    assert mps.compute_dtype(np.dtype(np.float32), 0) == np.float32
    assert mps.compute_dtype(np.dtype(np.float16), 0) == np.float32
    for dtype in (np.float64, np.int64, np.complex64):
        with pytest.raises(ConvcliError, match=r"mps has no .*; use --dtype float32"):
            mps.compute_dtype(np.dtype(dtype), 5)


def test_integers_too_large_for_a_device_are_refused() -> None:
    assert torch_engine_on("cpu").compute_dtype(np.dtype(np.int64), 2**50) == np.float64
    for device, bound in (("cpu", 2**53), ("cuda", 2**40)):
        with pytest.raises(ConvcliError, match="use --engine numpy --device cpu"):
            torch_engine_on(device).compute_dtype(np.dtype(np.int64), bound)


def test_what_a_device_cannot_do_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any, **_more: Any) -> None:
        raise RuntimeError("CUDA out of memory\nand more that nobody reads")

    monkeypatch.setattr(torch.nn.functional, "conv2d", fail)
    done = run_command("run", "rand:8x8", "-k", "box", "--engine", "torch", stdin=b"")
    assert (done.status, done.data) == (1, b"")
    assert "cpu could not convolve float32 (CUDA out of memory); use --device cpu" in done.err
    assert "nobody reads" not in done.err


@pytest.mark.parametrize("device", ["nonsense", "meta", "cuda:x"])
def test_unknown_devices(device: str) -> None:
    with pytest.raises(UsageError, match="--device"):
        choose.choose_engine("auto", device)


@pytest.mark.parametrize("device", ["xpu", "cuda:99", "hpu", "mps"])
def test_devices_that_are_not_available(device: str) -> None:
    with pytest.raises(ConvcliError, match="is not available; available: cpu"):
        choose.choose_engine("auto", device)


def test_tf32_is_off_unless_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    """The switches are set while something runs on a GPU, and left as they are on a CPU."""
    corr = Correlation(np.ones((1, 1, 3, 3), np.float32), (1, 1), (1, 1), 1)
    slab, out = np.ones((1, 1, 9, 9), np.float32), np.empty((1, 1, 7, 7), np.float32)
    seen = []

    def look(x: Any, *_args: Any) -> Any:
        seen.append((cudnn.allow_tf32, matmul.allow_tf32))
        return x[..., :7, :7]

    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = (cudnn.allow_tf32, matmul.allow_tf32)
    monkeypatch.setattr(torch.nn.functional, "conv2d", look)
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, *_args, **_more: tensor)
    on_cpu = TorchEngine("cpu", tf32=True)
    on_gpu = [torch_engine_on("cuda", tf32=tf32) for tf32 in (True, False)]
    try:
        for engine in (on_cpu, *on_gpu):
            engine.convolve_slab(engine.plan(corr, 1, (7, 7)), slab, corr, out)
    finally:
        cudnn.allow_tf32, matmul.allow_tf32 = before
    assert seen == [before, (True, True), (False, False)]


def test_threads_are_as_many_as_requested() -> None:
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


def test_opencv_must_save_more_than_its_import(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = np.random.default_rng(0).random((1, 1, 9, 9), np.float32)
    corr = Correlation(weights, (1, 1), (1, 1), 1)
    engine = choose.choose_engine("numpy", threads=2)
    assert engine.plan(corr, 1, (4096, 4096)).method != "opencv"
    monkeypatch.delitem(sys.modules, "cv2", raising=False)
    assert choose.with_opencv(engine, corr, 1, (256, 256)) is None
    chosen = choose.with_opencv(engine, corr, 1, (4096, 4096))
    assert chosen is not None
    assert pickle.loads(pickle.dumps(chosen)).plan(corr, 1, (256, 256)).method == "opencv"
    monkeypatch.setitem(sys.modules, "cv2", sys)  # imported before: it costs nothing
    assert choose.with_opencv(engine, corr, 1, (256, 256)) is not None
    monkeypatch.delitem(sys.modules, "cv2")
    monkeypatch.setattr("convcli.engines.opencv.find_spec", lambda name: None)
    assert choose.with_opencv(engine, corr, 1, (4096, 4096)) is None
    with pytest.raises(ConvcliError, match="needs OpenCV, which is not installed"):
        choose.choose_engine("numpy", method="opencv")


@pytest.mark.parametrize("more", [[], ["--engine", "torch"]])
def test_auto_takes_the_best_device(monkeypatch: pytest.MonkeyPatch, more: list[str]) -> None:
    """There is none of that number, which shows that it was asked for."""
    args = ["run", "rand:8x8", "-k", "box", "--device", "auto", "--format", "json", *more]
    monkeypatch.setattr(torch_devices, "accelerators", lambda _torch: ["cuda:99"])
    run = run_command(*args)
    assert run.status == 1
    assert "--device cuda:99 is not available" in run.err
    monkeypatch.setattr(torch_devices, "accelerators", lambda _torch: [])
    assert json.loads(run_command(*args, "-o", "/dev/null").out)["device"] == "cpu"

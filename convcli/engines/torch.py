"""Convolution of one tile with PyTorch, on any device that it has."""

from typing import Any

import numpy as np

from convcli.arrays import Array
from convcli.errors import ConvcliError, UsageError


def _import_torch() -> Any:
    try:
        import torch  # noqa: PLC0415  costs a second: loaded when an engine is made
    except ImportError:
        raise ConvcliError(
            "PyTorch is not installed, which every device but cpu and --engine torch need; "
            "pip install 'convcli[torch]', or use --device cpu"
        ) from None
    return torch


def best_device() -> str:
    """Name the best device that PyTorch finds: an accelerator, else ``cpu``."""
    return _accelerators(_import_torch())[:1][0] if _accelerators(_import_torch()) else "cpu"


def _accelerators(torch: Any) -> list[str]:
    found = []
    if torch.cuda.is_available():
        found += [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        found += [f"xpu:{i}" for i in range(torch.xpu.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps")
    return found


class TorchEngine:
    """Calls ``conv1d``, ``conv2d`` or ``conv3d`` of `torch.nn.functional`."""

    name = "torch"

    tile_threads = 1  # PyTorch has threads of its own

    def __init__(self, device: str, threads: int | None = None, tf32: bool = False) -> None:
        """Import PyTorch and make sure that the device is there.

        Raises
        ------
        UsageError
            PyTorch knows no such device.
        ConvcliError
            PyTorch is not installed, or the device is not there.
        """
        self._torch = torch = _import_torch()
        here = ", ".join(["cpu", *_accelerators(torch)])
        try:
            self._device = torch.device(device)
        except RuntimeError:
            raise UsageError(
                f"--device {device!r} is no device that PyTorch knows; here are: {here}"
            ) from None
        if self._device.type == "meta":
            raise UsageError("--device meta holds no numbers; use convcli shape for sizes alone")
        try:
            torch.empty(1, device=self._device).cpu()
        except Exception:  # each backend fails in its own way: the answer is the same
            raise ConvcliError(
                f"--device {device} is not there; here are: {here}. "
                f"Use one of them, or --device auto"
            ) from None
        self.device = device
        # TF32 rounds float32 to 10 bits: results would not match the CPU.
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cudnn.allow_tf32 = tf32
        if threads is not None:
            torch.set_num_threads(threads)

    def compute_dtype(self, out: np.dtype[np.generic], bound: int) -> np.dtype[np.generic]:
        """Sum in float32 at least, and integers in float64, exact below 2**53."""
        if out.kind in "iu":
            if bound >= 2**53:
                raise ConvcliError(
                    f"integer sums may reach {bound:.3g}, above 2**53, which PyTorch cannot hold "
                    f"exactly; use --engine numpy"
                )
            return np.dtype(np.float64)
        dtype = np.result_type(out, np.float32)
        if dtype.itemsize > (16 if dtype.kind == "c" else 8):
            raise ConvcliError(f"PyTorch has no {dtype}; use --engine numpy")
        return dtype

    def convolve(
        self,
        slab: Array,
        filter_: Array,
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        groups: int,
    ) -> Array:
        """Convolve, see `engines.Engine.convolve`."""
        torch = self._torch
        name = f"conv{len(stride)}d"
        with torch.no_grad():
            out = getattr(torch.nn.functional, name)(
                torch.from_numpy(slab).to(self._device),
                torch.from_numpy(np.array(filter_, order="C")).to(self._device),
                stride=stride,
                dilation=dilation,
                groups=groups,
            )
            result: Array = out.cpu().numpy()
        return result

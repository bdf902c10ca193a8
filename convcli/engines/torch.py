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
    return [*_accelerators(_import_torch()), "cpu"][0]


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
        """Sum in float32 at least, and integers in float64, in which they are exact.

        A GPU's library may convolve by transforms, which round: the sums are rounded back to
        integers, which is sure to be right far below 2**53 alone.
        """
        if out.kind in "iu":
            limit = 53 if self._device.type == "cpu" else 40
            if bound >= 2**limit:
                raise ConvcliError(
                    f"integer sums may reach {bound:.3g}, above 2**{limit}, to which PyTorch is "
                    f"exact on {self.device}; use --engine numpy --device cpu"
                )
            dtype = np.dtype(np.float64)
        else:
            dtype = np.result_type(out, np.float32)
        if dtype.itemsize > (16 if dtype.kind == "c" else 8):
            raise ConvcliError(f"PyTorch has no {dtype}; use --engine numpy --device cpu")
        if self._device.type == "mps" and dtype != np.float32:
            need = "exact integers need" if out.kind in "iu" else "the output needs"
            raise ConvcliError(
                f"mps has no {dtype}, which {need}; use --dtype float32, or --device cpu"
            )
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
        try:
            made = self._convolve(slab, filter_, stride, dilation, groups)
            result: Array = made.cpu().numpy()
        except (RuntimeError, NotImplementedError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise ConvcliError(
                f"{self.device} could not convolve {slab.dtype} ({reason}); "
                f"use --device cpu, another --dtype, or less --memory"
            ) from None
        return result

    def _convolve(
        self,
        slab: Array,
        filter_: Array,
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        groups: int,
    ) -> Any:
        """Convolve on the device, where the result stays."""
        torch = self._torch
        layer = getattr(torch.nn.functional, f"conv{len(stride)}d")
        with torch.no_grad():
            return layer(
                torch.from_numpy(slab).to(self._device),
                torch.from_numpy(np.array(filter_, order="C")).to(self._device),
                stride=stride,
                dilation=dilation,
                groups=groups,
            )

"""Convolution with PyTorch, on any device that it has.

On a CPU PyTorch's own ``conv2d`` is slow where there are few channels: there a run of columns is
folded into channels, and large filters go through a Fourier transform.
"""

from math import prod
from typing import Any

import numpy as np

from convcli.arrays import Array
from convcli.engines import Plan, fft
from convcli.engines.correlation import Correlation
from convcli.errors import ConvcliError, UsageError

_FOLD = 8  # columns that are folded into channels
_TILE = 1 << 20  # pixels of a tile on a CPU: fresh memory for larger ones costs more than it saves
_LARGE = 17  # filter size from which on a transform is faster than a fold
_METHODS = {
    "conv": "nothing",
    "fold": "a CPU, one channel in and out a group, and one filter for all groups",
    "fft": "a CPU, one channel in and out a group, one filter of floats, stride 1 and dilation 1",
}


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
    """Calls ``conv1d``, ``conv2d`` or ``conv3d`` of `torch.nn.functional`, or `torch.fft`."""

    name = "torch"
    threads = 1  # tiles one after another: PyTorch has threads of its own
    methods = tuple(_METHODS)

    def __init__(
        self, device: str, threads: int | None = None, tf32: bool = False, method: str = "auto"
    ) -> None:
        """Import PyTorch and make sure that the device is there.

        Raises
        ------
        UsageError
            PyTorch knows no such device, or there is no such method.
        ConvcliError
            PyTorch is not installed, or the device is not there.
        """
        if method not in ("auto", *_METHODS):
            raise UsageError(
                f"--method {method!r} is not a method of PyTorch's engine; "
                f"write auto, {', '.join(_METHODS)}"
            )
        self._method = method
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

    def compute_dtype(self, out: "np.dtype[Any]", bound: int) -> "np.dtype[Any]":
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

    def plan(self, corr: Correlation, batch: int, sizes: tuple[int, ...]) -> Plan:
        """Choose a method and a tile; on an accelerator the whole output is one.

        Raises
        ------
        UsageError
            The method asked for does not apply.
        """
        applying = ["conv"]
        finite = bool(np.isfinite(corr.filter).all())
        if self._device.type == "cpu" and _one_filter(corr) and finite:
            applying.append("fold")
            if corr.filter.dtype.kind == "f" and fft.applies(corr):
                applying.append("fft")
        method = self._method
        if method == "auto":
            large = prod(corr.f) >= _LARGE**2 and "fft" in applying
            # The smallest corr, and many channels of small images, are not worth a fold.
            worth = prod(sizes) >= 1 << 14 and len(sizes) > 1
            method = "fft" if large else "fold" if "fold" in applying and worth else "conv"
        elif method not in applying:
            raise UsageError(
                f"--method {method} does not apply: it needs {_METHODS[method]}; use --method auto"
            )
        tile = [batch, corr.groups, *sizes]
        if method == "fft":
            tile = [1, 1, *fft.tile(corr, sizes)]
        elif method == "fold":
            # Whole rows, as many as the tile takes, of as many images as it takes.
            tile = [1, 1, *sizes]
            left = _TILE
            for k in range(len(tile) - 1, 1, -1):
                tile[k] = max(min(left, sizes[k - 2]), 1)
                left //= tile[k]
            tile[1] = max(min(left, corr.groups), 1)
        return Plan(method, tuple(tile), {})

    def convolve(self, plan: Plan, slab: Array, corr: Correlation, out: Array) -> None:
        """Convolve, see `engines.Engine.convolve`."""
        torch = self._torch
        method = plan.method if plan.method != "fft" or fft.balanced(slab) else "fold"
        call = {"conv": self._conv, "fold": self._fold, "fft": self._fft}[method]
        try:
            with torch.inference_mode():
                x = torch.from_numpy(slab).to(self._device)
                made = call(x, corr, out.shape)
                if plan.method != "conv" and not bool(torch.isfinite(made.sum())):
                    made = self._conv(x, corr, out.shape)  # NaN spreads by folds and transforms
                np.copyto(out, made.cpu().numpy())
        except (RuntimeError, NotImplementedError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise ConvcliError(
                f"{self.device} could not convolve {slab.dtype} ({reason}); "
                f"use --device cpu, another --dtype, or less --memory"
            ) from None

    def _conv(self, x: Any, corr: Correlation, shape: tuple[int, ...]) -> Any:
        """Call PyTorch's own convolution; the result stays on the device."""
        layer = getattr(self._torch.nn.functional, f"conv{len(corr.f)}d")
        weight = corr.table(_weight, self._torch, self._device)
        return layer(x, weight, stride=corr.stride, dilation=corr.dilation, groups=corr.groups)

    def _fold(self, x: Any, corr: Correlation, shape: tuple[int, ...]) -> Any:
        """Convolve runs of columns, as channels, with a filter that is spread to a band."""
        torch = self._torch
        weight, reach, step = corr.table(_folded, torch)
        *_, width = shape
        images = x.reshape(-1, 1, *x.shape[2:])
        runs = -(-width // _FOLD) + reach - 1
        lacking = runs * step - images.shape[-1]
        if lacking > 0:
            images = torch.nn.functional.pad(images, (0, lacking))
        folded = images[..., : runs * step].reshape(len(images), *x.shape[2:-1], runs, step)
        layer = getattr(torch.nn.functional, f"conv{len(corr.f)}d")
        made = layer(
            folded.movedim(-1, 1),
            weight,
            stride=(*corr.stride[:-1], 1),
            dilation=(*corr.dilation[:-1], 1),
        )
        return made.movedim(1, -1).reshape(*shape[:-1], -1)[..., :width]

    def _fft(self, x: Any, corr: Correlation, shape: tuple[int, ...]) -> Any:
        """Convolve one window by its Fourier transform."""
        torch = self._torch
        window = tuple(map(fft.fast_size, x.shape[2:]))
        axes = tuple(range(2, x.ndim))
        spectrum = corr.table(_spectrum, torch, window)
        made = torch.fft.irfftn(torch.fft.rfftn(x, window, axes).mul_(spectrum), window, axes)
        return made[(..., *map(slice, shape[2:]))]


def _one_filter(corr: Correlation) -> bool:
    """Whether every channel stands by itself, all under the same filter."""
    single = corr.each_in == corr.each_out == 1
    return single and bool((corr.filter == corr.filter[:1]).all())


def _weight(corr: Correlation, torch: Any, device: Any) -> Any:
    return torch.from_numpy(np.array(corr.filter, order="C")).to(device)


def _folded(corr: Correlation, torch: Any) -> tuple[Any, int, int]:
    """Spread the filter: (weight of (run out, run in, f..., runs), runs read, columns of a run)."""
    w = corr.filter[0, 0]
    s, d = corr.stride[-1], corr.dilation[-1]
    step = _FOLD * s
    reach = ((_FOLD - 1) * s + d * (w.shape[-1] - 1)) // step + 1
    band = np.zeros((_FOLD, step, *w.shape[:-1], reach), w.dtype)
    for b in range(_FOLD):
        for tap in range(w.shape[-1]):
            run, column = divmod(b * s + tap * d, step)
            band[b, column, ..., run] = w[..., tap]
    weight = torch.from_numpy(band)
    layouts = {4: torch.channels_last, 5: torch.channels_last_3d}
    if weight.ndim in layouts:
        weight = weight.contiguous(memory_format=layouts[weight.ndim])
    return weight, reach, step


def _spectrum(corr: Correlation, torch: Any, window: tuple[int, ...]) -> Any:
    """Transform the filter in double precision, conjugate since it is not flipped."""
    filter_ = torch.from_numpy(corr.filter[0, 0].astype(np.float64))
    spectrum = torch.fft.rfftn(filter_, window).conj().resolve_conj()
    return spectrum.to(torch.complex64 if corr.filter.dtype == np.float32 else torch.complex128)

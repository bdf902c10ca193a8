"""Convolution with PyTorch, on any device that it has.

On a CPU PyTorch's own ``conv2d`` is slow where there are few channels: there `fold` makes more, and
large filters go through a Fourier transform.
"""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from math import inf, prod
from typing import Any

import numpy as np

from convcli.arrays.dtypes import Array, DType, exact_dtype
from convcli.engines import fft, fold
from convcli.engines.base import Layer, Pads, Part, Plan
from convcli.engines.correlation import Correlation
from convcli.errors import ConvcliError, UsageError
from convcli.run.operation import Operation

_TILE = 1 << 20  # pixels of a tile on a CPU: fresh memory for larger ones costs more than it saves
_BLOCK = 8 * _TILE  # numbers that are folded at once
_WORTH = 1 << 18  # products of filter and input from which on a fold is faster than PyTorch's own
# Products for an output of a fold, zeros among them, from which on a transform is faster.
_MOST_PRODUCTS = {"f4": 540, "f8": 64}
# Columns of zeros at each end that oneDNN adds in its kernel for a channel to each group; with more
# it falls back to another, up to 40 times as slow.
_FEW_ZEROS = 6
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
        # glibc returns each large piece of memory to the system, and page faults fetch it again;
        # once it has seen one freed that is larger than what follows, it keeps them.
        torch.empty(31 << 20, dtype=torch.uint8)

    def compute_dtype(self, out: "np.dtype[Any]", bound: int) -> "np.dtype[Any]":
        """Sum in float32 at least; integers in a float type in which they are exact.

        A GPU's library may convolve by transforms, which round: there it is float64, and the sums
        are rounded back to integers, which is sure to be right far below 2**53 alone.
        """
        if out.kind in "iu":
            on_cpu = self._device.type == "cpu"
            limit = 53 if on_cpu else 40
            if bound >= 2**limit:
                raise ConvcliError(
                    f"integer sums may reach {bound:.3g}, above 2**{limit}, to which PyTorch is "
                    f"exact on {self.device}; use --engine numpy --device cpu"
                )
            dtype = exact_dtype(bound) if on_cpu else np.dtype(np.float64)
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
        if self._device.type == "cpu" and corr.table(fold.applies):
            applying.append("fold")
            if corr.filter.dtype.kind == "f" and fft.applies(corr):
                applying.append("fft")
        method = self._method
        if method == "auto":
            method = "conv"
            if "fold" in applying and prod(sizes) * prod(corr.f) >= _WORTH:
                most = _MOST_PRODUCTS[corr.filter.dtype.str[1:]] if "fft" in applying else inf
                large = fold.products(corr) >= most
                method = "fft" if large else "fold"
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
            left = int(_TILE / max(fold.copied(corr), 1))
            for k in range(len(tile) - 1, 1, -1):
                tile[k] = max(min(left, sizes[k - 2]), 1)
                left //= tile[k]
            tile[1] = max(min(left, corr.groups), 1)
        return Plan(method, tuple(tile), {}, alone=method == "fold")

    def convolve(self, plan: Plan, slab: Array, corr: Correlation, out: Array) -> None:
        """Convolve, see `engines.Engine.convolve`."""
        method = plan.method if plan.method != "fft" or fft.balanced(slab) else "fold"
        with self._told(slab.dtype):
            x = self._torch.from_numpy(slab).to(self._device)
            made = self._made(method, corr, ((0, 0),) * len(corr.f), out.shape[2:], x)
            np.copyto(out, made.cpu().numpy())

    def layer(
        self, plan: Plan, corr: Correlation, operation: Operation, part: Part
    ) -> Layer | None:
        """Make a layer of PyTorch's, see `engines.Engine.layer`."""
        in_tiles = operation.transposed or prod(part.shape) * fold.copied(corr) > _BLOCK
        if plan.method == "fft" or (plan.method == "fold" and in_tiles):
            return None
        torch, dtype = self._torch, corr.filter.dtype
        do: Callable[[Any], Any]
        with self._told(dtype):
            bias = operation.bias
            if bias is not None:
                bias = torch.from_numpy(bias.astype(dtype)).to(self._device)
            if operation.transposed:
                do = self._transposed(operation, part.shape[1], bias, dtype)
            else:
                do = partial(self._made, plan.method, corr, part.pads, part.sizes, bias=bias)

        def run(x: Array) -> Array:
            with self._told(x.dtype):
                given = torch.from_numpy(np.require(x, dtype, "W")).to(self._device)
                found: Array = do(given).cpu().numpy()
            return found

        return run

    @contextlib.contextmanager
    def _told(self, dtype: DType) -> Iterator[None]:
        """Tell in one line what the device could not do."""
        try:
            with self._torch.inference_mode():
                yield
        except (RuntimeError, NotImplementedError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise ConvcliError(
                f"{self.device} could not convolve {dtype} ({reason}); "
                f"use --device cpu, another --dtype, or less --memory"
            ) from None

    def _made(
        self,
        method: str,
        corr: Correlation,
        pads: Pads,
        sizes: tuple[int, ...],
        x: Any,
        bias: Any = None,
    ) -> Any:
        """Convolve with zeros around; by another method where this one would spread a NaN."""
        made = None
        if method == "fft":
            made = self._fft(x, corr, sizes)
        elif method == "fold":
            made = fold.convolve(self._torch, x, corr, pads, sizes)
        if made is None:
            return self._conv(x, corr, pads, bias)
        return made if bias is None else made.add_(bias.reshape(-1, *(1,) * len(corr.f)))

    def _conv(self, x: Any, corr: Correlation, pads: Pads, bias: Any = None) -> Any:
        """Call PyTorch's own convolution; the result stays on the device."""
        functional = self._torch.nn.functional
        padding = [min(pad) for pad in pads]
        depthwise = corr.groups > 1 and corr.each_in == corr.each_out == 1
        if depthwise and padding[-1] > _FEW_ZEROS and self._device.type == "cpu":
            padding[-1] = 0
        weight = corr.table(_weight, self._torch, self._device)
        return getattr(functional, f"conv{len(corr.f)}d")(
            fold.padded(self._torch, x, pads, padding), weight, bias,
            corr.stride, padding, corr.dilation, corr.groups,
        )  # fmt: skip

    def _transposed(
        self, operation: Operation, channels: int, bias: Any, dtype: DType
    ) -> Callable[[Any], Any]:
        """Take PyTorch's own transposed convolution; crop what it, alike at both ends, leaves."""
        axes, w = operation.axes, operation.filter
        groups = channels if operation.each_channel else operation.groups
        if operation.each_channel:
            w = np.broadcast_to(w, (groups, *w.shape[1:]))
        w = w.reshape(groups, -1, *w.shape[1:]).swapaxes(1, 2)  # as PyTorch has it: in, out
        weight = self._torch.from_numpy(w.reshape(-1, *w.shape[2:]).astype(dtype))
        weight = weight.to(self._device)
        crops = [min(axis.pb, axis.pe) for axis in axes]
        first = (axis.pb - crop for axis, crop in zip(axes, crops, strict=True))
        inside = (..., *(slice(at, at + axis.out) for at, axis in zip(first, axes, strict=True)))
        layer = getattr(self._torch.nn.functional, f"conv_transpose{len(axes)}d")
        s, op, d = ([getattr(axis, name) for axis in axes] for name in ("s", "op", "d"))
        return lambda x: layer(x, weight, bias, s, crops, op, groups, d)[inside]

    def _fft(self, x: Any, corr: Correlation, sizes: tuple[int, ...]) -> Any:
        """Convolve one window by its Fourier transform; None if a NaN is all over it."""
        torch = self._torch
        window = tuple(map(fft.fast_size, x.shape[2:]))
        axes = tuple(range(2, x.ndim))
        spectrum = corr.table(_spectrum, torch, window)
        made = torch.fft.irfftn(torch.fft.rfftn(x, window, axes).mul_(spectrum), window, axes)
        return made[(..., *map(slice, sizes))] if torch.isfinite(made.sum()) else None


def _weight(corr: Correlation, torch: Any, device: Any) -> Any:
    return torch.from_numpy(np.array(corr.filter, order="C")).to(device)


def _spectrum(corr: Correlation, torch: Any, window: tuple[int, ...]) -> Any:
    """Transform the filter in double precision, conjugate since it is not flipped."""
    filter_ = torch.from_numpy(corr.filter[0, 0].astype(np.float64))
    spectrum = torch.fft.rfftn(filter_, window).conj().resolve_conj()
    return spectrum.to(torch.complex64 if corr.filter.dtype == np.float32 else torch.complex128)

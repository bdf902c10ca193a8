"""Convolution with PyTorch, on any device that it has.

On a CPU PyTorch's own ``conv2d`` is slow with few channels: there `fold` makes more of them, and
large filters go through a Fourier transform.
"""

import contextlib
from collections.abc import Callable, Iterator
from math import inf, prod
from typing import Any

import numpy as np

from convcli.arrays.dtypes import Array, DType, exact_dtype
from convcli.engines import fft, fold
from convcli.engines.base import Engine, FusedLayer, Pads, Plan
from convcli.engines.correlation import Correlation
from convcli.engines.torch_devices import available_device, import_torch
from convcli.errors import ConvcliError, UsageError, reason

_TILE = 1 << 20  # pixels of a tile on a CPU: allocating larger ones costs more than it saves
_MOST_FOLDED = 8 * _TILE  # numbers folded at once
_WORTH_FOLDING = 1 << 18  # products of filter and input from which on a fold is faster
# Products for an output of a fold, zeros included, from which on a transform is faster.
_MOST_PRODUCTS = {"f4": 540, "f8": 64}
# Columns of zeros at each end that oneDNN adds in its depthwise kernel; with more it uses another
# kernel, up to 40 times as slow.
_FEW_ZEROS = 6
_NEEDS = {
    "conv": "a sum of products",
    "max": "max pooling",
    "fold": "a CPU, one channel in and out a group, and one filter for all groups",
    "fft": "a CPU, one channel in and out a group, one filter of floats, stride 1 and dilation 1",
}


class TorchEngine(Engine):
    """Calls ``conv1d``, ``conv2d`` or ``conv3d`` of `torch.nn.functional`, or `torch.fft`."""

    name = "torch"
    threads = 1  # one tile at a time: PyTorch has threads of its own
    methods = tuple(_NEEDS)

    def __init__(
        self, device: str, threads: int | None = None, tf32: bool = False, method: str = "auto"
    ) -> None:
        """Import PyTorch and check that the device is available.

        Raises
        ------
        UsageError
            PyTorch knows no such device, or there is no such method.
        ConvcliError
            PyTorch is not installed, or the device is not available.
        """
        if method not in ("auto", *_NEEDS):
            raise UsageError(
                f"--method {method!r} is not a method of the PyTorch engine; "
                f"write auto, {', '.join(_NEEDS)}"
            )
        self.device = device
        self._options = (device, threads, tf32, method)
        self._method = method
        self._torch = torch = import_torch()
        self._device = available_device(torch, device)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the options: another process has a module and a device of its own."""
        return TorchEngine, self._options

    def compute_dtype(self, out: DType, bound: int) -> DType:
        """Sum in float32 at least; integers in a float type in which they are exact.

        A GPU's library may convolve by transforms, which round. There integers are summed in
        float64 and rounded back, which is certain to be right only far below 2**53.
        """
        if out.kind in "iu":
            on_cpu = self._device.type == "cpu"
            limit = 53 if on_cpu else 40
            if bound >= 2**limit:
                raise ConvcliError(
                    f"integer sums may reach {bound:.3g}, above 2**{limit}, up to which PyTorch is "
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

    def max_dtype(self, x: DType) -> DType:
        """Take maxima of integers in a type that PyTorch has them for: int64, else float64."""
        if x.kind not in "iub":
            return x
        on_cpu = self._device.type == "cpu"
        if (x.kind == "u" or not on_cpu) and x.itemsize == 8:
            raise ConvcliError(
                f"PyTorch has no maxima of {x} on {self.device}; use --engine numpy --device cpu"
            )
        return np.dtype(np.int64 if on_cpu else np.float64)

    def plan(self, corr: Correlation, batch: int, sizes: tuple[int, ...]) -> Plan:
        """Choose a method and a tile, see `Engine.plan`; an accelerator takes all as one tile."""
        method = self._choose_method(corr, sizes)
        tile: tuple[int, ...] = (batch, corr.groups, *sizes)
        if method == "fft":
            tile = (1, 1, *fft.tile(corr, sizes))
        elif method == "fold":
            tile = _fold_tile(corr, sizes)
        return Plan(method, tile, {}, one_tile_per_block=method == "fold")

    def _choose_method(self, corr: Correlation, sizes: tuple[int, ...]) -> str:
        applying = ["max" if corr.reduction == "max" else "conv"]
        if applying == ["conv"] and self._device.type == "cpu" and corr.cached(fold.applies):
            applying.append("fold")
            if corr.filter.dtype.kind == "f" and fft.applies(corr):
                applying.append("fft")
        if self._method == "auto":
            if "fold" not in applying or prod(sizes) * prod(corr.f) < _WORTH_FOLDING:
                return applying[0]
            most = _MOST_PRODUCTS[corr.filter.dtype.str[1:]] if "fft" in applying else inf
            return "fft" if fold.products(corr) >= most else "fold"
        if self._method not in applying:
            raise UsageError(
                f"--method {self._method} does not apply: it needs {_NEEDS[self._method]}; "
                f"use --method auto"
            )
        return self._method

    def convolve_slab(
        self, plan: Plan, slab: Array, corr: Correlation, out: Array, _zeros: Pads = ()
    ) -> None:
        """Convolve one padded slab, see `Engine.convolve_slab`."""
        method = plan.method
        if method == "fft" and not fft.balanced(slab, corr.f, corr.groups):
            method = "fold"
        with self._ready(slab.dtype):
            x = self._torch.from_numpy(slab).to(self._device)
            if method == "max":
                np.copyto(out, self._maxima(x, corr).cpu().numpy())
                return
            y = self._correlate(method, x, corr, ((0, 0),) * len(corr.f), out.shape[2:])
            np.copyto(out, y.cpu().numpy())

    def fuse(self, plan: Plan, layer: FusedLayer) -> Callable[[Array], Array] | None:
        """Prepare a layer of PyTorch's, see `Engine.fuse`."""
        corr, dtype = layer.corr, layer.corr.filter.dtype
        folded = plan.method == "fold"
        if folded and (layer.transposed or prod(layer.shape) * fold.copied(corr) > _MOST_FOLDED):
            return None
        if plan.method == "fft":
            return None
        torch, device = self._torch, self._device
        with self._ready(dtype):
            bias = layer.bias
            if bias is not None:
                bias = torch.from_numpy(bias.astype(dtype)).to(device)
            transposed = _transposed(torch, device, layer, bias) if layer.transposed else None

        def call(x: Array) -> Array:
            with self._ready(x.dtype):
                tensor = torch.from_numpy(np.require(x, dtype, ["C", "W"])).to(device)
                if transposed is not None:
                    y = transposed(tensor)
                else:
                    y = self._correlate(plan.method, tensor, corr, layer.pads, layer.sizes, bias)
                result: Array = y.cpu().numpy()
            return result

        return call

    @contextlib.contextmanager
    def _ready(self, dtype: DType) -> Iterator[None]:
        """Set PyTorch's switches for what follows, and report its errors in one line."""
        torch = self._torch
        _, threads, tf32, _ = self._options
        if threads is not None and threads != torch.get_num_threads():
            torch.set_num_threads(threads)
        if self._device.type == "cuda":
            # TF32 rounds float32 to 10 bits: results would not match the CPU's.
            torch.backends.cuda.matmul.allow_tf32 = tf32
            torch.backends.cudnn.allow_tf32 = tf32
        try:
            with torch.inference_mode():
                yield
        except (RuntimeError, NotImplementedError, TypeError) as error:
            raise ConvcliError(
                f"{self.device} could not convolve {dtype} ({reason(error)}); "
                f"use --device cpu, another --dtype, or a lower --memory"
            ) from None

    def _correlate(
        self,
        method: str,
        x: Any,
        corr: Correlation,
        pads: Pads,
        sizes: tuple[int, ...],
        bias: Any = None,
    ) -> Any:
        """Correlate with zeros around `x`; by PyTorch's own call where a NaN would spread."""
        y = None
        if method == "fft":
            y = self._fft(x, corr, sizes)
        elif method == "fold":
            y = fold.correlate(self._torch, x, corr, pads, sizes)
        if y is None:
            return self._conv(x, corr, pads, bias)
        return y if bias is None else y.add_(bias.reshape(-1, *(1,) * len(corr.f)))

    def _conv(self, x: Any, corr: Correlation, pads: Pads, bias: Any = None) -> Any:
        """Call PyTorch's own convolution; the result stays on the device."""
        functional = self._torch.nn.functional
        padding = [min(pad) for pad in pads]
        depthwise = corr.groups > 1 and corr.each_in == corr.each_out == 1
        if depthwise and padding[-1] > _FEW_ZEROS and self._device.type == "cpu":
            padding[-1] = 0
        weight = corr.cached(_weight, self._torch, self._device)
        return getattr(functional, f"conv{len(corr.f)}d")(
            fold.padded(self._torch, x, pads, padding), weight, bias,
            corr.stride, padding, corr.dilation, corr.groups,
        )  # fmt: skip

    def _maxima(self, x: Any, corr: Correlation) -> Any:
        """Call PyTorch's max pooling; in one axis it has no integers, in two it does."""
        line = len(corr.f) == 1
        f, s, d = ((1, *each) if line else each for each in (corr.f, corr.stride, corr.dilation))
        pool = getattr(self._torch.nn.functional, f"max_pool{len(f)}d")
        y = pool(x.unsqueeze(2) if line else x, f, s, 0, d)
        return y.squeeze(2) if line else y

    def _fft(self, x: Any, corr: Correlation, sizes: tuple[int, ...]) -> Any:
        """Convolve one window by its Fourier transform; None if a NaN spread over it."""
        torch = self._torch
        window = tuple(map(fft.fast_size, x.shape[2:]))
        axes = tuple(range(2, x.ndim))
        spectrum = corr.cached(_spectrum, torch, window)
        y = torch.fft.irfftn(torch.fft.rfftn(x, window, axes).mul_(spectrum), window, axes)
        return y[(..., *map(slice, sizes))] if torch.isfinite(y.sum()) else None


def _fold_tile(corr: Correlation, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Choose whole rows, as many as the tile holds, of as many channels as it holds."""
    tile = [1, 1, *sizes]
    room = int(_TILE / max(fold.copied(corr), 1))
    for k in range(len(tile) - 1, 1, -1):
        tile[k] = max(min(room, sizes[k - 2]), 1)
        room //= tile[k]
    tile[1] = max(min(room, corr.groups), 1)
    return tuple(tile)


def _transposed(torch: Any, device: Any, layer: FusedLayer, bias: Any) -> Callable[[Any], Any]:
    """Call PyTorch's transposed convolution; it crops alike at both ends, the rest is cut off."""
    corr, groups = layer.corr, layer.corr.groups
    # PyTorch's weight is (in, out/groups, ...); a correlation's filter (out, in/groups, ...).
    w = corr.filter.reshape(groups, -1, *corr.filter.shape[1:]).swapaxes(1, 2)
    weight = torch.from_numpy(np.array(w.reshape(-1, *w.shape[2:]), order="C")).to(device)
    crops = [min(pad) for pad in layer.pads]
    starts = (begin - crop for (begin, _), crop in zip(layer.pads, crops, strict=True))
    inside = (..., *(slice(at, at + n) for at, n in zip(starts, layer.sizes, strict=True)))
    convolve = getattr(torch.nn.functional, f"conv_transpose{len(corr.f)}d")
    steps = (corr.stride, crops, layer.output_padding, groups, corr.dilation)
    return lambda x: convolve(x, weight, bias, *steps)[inside]


def _weight(corr: Correlation, torch: Any, device: Any) -> Any:
    return torch.from_numpy(np.array(corr.filter, order="C")).to(device)


def _spectrum(corr: Correlation, torch: Any, window: tuple[int, ...]) -> Any:
    """Transform the filter in double precision; conjugate, as it is not flipped."""
    filter_ = torch.from_numpy(corr.filter[0, 0].astype(np.float64))
    spectrum = torch.fft.rfftn(filter_, window).conj().resolve_conj()
    return spectrum.to(torch.complex64 if corr.filter.dtype == np.float32 else torch.complex128)

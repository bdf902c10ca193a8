"""Convolution with PyTorch, on any device that it has.

On a CPU PyTorch's own ``conv2d`` is slow where there are few channels: there the columns that a run
of outputs reads are made channels, and large filters go through a Fourier transform.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from convcli.arrays import Array
from convcli.dtypes import DType, exact_dtype
from convcli.engines import Layer, Pads, Plan, fft
from convcli.engines.correlation import Correlation
from convcli.errors import ConvcliError, UsageError
from convcli.operation import Operation

_FOLD = 16  # columns of a run of outputs, which become channels: a vector of float32 in AVX-512
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
        if self._device.type == "cpu" and corr.table(_folds):
            applying.append("fold")
            if corr.filter.dtype.kind == "f" and fft.applies(corr):
                applying.append("fft")
        method = self._method
        if method == "auto":
            method = "conv"
            if "fold" in applying and prod(sizes) * prod(corr.f) >= _WORTH:
                products = _run(corr)[0] * prod(corr.f[:-1])
                large = "fft" in applying and products >= _MOST_PRODUCTS[corr.filter.dtype.str[1:]]
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
            size, step = _run(corr)
            left = _TILE * step // max(size, step)
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
            made = self._made(method, x, corr, ((0, 0),) * len(corr.f), out.shape)
            np.copyto(out, made.cpu().numpy())

    def layer(
        self,
        plan: Plan,
        corr: Correlation,
        operation: Operation,
        shape: tuple[int, ...],
        pads: Pads,
    ) -> Layer | None:
        """Make a layer of PyTorch's, see `engines.Engine.layer`."""
        size, step = _run(corr)
        in_tiles = operation.transposed or prod(shape) * size > _BLOCK * step
        if plan.method == "fft" or (plan.method == "fold" and in_tiles):
            return None
        torch, dtype = self._torch, corr.filter.dtype
        bias = operation.bias
        if bias is not None:
            with self._told(dtype):
                bias = torch.from_numpy(bias.astype(dtype)).to(self._device)
        do: Callable[[Any], Any]
        if operation.transposed:
            do = self._transposed(operation, shape[1], bias, dtype)
        else:
            sizes = (
                (n + sum(pad) - axis.e) // axis.s + 1
                for n, pad, axis in zip(shape[2:], pads, operation.axes, strict=True)
            )
            out_shape = (shape[0], len(corr.filter), *sizes)

            def do(x: Any) -> Any:
                return self._made(plan.method, x, corr, pads, out_shape, bias)

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
        x: Any,
        corr: Correlation,
        pads: Pads,
        shape: tuple[int, ...],
        bias: Any = None,
    ) -> Any:
        """Convolve with zeros around; by another method where this one would spread a NaN."""
        made = None
        if method == "fft":
            made = self._fft(x, corr, shape)
        elif method == "fold":
            made = self._fold(x, corr, pads, shape)
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
            self._padded(x, pads, padding), weight, bias,
            corr.stride, padding, corr.dilation, corr.groups,
        )  # fmt: skip

    def _padded(self, x: Any, pads: Pads, padding: Sequence[int]) -> Any:
        """Add the zeros that a layer will not, which has as many at both ends."""
        if all(pad == (p, p) for pad, p in zip(pads, padding, strict=True)):
            return x
        rest = ((before - p, after - p) for (before, after), p in zip(pads, padding, strict=True))
        innermost_first = [side for pad in reversed([*rest]) for side in pad]
        return self._torch.nn.functional.pad(x, innermost_first)

    def _transposed(
        self, operation: Operation, channels: int, bias: Any, dtype: DType
    ) -> Callable[[Any], Any]:
        """Take PyTorch's own transposed convolution; crop what it, alike at both ends, leaves."""
        axes, w = operation.axes, operation.filter
        groups = channels if operation.each_channel else operation.groups
        if operation.each_channel:
            w = np.broadcast_to(w, (groups, *w.shape[1:]))
        w = w.reshape(groups, -1, *w.shape[1:]).swapaxes(1, 2)  # as PyTorch has it: in, out
        with self._told(dtype):
            weight = self._torch.from_numpy(w.reshape(-1, *w.shape[2:]).astype(dtype))
            weight = weight.to(self._device)
        crops = [min(axis.pb, axis.pe) for axis in axes]
        first = (axis.pb - crop for axis, crop in zip(axes, crops, strict=True))
        inside = (..., *(slice(at, at + axis.out) for at, axis in zip(first, axes, strict=True)))
        layer = getattr(self._torch.nn.functional, f"conv_transpose{len(axes)}d")
        s, op, d = ([getattr(axis, name) for axis in axes] for name in ("s", "op", "d"))
        return lambda x: layer(x, weight, bias, s, crops, op, groups, d)[inside]

    def _fold(self, x: Any, corr: Correlation, pads: Pads, shape: tuple[int, ...]) -> Any:
        """Convolve runs of columns, as channels, with a filter that is spread to a band.

        Returns
        -------
        Tensor or None
            None if there is a NaN or an infinity, which the zeros of the band spread.
        """
        torch = self._torch
        *others, (before, _) = pads
        padding = (*map(min, others), 0)
        images = self._padded(x.reshape(-1, *x.shape[2:]), (*others, (0, 0)), padding)
        folded = _runs(torch, images, before, -(-shape[-1] // _FOLD), *_run(corr))
        made = getattr(torch.nn.functional, f"conv{len(corr.f)}d")(
            folded, corr.table(_band, torch), None,
            (*corr.stride[:-1], 1), padding, (*corr.dilation[:-1], 1),
        )  # fmt: skip
        if not torch.isfinite(made[:, 0].sum()):  # every column of a run has read the same
            return None
        return made.movedim(1, -1).reshape(*shape[:2], *made.shape[2:-1], -1)[..., : shape[-1]]

    def _fft(self, x: Any, corr: Correlation, shape: tuple[int, ...]) -> Any:
        """Convolve one window by its Fourier transform; None if a NaN is all over it."""
        torch = self._torch
        window = tuple(map(fft.fast_size, x.shape[2:]))
        axes = tuple(range(2, x.ndim))
        spectrum = corr.table(_spectrum, torch, window)
        made = torch.fft.irfftn(torch.fft.rfftn(x, window, axes).mul_(spectrum), window, axes)
        return made[(..., *map(slice, shape[2:]))] if torch.isfinite(made.sum()) else None


def _folds(corr: Correlation) -> bool:
    """Whether `fold` applies: one filter for every channel, of no number that zeros spread."""
    return _one_filter(corr) and bool(np.isfinite(corr.filter).all())


def _one_filter(corr: Correlation) -> bool:
    """Whether every channel stands by itself, all under the same filter."""
    single = corr.each_in == corr.each_out == 1
    return single and bool((corr.filter == corr.filter[:1]).all())


def _weight(corr: Correlation, torch: Any, device: Any) -> Any:
    return torch.from_numpy(np.array(corr.filter, order="C")).to(device)


def _run(corr: Correlation) -> tuple[int, int]:
    """How many columns a run of outputs reads, and how many further the next one begins."""
    s, d = corr.stride[-1], corr.dilation[-1]
    return (_FOLD - 1) * s + d * (corr.f[-1] - 1) + 1, _FOLD * s


def _runs(torch: Any, x: Any, before: int, count: int, size: int, step: int) -> Any:
    """Copy what each run reads: (images, size, spatial but the last..., count).

    The first run begins in the zeros before `x`. Those that `x` holds whole are copied from it at
    once; only those at its ends are padded.
    """
    first, last = -(-before // step), min((before + x.shape[-1] - size) // step + 1, count)
    cuts = [0, first, last, count] if first < last else [0, count]
    parts = []
    for i, j in itertools.pairwise(cuts):
        if i == j:
            continue
        start, width = i * step - before, (j - i - 1) * step + size
        part = x[..., max(start, 0) : max(start + width, 0)]
        left = min(max(-start, 0), width)
        right = width - left - part.shape[-1]
        if left or right:
            part = torch.nn.functional.pad(part, (left, right))
        parts.append(part.unfold(-1, size, step))
    return torch.cat(parts, -2).movedim(-1, 1)


def _band(corr: Correlation, torch: Any) -> Any:
    """Spread the filter: (column out, column in, f but its last axis..., 1)."""
    w = corr.filter[0, 0]
    size, _ = _run(corr)
    s, d = corr.stride[-1], corr.dilation[-1]
    band = np.zeros((_FOLD, *w.shape[:-1], 1, size), w.dtype)
    for b in range(_FOLD):
        band[b, ..., 0, b * s : b * s + d * w.shape[-1] : d] = w
    return torch.from_numpy(band).movedim(-1, 1)  # columns innermost, as `_runs` lays them


def _spectrum(corr: Correlation, torch: Any, window: tuple[int, ...]) -> Any:
    """Transform the filter in double precision, conjugate since it is not flipped."""
    filter_ = torch.from_numpy(corr.filter[0, 0].astype(np.float64))
    spectrum = torch.fft.rfftn(filter_, window).conj().resolve_conj()
    return spectrum.to(torch.complex64 if corr.filter.dtype == np.float32 else torch.complex128)

"""Differential checks: sizes against counted windows, values and gradients against PyTorch."""

import io
import itertools
import json
from math import prod
from random import Random
from typing import Any

import numpy as np

from tests.faults.program import npy
from tests.faults.trial import Trial


def sizes_case(trial: Trial) -> None:
    """Count where windows fit, one by one, and of what PyTorch has lay the layer over an input."""
    random = trial.random
    n, f = random.randrange(1, 40), random.randrange(1, 7)
    s, d = random.randrange(1, 5), random.randrange(1, 4)
    e = d * (f - 1) + 1
    kind = random.choice(("conv", "convt", "pool", "ceil"))
    pools = kind in ("pool", "ceil")
    pb, pe = (random.randrange(e if pools else 5) for _ in range(2))
    op = random.randrange(max(s, d)) if kind == "convt" else 0
    flags = {"conv": [], "convt": ["--transposed", "--output-padding", str(op)],
             "pool": ["--pool"], "ceil": ["--pool", "--ceil"]}[kind]  # fmt: skip
    args = f"shape --dims 1 -n {n} -f {f} -s {s} -d {d} -p {pb}:{pe}".split()
    ended = trial.run([*args, *flags])
    if kind == "convt":  # as many as a convolution of the output would have to read
        expected = s * (n - 1) + e + op - pb - pe
    else:
        starts = range(0, n + pb + (pe if kind != "ceil" else pe + s - 1), s)
        fits = [at for at in starts if at + e <= n + pb + pe + (s - 1 if kind == "ceil" else 0)]
        windows = [at for at in fits if kind != "ceil" or at < n + pb]
        # A pool refuses a window that reads padding only.
        empty = [at for at in windows if not any(pb <= at + k * d < pb + n for k in range(f))]
        expected = 0 if pools and empty else len(windows)
    found = int(ended.out) if ended.status == 0 else 0
    trial.check(found == max(expected, 0), f"size {found}, and windows counted {expected}")
    if found and pb == pe and not (pools and pb > f // 2):  # where PyTorch refuses
        theirs = _size_of_pytorch(kind, n, f, s, d, pb, op)
        trial.check(found == theirs, f"size {found}, and PyTorch's {theirs}")


def _size_of_pytorch(kind: str, n: int, f: int, s: int, d: int, p: int, op: int) -> int:
    import torch
    from torch import nn

    if kind == "conv":
        layer: Any = nn.Conv1d(1, 1, f, s, p, d)
    elif kind == "convt":
        layer = nn.ConvTranspose1d(1, 1, f, s, p, op, dilation=d)
    else:
        layer = nn.MaxPool1d(f, s, p, d, ceil_mode=kind == "ceil")
    with torch.no_grad():
        return int(layer(torch.zeros(1, 1, n)).shape[-1])


_MODES = {"zeros": "constant", "reflect": "reflect", "symmetric": "symmetric", "replicate": "edge",
          "circular": "wrap"}  # fmt: skip


def values_case(trial: Trial) -> None:
    """Convolve as PyTorch does in float64, on what NumPy padded."""
    import torch
    import torch.nn.functional as F

    random = trial.random
    numbers = np.random.default_rng(random.getrandbits(32))
    dims, g = random.choice((1, 2, 2, 3)), random.choice((1, 1, 2))
    each_in, each_out = random.randrange(1, 4), random.randrange(1, 4)
    transposed = random.random() < 0.3
    dtype = random.choice(("float32", "float64", "float16", "int16", "uint8", "complex64"))
    s, d = random.randrange(1, 4), random.randrange(1, 3)
    f = [random.randrange(1, 4) for _ in range(dims)]
    n = [random.randrange(d * 3 + 1, 14) for _ in range(dims)]
    p = random.randrange(0, min(n) if not transposed else 1)
    x = _random_array(random, numbers, (random.randrange(1, 3), g * each_in, *n), dtype)
    w_shape = (g * each_in, each_out, *f) if transposed else (g * each_out, each_in, *f)
    w = _random_array(random, numbers, w_shape, dtype)
    mode = "zeros" if transposed else random.choice(list(_MODES))
    args = ["run", trial.write("x.npy", npy(x)), "-k", trial.write("w.npy", npy(w))]
    args += f"--dims {dims} -s {s} -d {d} -p {p} -g {g} --pad-mode {mode}".split()
    args += ["--transposed"] * transposed + ["--memory", random.choice(("1K", "32M"))]
    args += ["--engine", random.choice(("numpy", "numpy", "torch"))]
    ended = trial.run(args, wanted=1 << 22)
    trial.check(ended.status == 0, f"status {ended.status}: {ended.err.decode()}")
    found = np.load(io.BytesIO(ended.out))
    wide = np.complex128 if dtype == "complex64" else np.float64
    if transposed:
        call: Any = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][dims - 1]
        padded = x.astype(wide)
    else:
        call = [F.conv1d, F.conv2d, F.conv3d][dims - 1]
        pads: Any = [(0, 0), (0, 0), *[(p, p)] * dims]
        padded = np.pad(x.astype(wide), pads, mode=_MODES[mode])  # type: ignore[call-overload]
    tensors = torch.from_numpy(padded), torch.from_numpy(w.astype(wide))
    options: dict[str, Any] = {"padding": p} if transposed else {}
    expected = call(*tensors, stride=s, dilation=d, groups=g, **options).numpy()
    _compare(trial, found, expected, dtype, each_in * prod(f))


def _random_array(
    random: Random, numbers: np.random.Generator, shape: tuple[int, ...], dtype: str
) -> Any:
    """Draw numbers, now and then with NaN and infinity among the floats."""
    if dtype in ("int16", "uint8"):
        return numbers.integers(0, 100, shape).astype(dtype)
    values = numbers.standard_normal(shape).astype(dtype)
    if dtype == "complex64":
        return (values + 1j * numbers.standard_normal(shape)).astype(dtype)
    if random.random() < 0.2:
        values.reshape(-1)[random.randrange(values.size)] = random.choice((np.nan, np.inf, -np.inf))
    return values


def _compare(trial: Trial, found: Any, expected: Any, dtype: str, terms: int) -> None:
    integer = dtype in ("int16", "uint8")
    kind = "int64" if integer else dtype
    trial.check(found.dtype == kind, f"type {found.dtype}, not {kind}")
    trial.check(found.shape == expected.shape, f"shape {found.shape}, not {expected.shape}")
    if integer:
        trial.check(bool((found == expected).all()), "integers that are not exact")
        return
    with np.errstate(all="ignore"):
        unit = float(np.finfo(kind).eps)
        near = np.allclose(
            found, expected.astype(found.dtype), 10 * unit, terms * 20 * unit, equal_nan=True
        )
    trial.check(near, "a wrong value")


def fields_case(trial: Trial) -> None:
    """Find receptive fields as the pixels with a gradient, in float64."""
    random = trial.random
    layers = [_layer(random) for _ in range(random.randrange(1, 5))]
    lines = [_line(layer) for layer in layers]
    n = 200
    args = ["shape", "--dims", "1", "-n", str(n), "--format", "json"]
    args += itertools.chain.from_iterable(("-l", line) for line in lines)
    ended = trial.run(args, wanted=1 << 20)
    if ended.status:
        return
    record = json.loads(ended.out.splitlines()[-1])  # the total
    spans = _spans(layers, n)
    # Nearer to the border a dilated filter may have its outermost taps in the padding.
    (r,) = record["receptive_field"]
    inside = [(at, span) for at, span in enumerate(spans) if r <= span[0] and span[1] < n - r]
    period = prod(s for kind, f, s, d, p in layers if kind == "convt")
    if len(inside) < 2 * period + 2 or inside[-1][0] - inside[0][0] + 1 != len(inside):
        return  # too few outputs away from the border, or some that read nothing
    widest = max(last - first + 1 for _, (first, last) in inside)
    trial.check(r == widest, f"r {r}, and gradients reach {widest}")
    if period == 1:
        at, (first, _) = inside[len(inside) // 2]
        start = at * record["jump"][0] - record["effective_padding"][0]
        trial.check(first == start, f"output {at} starts at {first}, not {start}")


Layer = tuple[str, int, int, int, int]  # kind, f, s, d, p


def _layer(random: Random) -> Layer:
    kind = random.choice(("conv", "conv", "avgpool", "convt"))
    f, d = random.randrange(1, 5), 1 if kind == "avgpool" else random.randrange(1, 4)
    p = random.randrange(f // 2 + 1 if kind == "avgpool" else 3)
    return kind, f, random.randrange(1, 4), d, p


def _line(layer: Layer) -> str:
    kind, f, s, d, p = layer
    return f"{kind} f={f} s={s} d={d} p={p}"


def _spans(layers: list[Layer], n: int) -> list[tuple[int, int]]:
    """First and last input pixel with a gradient, of each output; (0, n) of one that has none."""
    import torch
    from torch import nn

    made: list[Any] = []
    for kind, f, s, d, p in layers:
        if kind == "avgpool":
            made.append(nn.AvgPool1d(f, s, p))
            continue
        layer = nn.ConvTranspose1d if kind == "convt" else nn.Conv1d
        made.append(layer(1, 1, f, s, p, dilation=d, bias=False))
        nn.init.constant_(made[-1].weight, 1.0)
    net = nn.Sequential(*made).double()
    count = net(torch.zeros(1, 1, n, dtype=torch.double)).shape[-1]
    x = torch.ones(count, 1, n, dtype=torch.double, requires_grad=True)
    net(x)[:, 0].diagonal().sum().backward()
    assert x.grad is not None
    reached = [torch.nonzero(row[0])[:, 0].tolist() for row in x.grad]
    return [(pixels[0], pixels[-1]) if pixels else (0, n) for pixels in reached]

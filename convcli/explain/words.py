"""Why a size is what it is, in words and formulas."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

from convcli.geometry.network.layer import Step
from convcli.geometry.window.axis import AXIS_NAMES, Axis, Padding
from convcli.geometry.window.coverage import coverage, extent, most, unread, unread_end
from convcli.geometry.window.formula import distinct, formula

_SLICES = {
    "height": ("row", "rows", "bottom"),
    "width": ("column", "columns", "right"),
    "depth": ("slice", "slices", "back"),
}


def loss(axes: Sequence[Axis]) -> str:
    """Say which pixels no window reads, or which none writes for a transposed layer."""
    parts = []
    for name, axis in zip(AXIS_NAMES[len(axes)], axes, strict=True):
        count, at_end = unread(axis), unread_end(axis)
        if count:
            one, many, end = _SLICES[name]
            where = "" if not at_end else f" at the {end}"
            if 0 < at_end < count:
                where = f", {at_end} of them{where}"
            parts.append(f"{count} {one if count == 1 else many}{where}")
    return "; ".join(parts) or "none"


def costs(record: Mapping[str, Any]) -> list[str]:
    """Write the parameters and the arithmetic of a record."""
    return [
        f"{record['parameters']:,} parameters",
        f"{record['macs']:,} MACs",
        f"{record['flops']:,} FLOPs",
    ]


def step_by_step(step: Step) -> list[str]:
    """Write the formula in letters, then with the numbers, one step a line."""
    lines: list[str] = []
    for names, axis in distinct(step.axes):
        lines.append(f"{names}:")
        lines += [f"  {line}" for line in _axis_steps(axis, step.layer.window.p)]
    return lines


def _axis_steps(axis: Axis, p: Padding) -> Iterator[str]:
    a = axis
    e = "f"
    if a.d > 1:
        e = "e"
        yield f"e   = d·(f - 1) + 1 = {a.d}·({a.f} - 1) + 1 = {a.e}, what the filter spans"
    if isinstance(p, str):
        yield f"p   = {p}: {a.pb} before, {a.pe} after"
    if a.kind == "convt":
        crop = "2p" if a.pb == a.pe else "p_begin - p_end"
        yield f"out = (n - 1)·s - {crop} + {e} + op"
        yield f"    = {formula(a)}"
        return
    both = "2p" if a.pb == a.pe else "p_begin + p_end"
    room = a.padded - a.e
    strides = -(-room // a.s) if a.ceil else room // a.s
    yield f"padded input   n + {both} = {a.n} + {a.pb} + {a.pe} = {a.padded}"
    yield f"room to move   {a.padded} - {a.e} = {room}"
    yield f"strides        {room}/{a.s} = {room / a.s:g}, {_rounded(a)}: {strides}"
    yield f"out = {'ceil' if a.ceil else 'floor'}((n + {both} - {e})/s) + 1"
    yield f"    = {formula(a)}"
    if a.kind == "conv" and a.s == 1 and a.e > 1:
        yield from _keeping_the_size(a, e)


def _rounded(axis: Axis) -> str:
    return "rounded up" if axis.ceil else "rounded down"


def _keeping_the_size(a: Axis, e: str) -> Iterator[str]:
    """Say what padding is for: without it a deep network runs out of pixels."""
    loss = a.e - 1
    if a.out < a.n:
        yield f"each such layer takes {a.n - a.out} of the pixels: {_deep(a)}"
    if loss % 2 == 0:
        yield f"p = ({e} - 1)/2 = {loss // 2} keeps the size"
    else:
        yield (
            f"({e} - 1)/2 = {loss / 2:g} is not whole: no p keeps the size, which is why filters "
            f"are odd; -p same adds {loss // 2}:{loss - loss // 2}"
        )


def _deep(a: Axis) -> str:
    layers, left = divmod(a.n - 1, a.n - a.out)
    return f"after {layers} of them {left + 1} of {a.n} are left"


def coverage_words(axes: Sequence[Axis]) -> list[str]:
    """Say how often a corner and the middle of the input are read."""
    ends = [coverage(a, (0, extent(a) // 2)) for a in axes]
    corner, middle = (prod(counts) for counts in zip(*ends, strict=True))
    taps = "·".join(str(a.f) for a in axes)
    if axes[0].kind == "convt":
        what, verb = "input pixels write each output pixel", "written"
    else:
        what, verb = "windows read each input pixel", "read"
    corner_name = "an end" if len(axes) == 1 else "a corner"
    top = prod(map(most, axes))
    also = f", the most {verb} pixel {_times(top)}" if top > max(corner, middle) else ""
    return [
        f"How many {what} (the filter has {taps} taps):",
        f"{corner_name} is {verb} {_times(corner)}, the middle {_times(middle)}{also}",
    ]


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")

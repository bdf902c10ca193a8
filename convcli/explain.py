"""Why a size is what it is, in words and formulas, and the same layer in three frameworks."""

from collections.abc import Iterator, Sequence
from math import prod

from convcli.coverage import coverage, unread, unread_end
from convcli.geometry import AXIS_NAMES, Axis
from convcli.network import Step
from convcli.notation import Padding

_SLICES = {
    "height": ("row", "rows", "bottom"),
    "width": ("column", "columns", "right"),
    "depth": ("slice", "slices", "back"),
}


def formula(axis: Axis) -> str:
    """Write the formula of one output size with its numbers: ``floor((8 + 2·1 - 3)/2) + 1 = 4``."""
    if axis.kind == "convt":
        crop = _padding_term("-", axis)
        more = f" + {axis.op}" if axis.op else ""
        return f"({axis.n} - 1)·{axis.s}{crop} + {axis.e}{more} = {axis.out}"
    room = f"{axis.n}{_padding_term('+', axis)} - {axis.e}"
    if axis.s == 1:
        return f"{room} + 1 = {axis.out}"
    rounded = "ceil" if axis.ceil else "floor"
    if axis.ceil and -(-(axis.padded - axis.e) // axis.s) + 1 > axis.out:
        return f"ceil(({room})/{axis.s}) = {axis.out}, the next window would start past the input"
    return f"{rounded}(({room})/{axis.s}) + 1 = {axis.out}"


def formulas(axes: Sequence[Axis]) -> str:
    """Write the formula of each axis, once where all are alike."""
    if len(set(axes)) == 1:
        return formula(axes[0])
    names = AXIS_NAMES[len(axes)]
    return "\n".join(f"{name}: {formula(a)}" for name, a in zip(names, axes, strict=True))


def loss(axes: Sequence[Axis]) -> str:
    """Say which pixels no window reads, or, of a transposed layer, which none writes."""
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


def _padding_term(sign: str, axis: Axis) -> str:
    if axis.pb == axis.pe:
        return f" {sign} 2·{axis.pb}" if axis.pb else ""
    return f" {sign} {axis.pb} {sign} {axis.pe}"


def step_by_step(step: Step) -> list[str]:
    """Write the formula in letters, then with the numbers, one step a line."""
    lines = []
    for axis in dict.fromkeys(step.axes):
        names = [n for n, a in zip(AXIS_NAMES[len(step.axes)], step.axes, strict=True) if a == axis]
        lines.append(f"{' and '.join(names)}:")
        lines += [f"  {line}" for line in _axis_steps(axis, step.layer.window.p)]
    return lines


def _axis_steps(axis: Axis, p: Padding) -> Iterator[str]:
    a = axis
    if a.d > 1:
        yield f"e   = d·(f - 1) + 1 = {a.d}·({a.f} - 1) + 1 = {a.e}, what the filter spans"
    e = "e" if a.d > 1 else "f"
    if isinstance(p, str):
        yield f"p   = {p}: {a.pb} before, {a.pe} after"
    if a.kind == "convt":
        yield f"out = (n - 1)·s - 2p + {e} + op".replace(
            "2p", "2p" if a.pb == a.pe else "p_begin - p_end"
        )
        yield f"    = {formula(a).replace(' = ', chr(10) + '    = ')}"
        return
    both = "2p" if a.pb == a.pe else "p_begin + p_end"
    room = a.padded - a.e
    yield f"padded input   n + {both} = {a.n} + {a.pb} + {a.pe} = {a.padded}"
    yield f"room to move   {a.padded} - {a.e} = {room}"
    yield (
        f"strides        {room}/{a.s} = {room / a.s:g}, rounded {'up' if a.ceil else 'down'}: "
        + str(-(-room // a.s) if a.ceil else room // a.s)
    )
    yield f"out = {'ceil' if a.ceil else 'floor'}((n + {both} - {e})/s) + 1"
    yield f"    = {formula(a)}"


def coverage_words(axes: Sequence[Axis]) -> list[str]:
    """Say how often a corner and the middle of the input are read."""
    counts = [coverage(a) for a in axes]
    corner = prod(c[0] for c in counts)
    middle = prod(c[len(c) // 2] for c in counts)
    taps = "·".join(str(a.f) for a in axes)
    if axes[0].kind == "convt":
        return [
            f"How many input pixels write each output pixel (the filter has {taps} taps):",
            f"a corner is written {_times(corner)}, the middle {_times(middle)}",
        ]
    return [
        f"How many windows read each input pixel (the filter has {taps} taps):",
        f"a corner is read {_times(corner)}, the middle {_times(middle)}",
    ]


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")

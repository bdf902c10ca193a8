"""The formula of an output size with its numbers filled in."""

from collections.abc import Sequence

from convcli.geometry.window.axis import AXIS_NAMES, Axis


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


def formulas(axes: Sequence[Axis]) -> list[str]:
    """Write the formula of each axis, those of equal ones once."""
    if len(set(axes)) == 1:
        return [formula(axes[0])]
    return [f"{names}: {formula(axis)}" for names, axis in distinct(axes)]


def distinct(axes: Sequence[Axis]) -> list[tuple[str, Axis]]:
    """Pair each axis with the names of those that equal it, such as ``height and width``."""
    names: dict[Axis, list[str]] = {}
    for name, axis in zip(AXIS_NAMES[len(axes)], axes, strict=True):
        names.setdefault(axis, []).append(name)
    return [(" and ".join(equal), axis) for axis, equal in names.items()]


def _padding_term(sign: str, axis: Axis) -> str:
    if axis.pb == axis.pe:
        return f" {sign} 2·{axis.pb}" if axis.pb else ""
    return f" {sign} {axis.pb} {sign} {axis.pe}"

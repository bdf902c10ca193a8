"""Where branches meet: elementwise operations of several tensors, and concatenation."""

from collections.abc import Sequence
from math import lcm
from typing import NamedTuple

from convcli.errors import DoesNotFit
from convcli.geometry.index_map import Blocks
from convcli.geometry.operation import Applied
from convcli.geometry.receptive_field import Phases, Reach
from convcli.geometry.tensor import Tensor, Track


class Elementwise(NamedTuple):
    """A sum, product, difference, ... of tensors, which are broadcast as NumPy's."""

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        rank = max(len(x.shape) for x in inputs)
        padded = [(1,) * (rank - len(x.shape)) + x.shape for x in inputs]
        shape = tuple([_broadcast(sizes, padded) for sizes in zip(*padded, strict=True)])
        branches = [_spread(x, shape) for x in inputs if x.tracks]
        tracks, marks = _join(branches, shape)
        return Applied((Tensor(shape, tracks, inputs[0].itemsize),), marks=marks)


class Concatenated(NamedTuple):
    """Tensors one after the other along an axis, by default that of the channels."""

    axis: int = 1

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        first = inputs[0].shape
        axis = self.axis % len(first)
        for x in inputs:
            if len(x.shape) != len(first) or any(
                a is not None and b is not None and a != b
                for i, (a, b) in enumerate(zip(x.shape, first, strict=True))
                if i != axis
            ):
                raise DoesNotFit(_differ([x.shape for x in inputs], f"except on axis {axis}"))
        sizes = [x.shape[axis] for x in inputs]
        total = None if None in sizes else sum(n or 0 for n in sizes)
        shape = (*first[:axis], total, *first[axis + 1 :])
        branches = [x for x in inputs if x.tracks]
        tracks, marks = _join([list(x.tracks) for x in branches], shape)
        return Applied((Tensor(shape, tracks, inputs[0].itemsize),), marks=marks)


def _broadcast(sizes: Sequence[int | None], shapes: Sequence[Sequence[int | None]]) -> int | None:
    wide = {n for n in sizes if n != 1}
    if len(wide - {None}) > 1:
        raise DoesNotFit(_differ(shapes, "or be 1"))
    known = wide - {None}
    return known.pop() if known else (None if wide else 1)


def _differ(shapes: Sequence[Sequence[int | None]], unless: str) -> str:
    texts = ", ".join("x".join("?" if n is None else str(n) for n in shape) for shape in shapes)
    return f"the sizes of joined tensors must be equal {unless}: {texts}; crop or pad one of them"


def _spread(x: Tensor, shape: Sequence[int | None]) -> list[Track]:
    """Return the tracks of a tensor that is broadcast to a shape."""
    more = len(shape) - len(x.shape)

    def spread(track: Track) -> Track:
        if track.axis is None:
            return track
        axis = track.axis + more
        out = shape[axis]
        if x.shape[track.axis] == 1 and out not in (1, None):
            track = track.through(Blocks(out or 1, step=0))
        return track._replace(axis=axis)

    return [spread(track) for track in x.tracks]


def _join(
    branches: Sequence[Sequence[Track]], shape: Sequence[int | None]
) -> tuple[tuple[Track, ...], tuple[str, ...]]:
    """Join the tracks of branches, one axis of the network's input after the other."""
    joined: list[Track] = []
    marks: dict[str, None] = {}
    for tracks in zip(*branches, strict=True):
        carried = {track.axis for track in tracks if track.axis is not None}
        if len(carried) > 1:  # rows of one against columns of the other
            flat = [track.collapsed(_count(shape, track.axis)) for track in tracks]
            joined.append(flat[0].joined(flat[1:], 1))
            continue
        axis = carried.pop() if carried else None
        joined.append(tracks[0].joined(tracks[1:], _count(shape, axis))._replace(axis=axis))
        mark = _misalignment([track.reach for track in tracks])
        if mark:
            marks[mark] = None
    return tuple(joined), tuple(marks)


def _count(shape: Sequence[int | None], axis: int | None) -> int:
    return 1 if axis is None else shape[axis] or 1


def _misalignment(reaches: Sequence[Reach]) -> str | None:
    """Say how the fields of branches differ in jump or centre; None where they do not."""
    first, *others = [reach for reach in reaches if isinstance(reach, Phases) and reach.advance]
    for other in others:
        if other.advance * first.period != first.advance * other.period:
            return f"branches with different jumps: {first.field().j} and {other.field().j}"
        period = lcm(first.period, other.period)
        apart = abs(_centre(first, period) - _centre(other, period))
        if apart:
            return f"centres of branches are {apart / (2 * period):g} pixels apart"
    return None


def _centre(reach: Phases, period: int) -> int:
    """Sum twice the centres of the fields of a period."""
    return sum(sum(span) for span in map(reach.at, range(period)) if span)

"""Where branches meet: elementwise operations of several tensors, and concatenation."""

from collections.abc import Sequence
from itertools import pairwise
from math import lcm
from typing import NamedTuple

from convcli.errors import DoesNotFit
from convcli.geometry.network.index_map import Blocks
from convcli.geometry.network.operation import Applied
from convcli.geometry.network.receptive_field import NOTHING, Phases, Reach
from convcli.geometry.network.tensor import Tensor, Track

_MAX_PERIOD = 1 << 10  # of branches whose centres are compared


class Elementwise(NamedTuple):
    """A sum, product, difference, ... of tensors, which are broadcast as NumPy's."""

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        rank = max(len(x.shape) for x in inputs)
        padded = [(1,) * (rank - len(x.shape)) + x.shape for x in inputs]
        shape = broadcast(padded)
        branches = [_spread(x, shape) for x in inputs if x.tracks]
        tracks, marks = join_tracks(branches, shape)
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
                raise DoesNotFit(_differ([x.shape for x in inputs], f"except along axis {axis}"))
        sizes = [x.shape[axis] for x in inputs]
        total = None if None in sizes else sum(n or 0 for n in sizes)
        shape = (*first[:axis], total, *first[axis + 1 :])
        branches = [x.tracks for x in inputs if x.tracks]
        if not any(track.axis == axis for tracks in branches for track in tracks):
            tracks, marks = join_tracks(branches, shape)
        else:
            tracks, marks = _laid_out(inputs, shape, axis), ()
        return Applied((Tensor(shape, tracks, inputs[0].itemsize),), marks=marks)


def _laid_out(
    inputs: Sequence[Tensor], shape: Sequence[int | None], axis: int
) -> tuple[Track, ...]:
    """Return the tracks of tensors concatenated along an axis that carries some of them."""
    counts = [x.size(axis) for x in inputs]
    traced = next(x for x in inputs if x.tracks)
    tracks = []
    for i, first in enumerate(traced.tracks):
        constant = Track(axis, NOTHING, first.size, first.budget)
        pieces = [x.tracks[i] if x.tracks else constant for x in inputs]
        others = [piece for piece in pieces if piece is not constant]
        if all(piece.axis == axis for piece in others):
            tracks.append(pieces[0].followed_by(pieces[1:], counts))
        elif any(piece.axis == axis for piece in others):
            flat = [_flattened(piece, x.shape) for piece, x in zip(pieces, inputs, strict=True)]
            whole = flat[0].joined(flat[1:], 1)
            tracks.append(whole.on(None, {*whole.hidden, axis}))
        else:
            tracks.append(_side_by_side(others, shape, axis))
    return tuple(tracks)


def _side_by_side(pieces: Sequence[Track], shape: Sequence[int | None], axis: int) -> Track:
    """Return the track of tensors that lie side by side along an axis that does not carry it.

    Where they differ, what an index depends on is known once all of that axis is read.
    """
    ((joined,), _) = join_tracks([[piece] for piece in pieces], shape)
    return joined if len(set(pieces)) == 1 else joined.on(joined.axis, {*joined.hidden, axis})


def broadcast(shapes: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
    """Return the shape of tensors of as many axes together: axes of size 1 are repeated."""
    shape: list[int | None] = []
    for sizes in zip(*shapes, strict=True):
        wide = {n for n in sizes if n != 1}
        known = wide - {None}
        if len(known) > 1:
            raise DoesNotFit(_differ(shapes, "or 1"))
        shape.append(known.pop() if known else None if wide else 1)
    return tuple(shape)


def _differ(shapes: Sequence[Sequence[int | None]], unless: str) -> str:
    texts = ", ".join("x".join("?" if n is None else str(n) for n in shape) for shape in shapes)
    return f"the sizes of joined tensors must be equal {unless}: {texts}; crop or pad one of them"


def _spread(x: Tensor, shape: Sequence[int | None]) -> list[Track]:
    """Return the tracks of a tensor that is broadcast to a shape."""
    more = len(shape) - len(x.shape)

    def spread(track: Track) -> Track:
        hidden = [axis + more for axis in track.hidden]
        if track.axis is None:
            return track.on(None, hidden)
        axis = track.axis + more
        out = shape[axis]
        if x.shape[track.axis] == 1 and out not in (1, None):
            track = track.through(Blocks(out or 1, step=0))
        return track.on(axis, hidden)

    return [spread(track) for track in x.tracks]


def join_tracks(
    branches: Sequence[Sequence[Track]], shape: Sequence[int | None]
) -> tuple[tuple[Track, ...], tuple[str, ...]]:
    """Join the tracks of branches, one axis of the network's input after the other.

    Without branches there are none.

    Returns
    -------
    tracks : tuple of Track
    marks : tuple of str
        How branches do not fit each other.
    """
    joined: list[Track] = []
    marks: dict[str, None] = {}
    for tracks in zip(*branches, strict=True):
        axes = dict.fromkeys(track.axis for track in tracks if track.axis is not None)
        if len(axes) > 1:  # rows of one against columns of the other
            flat = [_flattened(track, shape) for track in tracks]
            joined.append(flat[0].joined(flat[1:], 1).on(None, axes))
            continue
        axis = next(iter(axes), None)
        joined.append(tracks[0].joined(tracks[1:], _count(shape, axis))._replace(axis=axis))
        mark = _misalignment([track.reach for track in tracks], len(branches[0]) == 1)
        if mark:
            marks[mark] = None
    return tuple(joined), tuple(marks)


def _flattened(track: Track, shape: Sequence[int | None]) -> Track:
    if track.axis is None:
        return track
    return track.read_whole(track.axis, _count(shape, track.axis))


def _count(shape: Sequence[int | None], axis: int | None) -> int:
    return 1 if axis is None else shape[axis] or 1


def _misalignment(reaches: Sequence[Reach], causal: bool) -> str | None:
    """Say how the fields of branches differ in jump or centre; None where they do not.

    In a `causal` network, of one axis, branches are aligned if their fields end at the same place.
    """
    moving = [reach for reach in reaches if isinstance(reach, Phases) and reach.advance]
    for first, other in pairwise(dict.fromkeys(moving)):
        if other.advance * first.period != first.advance * other.period:
            return f"branches with different jumps: {first.field(1).j} and {other.field(1).j}"
        period = lcm(first.period, other.period)
        if period > _MAX_PERIOD or (causal and _end(first, period) == _end(other, period)):
            continue
        apart = abs(_centre(first, period) - _centre(other, period))
        if apart:
            return f"centres of branches are {apart / (2 * period):g} pixels apart"
    return None


def _centre(reach: Phases, period: int) -> int:
    """Sum twice the centres of the fields of a period."""
    return sum(sum(span) for span in map(reach.at, range(period)) if span)


def _end(reach: Phases, period: int) -> int:
    """Sum the last pixels of the fields of a period."""
    return sum(span[1] for span in map(reach.at, range(period)) if span)

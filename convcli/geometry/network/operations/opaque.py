"""Operators that are not followed: their outputs may depend on all of their inputs."""

from collections.abc import Sequence
from typing import NamedTuple

from convcli.geometry.network.operation import Applied
from convcli.geometry.network.operations.joins import join_tracks
from convcli.geometry.network.tensor import Tensor, Track


class Opaque(NamedTuple):
    """An operator that is not known: `shapes` are those of its outputs, `note` says so.

    Where `shapes` is empty, its output is as its first input.
    """

    note: str
    shapes: tuple[tuple[int | None, ...], ...] = ()

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        branches = [[_all_of(track, x) for track in x.tracks] for x in inputs if x.tracks]
        tracks, _ = join_tracks(branches, ())
        itemsize = inputs[0].itemsize if inputs else 4
        shapes = self.shapes or tuple([x.shape for x in inputs[:1]])
        outputs = tuple([Tensor(shape, tracks, itemsize) for shape in shapes])
        return Applied(outputs, costs=None, notes=(self.note,))


def _all_of(track: Track, x: Tensor) -> Track:
    """Return a bound of what any number depends on."""
    if track.axis is not None:
        track = track.read_whole(track.axis, x.shape[track.axis] or 1)
    return track.on(None).loosened()

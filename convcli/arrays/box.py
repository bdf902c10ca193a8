"""Boxes: a range of indices on each axis of an array."""

from collections.abc import Sequence

Box = tuple[range, ...]


def slices(box: Sequence[range], origin: Sequence[int] | None = None) -> tuple[slice, ...]:
    """Index a box in an array whose first index on each axis is `origin`, by default 0."""
    if origin is None:
        return tuple([slice(part.start, part.stop) for part in box])
    return tuple(
        [slice(p.start - first, p.stop - first) for p, first in zip(box, origin, strict=True)]
    )


def starts(box: Sequence[range]) -> tuple[int, ...]:
    """Return the first index on each axis."""
    return tuple([part.start for part in box])


def box_text(box: Box) -> str:
    """Write a box as an index of an array."""
    return f"[{', '.join(f'{part.start}:{part.stop}' for part in box)}]"

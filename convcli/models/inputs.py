"""The tensors that go into a network: sizes from its file, and from ``-n`` and ``-c``."""

from collections.abc import Sequence

from convcli.errors import UsageError
from convcli.geometry.network.graph import Graph, Input
from convcli.geometry.network.receptive_field import INPUT, Budget
from convcli.geometry.network.tensor import Tensor, Track
from convcli.geometry.text.notation import format_sizes
from convcli.geometry.window.axis import spread


def tensors(graph: Graph, n: Sequence[int] | None, c: int | None = None) -> dict[str, Tensor]:
    """Make the inputs of a network that a file declares.

    Parameters
    ----------
    graph : Graph
    n : sequence of int or None
        Sizes of the spatial axes of the first input, or one for all; by default those of the file.
    c : int or None
        Its channels, where the file does not say them.

    Raises
    ------
    UsageError
        A size is missing, or does not fit.
    """
    if not graph.inputs:
        return {}
    first, *others = graph.inputs
    image, symbols = _image(first, n, c)
    return {first.name: image} | {each.name: _other(each, symbols) for each in others}


def _image(
    declared: Input, n: Sequence[int] | None, c: int | None
) -> tuple[Tensor, dict[str, int]]:
    """Make the first input, and say what its symbols stand for."""
    shape = declared.shape
    if shape is None:
        if n is None:
            raise UsageError(
                f"the file does not say the size of {declared.name!r}; give it: -n 224"
            )
        shape = (None, None, *[None] * len(n))
    rank = len(shape)
    spatial = [axis for axis in range(1, rank) if axis != declared.channel_axis or rank < 3]
    sizes = list(shape)
    if rank and not isinstance(sizes[0], int):
        sizes[0] = 1
    if n is not None:
        if not spatial:
            raise UsageError(
                f"-n {format_sizes(n)}: {declared.name!r} has no spatial axis; omit -n"
            )
        for axis, size in zip(spatial, spread("-n", tuple(n), len(spatial)), strict=True):
            sizes[axis] = size
    channels = declared.channel_axis
    if c is not None and rank < 3:
        raise UsageError(f"-c {c}: {declared.name!r} has no channel axis; omit -c")
    if c is not None:
        if isinstance(sizes[channels], int) and sizes[channels] != c:
            raise UsageError(
                f"-c {c}: {declared.name!r} has {sizes[channels]} channels in its file; omit -c"
            )
        sizes[channels] = c
    missing = [axis for axis, size in enumerate(sizes) if not isinstance(size, int)]
    if missing:
        raise UsageError(_missing(declared, shape, sizes, missing, spatial))
    known = [size for size in sizes if isinstance(size, int)]
    budget = Budget()
    tracks = [Track(axis, INPUT, known[axis], budget) for axis in spatial] if rank > 2 else []
    symbols = {name: size for name, size in zip(shape, known, strict=True) if isinstance(name, str)}
    return Tensor(tuple(known), tuple(tracks), declared.itemsize), symbols


def _missing(
    declared: Input,
    shape: Sequence[int | str | None],
    sizes: Sequence[int | str | None],
    missing: Sequence[int],
    spatial: Sequence[int],
) -> str:
    """Say which axes have no size, and the option that gives them."""
    text = "x".join("?" if size is None else str(size) for size in shape)
    axes = " and ".join(str(axis) for axis in missing)
    which = f"axis {axes}" if len(missing) == 1 else f"axes {axes}"
    if all(axis not in spatial for axis in missing):
        return f"input {declared.name!r} is {text}: {which} has no size; give the channels: -c 3"
    example = "x".join(
        str(sizes[axis]) if isinstance(sizes[axis], int) else "224" for axis in spatial
    )
    more = " -c 3" if any(axis not in spatial for axis in missing) else ""
    have = "has" if len(missing) == 1 else "have"
    return f"input {declared.name!r} is {text}: {which} {have} no size; give it: -n {example}{more}"


def _other(declared: Input, symbols: dict[str, int]) -> Tensor:
    """Make an input other than the image, on which it does not depend."""
    sizes = []
    for axis, size in enumerate(declared.shape or ()):
        found = symbols.get(size) if isinstance(size, str) else size
        if found is None and axis:
            raise UsageError(
                f"input {declared.name!r} has no size along axis {axis}, and -n is that of the "
                f"first input; export the model with a fixed size"
            )
        sizes.append(found or 1)
    return Tensor(tuple(sizes), (), declared.itemsize)

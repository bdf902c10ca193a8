"""How an output is stored: its chunks, by those of the input, and what its metadata say."""

from convcli.arrays.sources.source import Source
from convcli.arrays.stores.form import Form
from convcli.arrays.stores.inputs import StoredInput, dimension_names
from convcli.arrays.stores.ome import Level
from convcli.errors import UsageError
from convcli.geometry.text import notation
from convcli.run.resolve.operation import Operation
from convcli.run.stores.blocks import Axes

_SIDE = {1: 1 << 20, 2: 1 << 10, 3: 1 << 7}  # of a chunk, by the number of spatial axes


def form_of(source: Source, axes: Axes, version: int | None, asked: str | None) -> Form:
    """Choose how an output is stored.

    Parameters
    ----------
    source : Source
        The input: an output has its chunks divided by the stride, its codecs and its names of axes.
        For one without chunks, those of an output have about a million numbers.
    axes : Axes
    version : int or None
        Of Zarr's format, if that is not for us to choose.
    asked : str or None
        The chunks that ``--chunks`` asks for.
    """
    stored = source if isinstance(source, StoredInput) else None
    shape = axes.out_shape
    chunks, ratio = _chunks(stored, axes)
    if asked is not None:
        chunks = _asked(asked, chunks, axes)
    chunks = tuple(min(chunk, n) for chunk, n in zip(chunks, shape, strict=True))
    form = Form(shape, axes.operation.out_dtype, chunks, version=version or 3)
    if stored is None:
        return form
    array = stored.stored.array
    own = int(array.metadata.zarr_format)
    version = version or own
    shards = None
    if array.shards is not None and version == 3:
        shards = tuple(
            chunk * min(each, -(-n // chunk))
            for chunk, each, n in zip(chunks, ratio, shape, strict=True)
        )
    encoding = getattr(array.metadata, "chunk_key_encoding", None)
    separator = getattr(array.metadata, "dimension_separator", None)
    return form._replace(
        shards=shards,
        compressors=array.compressors if version == own else "auto",
        version=version,
        separator=getattr(encoding, "separator", separator) if version == own else None,
        names=_names(stored, axes),
        level=_level(stored.level, axes) if stored.level else None,
    )


def _chunks(stored: StoredInput | None, axes: Axes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Choose the size of chunks along each axis of an output, and how many are in a shard."""
    operation, letters = axes.operation, axes.out_layout
    if stored is None:
        side = _SIDE[operation.dims]
        return tuple(side if each in operation.spatial else 1 for each in letters), ()
    array = stored.stored.array
    chunks, ratio = [], []
    for size, shard, letter in _by_axis(array.chunks, array.shards or array.chunks, axes):
        ratio.append(shard // size)
        if letter in operation.spatial:
            stride = operation.axis_of(letter).s
            size = size * stride if operation.transposed else max(size // stride, 1)  # noqa: PLW2901
        chunks.append(size)
    return tuple(chunks), tuple(ratio)


def _by_axis(
    chunks: tuple[int, ...], shards: tuple[int, ...], axes: Axes
) -> list[tuple[int, int, str]]:
    """Take what the input has along each axis of the output, and its letter."""
    given = list(zip(chunks, shards, axes.layout, strict=True))
    if len(axes.out_layout) > len(axes.layout):  # a layer's channels
        given.insert(axes.out_layout.index("C"), (1, 1, "C"))
    return given


def _asked(asked: str, chunks: tuple[int, ...], axes: Axes) -> tuple[int, ...]:
    """Read ``--chunks``: a size for each axis, or for each spatial one."""
    sizes = notation.parse_only("--chunks", asked, most_axes=None)
    if min(sizes) < 1:
        raise UsageError(f"--chunks {asked}: a chunk has 1 or more along each axis; use 512x512")
    dims, letters = axes.operation.dims, axes.out_layout
    if len(sizes) == len(letters):
        return sizes
    if len(sizes) == 1:
        sizes = sizes * dims
    if len(sizes) != dims:
        either = f"{dims} (spatial) or " if dims < len(letters) else ""
        raise UsageError(
            f"--chunks {asked} has {len(sizes)} sizes, and the output {either}{len(letters)} axes; "
            f"use --chunks {'x'.join(['512'] * dims)}"
        )
    spatial = dict(zip(axes.operation.spatial, sizes, strict=True))
    return tuple(spatial.get(letter, chunk) for letter, chunk in zip(letters, chunks, strict=True))


def _names(stored: StoredInput, axes: Axes) -> tuple[str | None, ...] | None:
    """Name the axes of the output as those of the input."""
    names = stored.level.names if stored.level else dimension_names(stored.stored.array)
    if names is None or len(axes.out_layout) == len(names):
        return names
    channels = axes.out_layout.index("C")
    return (*names[:channels], "c", *names[channels:])


def _level(level: Level, axes: Axes) -> Level:
    """Make the metadata of an image: a pixel is as large as the stride, and lies at its window."""
    operation: Operation = axes.operation
    named, scale, translation = list(level.axes), list(level.scale), list(level.translation)
    for i, letter in enumerate(axes.layout):
        if letter not in operation.spatial:
            continue
        axis = operation.axis_of(letter)
        middle = (axis.e - 1) / 2 - axis.pb  # of the first window, in pixels
        if operation.transposed:
            scale[i] /= axis.s
            translation[i] -= middle * scale[i]
        else:
            translation[i] += middle * scale[i]
            scale[i] *= axis.s
    if len(axes.out_layout) > len(named):
        channels = axes.out_layout.index("C")
        named.insert(channels, {"name": "c", "type": "channel"})
        scale.insert(channels, 1.0)
        translation.insert(channels, 0.0)
    return level._replace(axes=tuple(named), scale=tuple(scale), translation=tuple(translation))

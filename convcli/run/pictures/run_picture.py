"""``run … -o`` with ``--explain``, ``--animate`` or ``--plot``: the picture, with its numbers."""

import os
from functools import reduce
from typing import Any

import numpy as np

from convcli.arrays.dtypes import Array, number_text
from convcli.errors import ConvcliError, UsageError
from convcli.pictures import files
from convcli.pictures.board import Numbers
from convcli.pictures.scene import Scene
from convcli.pictures.strip import ROW, strip
from convcli.run.compute.padding import border_index
from convcli.run.options import RunRequest
from convcli.run.pictures.narrator import Narrator
from convcli.run.resolve.axes import canonical
from convcli.run.resolve.operation import Operation
from convcli.run.results import Result, ShownArrays

_COLUMNS = 74  # letters of a line of numbers
_MOST_NUMBERS = 1500  # cells; of more, no number could be read
_OWN = (".svg", ".tex", ".html")  # which no array is written as


def without_picture(request: RunRequest) -> tuple[RunRequest, files.PictureFile | None]:
    """Take the picture that ``-o`` names out of a request; the rest asks for no array."""
    asked = [
        name
        for name, on in (
            ("--plot", request.plot),
            ("--explain", request.explain),
            ("--animate", request.animate),
        )
        if on
    ]
    path = request.output
    names_array = request.output_format is not None or path is None or path.endswith("/")
    if path is None or names_array or not files.is_picture(path) or os.path.isdir(path):
        _refuse_frame(request)
        return request, None
    ending = files.ending_of(path)
    if not asked:
        _refuse_frame(request)
        if ending in _OWN:
            raise UsageError(
                f"-o {path} is a picture; add --explain, --animate or --plot, or write -o y.npy"
            )
        return request, None
    if ending == ".gif" and not request.animate:  # an image of the output
        return request, None
    if len(asked) > 1:
        raise UsageError(
            f"-o {path} is one picture for {' and '.join(asked)}; leave out all but one"
        )
    file = files.picture_file(path, asked[0], request.frame)
    files.refuse_inputs(file, filter(None, [*(request.inputs or ()), request.kernel]))
    if len(request.inputs or ()) > 1:
        count = len(request.inputs or ())
        raise UsageError(f"-o {path} is a picture of one input, and {count} are named; name one")
    rest = request._replace(output=None, plot=False, explain=False, animate=False, frame=None)
    return rest, file


def _refuse_frame(request: RunRequest) -> None:
    if request.frame is not None:
        raise UsageError(f"--frame {request.frame} is of a picture; add --animate -o conv.svg")


def write(file: files.PictureFile, result: Result, kept: ShownArrays) -> None:
    """Write the picture of one array."""
    if kept.input is None or kept.output is None:
        raise ConvcliError(f"-o {file.path}: the arrays are too large to be drawn; use a part")
    files.save(_scene(file, result, kept, kept.input, kept.output), file)


def _scene(file: files.PictureFile, result: Result, kept: ShownArrays, x: Array, y: Array) -> Scene:
    if file.what == "--plot":
        from convcli.run.pictures.plot_picture import plot_picture  # noqa: PLC0415  one kind is needed

        return plot_picture(result, kept)
    operation = kept.operation
    numbers = numbers_of(operation, x, y)
    narrator = Narrator(operation, x, y, by_output=True)
    if file.what == "--animate":
        from convcli.pictures.animation_picture import animation_picture  # noqa: PLC0415

        axes = operation.axes
        return animation_picture(axes, numbers, lambda place: narrator(place, _COLUMNS), file.frame)
    from convcli.pictures.layer_picture import layer_picture  # noqa: PLC0415

    first = narrator([0] * len(operation.axes), _COLUMNS)
    return layer_picture(operation.axes, numbers, first)


def numbers_of(operation: Operation, x: Array, y: Array) -> Numbers | None:
    """Write the numbers of the first image, channel and slice; None where there are too many."""
    axes = operation.axes
    planar = (axes[-2] if len(axes) > 1 else ROW, axes[-1])
    strips = [strip(axis) for axis in planar]
    if np.prod([len(each.cells) for each in strips]) > _MOST_NUMBERS:
        return None
    if np.prod([axis.out for axis in planar]) > _MOST_NUMBERS:
        return None
    source = _plane(canonical(x, operation.layout, operation.spatial)[0], len(axes))
    output = _plane(canonical(y, operation.out_layout, operation.spatial)[0], len(axes))
    index, there = [], []
    for each in strips:
        pixels = [each.pixel(position) for position in each.cells]
        there.append(np.array([pixel is not None for pixel in pixels]))
        index.append(np.array([pixel or 0 for pixel in pixels]))
        if operation.pad_mode != "zeros" and not operation.transposed:
            index[-1] = border_index(each.cells, each.axis.n, operation.pad_mode)
            there[-1][:] = True
    outside = "" if operation.kind == "maxpool" else "0"
    known = reduce(np.logical_and.outer, there)
    values = source[np.ix_(*index)]
    cells = [
        [_number(v) if k else outside for v, k in zip(row, ks, strict=True)]
        for row, ks in zip(values, known, strict=True)
    ]
    made = [[_number(v) for v in row] for row in output]
    starts = [each.cells.start for each in strips]
    widest = max((text for rows in (cells, made) for row in rows for text in row), key=len)
    return Numbers(
        lambda r, c: cells[r - starts[0]][c - starts[1]], lambda r, c: made[r][c], widest
    )


def _plane(values: Array, axes: int) -> Array:
    """Take the first channel's rows and columns, of slices the first."""
    plane: Array = values[0]
    for _ in range(axes - 2):
        plane = plane[0]
    return plane.reshape(1, -1) if axes == 1 else plane


def _number(value: Any) -> str:
    return number_text(value, 2 if value.dtype.kind == "c" else 3)

"""``--plot``: input, filter and output as pictures, side by side where the terminal is wide enough.

Each has its name, its shape, and a scale with numbers.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from convcli.arrays.dtypes import Array, shape_text
from convcli.run.pictures import heat_map
from convcli.run.resolve.axes import SPATIAL
from convcli.run.results import Facts, Result, ShownArrays

_GUTTER = 2
_NARROWEST = 22  # columns of a panel, for its heading and the numbers of its scale
_RGB = 3


class Plane(NamedTuple):
    """Rows and columns of an array to draw, with red, green and blue last if it has these."""

    name: str
    heading: str
    values: Array
    part: str  # which part of the array it is

    def note(self, step: int, channels: str = "colours") -> str:
        """Say what is drawn: a part of the array, channels as something, means of some pixels."""
        pixels = f"{step}" if len(self.values) == 1 else f"{step}x{step}"
        notes = {
            self.part: True,
            f"C as {channels}": self.values.ndim == 3,
            "magnitudes": self.values.dtype.kind == "c",
            f"means of {pixels} pixels": step > 1,
        }
        return ", ".join(text for text, is_so in notes.items() if text and is_so)


def show(result: Result, kept: ShownArrays, out: Console) -> None:
    """Draw what was kept of a run."""
    planes = list(planes_of(result, kept))
    coloured = heat_map.is_coloured(out)
    wanted = [max(heat_map.width_of(plane.values.shape, coloured), _NARROWEST) for plane in planes]
    widths = _side_by_side(wanted, out.width)
    if widths is None:
        for plane, width in zip(planes, wanted, strict=True):
            out.print(_panel(plane, min(width, out.width), coloured))
            out.print()
        return
    grid = Table.grid(padding=(0, _GUTTER))
    for width in widths:
        grid.add_column(width=width)
    grid.add_row(*(_panel(p, w, coloured) for p, w in zip(planes, widths, strict=True)))
    out.print(grid)


def _side_by_side(wanted: Sequence[int], width: int) -> list[int] | None:
    """Share the columns of a terminal; the widest give way. None where there is no room."""
    room = width - _GUTTER * (len(wanted) - 1)
    if room < _NARROWEST * len(wanted):
        return None
    widths = list(wanted)
    while (over := sum(widths) - room) > 0:
        widest = max(widths)
        most = [i for i, each in enumerate(widths) if each == widest]
        second = max([each for each in widths if each < widest], default=0)
        step = min(-(-over // len(most)), widest - second)
        for i in most:
            widths[i] -= step
    return widths


def _panel(plane: Plane, width: int, coloured: bool) -> Group:
    values = np.abs(plane.values) if plane.values.dtype.kind == "c" else plane.values
    drawn, step = heat_map.reduced(values.astype(np.float64), width, coloured)
    scale = heat_map.scale_of_plane(values, drawn)
    note = plane.note(step, "colours" if coloured else "brightness")
    columns = drawn.shape[1] * (1 if coloured else 2)
    return Group(
        Text(plane.name, "bold"),
        Text(plane.heading),
        *([Text(note, "dim")] if note else []),
        heat_map.picture(drawn, scale, width, coloured),
        heat_map.bar(scale, min(max(columns, _NARROWEST), width), coloured),
    )


def planes_of(result: Result, kept: ShownArrays) -> Iterator[Plane]:
    """Choose a plane of input, filters and output: three channels are colours, of others the first.

    Channels that a layer made are not colours.
    """
    operation, each = kept.operation, result.each_channel
    if kept.input is not None:
        yield _plane("input", result.input, kept.input, operation.layout, colours=True)
    letters = ("" if each else "NC") + SPATIAL[len(result.axes)]
    pair = len(kept.filters) > 1
    for i, array in enumerate(kept.filters, 1):
        name = f"filter {i}" if pair else "filter"
        yield _plane(name, result.filter, array, letters, colours=False)
    if kept.output is not None:
        name = "output: magnitude of both" if pair else "output"
        yield _plane(name, result.output, kept.output, operation.out_layout, colours=each)


def _plane(name: str, facts: Facts, array: Array, layout: str, colours: bool) -> Plane:
    sizes = dict(zip(layout, array.shape, strict=True))
    keep = "HWC" if colours and sizes.get("C") == _RGB and "H" in sizes else "HW"
    values = array[tuple(slice(None) if letter in keep else 0 for letter in layout)]
    left = [letter for letter in layout if letter in keep]
    values = np.atleast_2d(values.transpose([left.index(x) for x in keep if x in left]))
    others = [letter for letter in layout if letter not in keep and sizes[letter] > 1]
    part = f"the first of {' and '.join(others)}" if others else ""
    return Plane(name, f"{shape_text(facts.shape)} {facts.dtype}", values, part)

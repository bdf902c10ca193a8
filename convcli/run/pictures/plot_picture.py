"""``--plot -o``: input, filter and output side by side, each with a scale, as in a report."""

from typing import NamedTuple

import numpy as np

from convcli.arrays.dtypes import Array, number_text
from convcli.geometry.window.formula import formulas
from convcli.pictures.board import INNER, MARGIN, WIDTH
from convcli.pictures.grid import SMALLEST, number_size
from convcli.pictures.palette import ink_on, rgb
from convcli.pictures.scene import (
    Group,
    Pixels,
    Rect,
    Rgb,
    Scene,
    Shade,
    Shape,
    Text,
    paragraph,
    paragraph_height,
    wrapped,
)
from convcli.run.pictures import heat_map
from convcli.run.pictures.heat_map import Scale
from convcli.run.pictures.plot import Plane, planes_of
from convcli.run.results import Result, ShownArrays, operation_name

_GUTTER = 30.0
_MOST_PIXELS = 400  # of an axis; of more, means are drawn
_MOST_CELLS = 144  # with numbers
_TALLEST = 300.0
_SMALL = 12.5  # pixels of letters
_WIDE = 5  # times the height
_STEPS = 64  # of a scale
_ODD = Rgb(214, 0, 214)  # NaN and infinity


def plot_picture(result: Result, kept: ShownArrays) -> Scene:
    """Draw what was kept of a run."""
    planes = list(planes_of(result, kept))
    title = operation_name(result)
    title = title[0].upper() + title[1:]
    lines = wrapped(title, INNER / 1.07, 18)
    texts = paragraph(MARGIN, 18, lines, 18, bold=True)
    y = 18 + paragraph_height(lines, 18) + 4
    facts = wrapped("; ".join(formulas(result.axes)), INNER, 13)
    texts += paragraph(MARGIN, y, facts, 13, fill="soft")
    y += paragraph_height(facts, 13) + 12
    groups = [Group("heading", texts)]
    # What is much wider than high has the whole width.
    stacked = any(p.values.shape[1] >= _WIDE * p.values.shape[0] for p in planes)
    width = INNER if stacked else (INNER - _GUTTER * (len(planes) - 1)) / len(planes)
    panels = [_prepared(plane, width) for plane in planes]
    head = max(20 + paragraph_height(panel.head, _SMALL) for panel in panels)
    x, bottom, said = MARGIN, y, [title]
    for panel in panels:
        group, end = _drawn(panel, x, y, width, head)
        groups.append(group)
        scale = panel.scale
        said.append(f"{panel.name} {panel.head[0]}, from {scale.low:.3g} to {scale.high:.3g}")
        bottom = max(bottom, end)
        x, y = (x, end + 10) if stacked else (x + width + _GUTTER, y)
    return Scene(WIDTH, bottom + MARGIN, title, ". ".join(said), tuple(groups))


class _Panel(NamedTuple):
    """A plane with what is written above it, and its numbers, or means of them, to draw."""

    name: str
    head: list[str]
    values: Array
    drawn: Array
    scale: Scale


def _prepared(plane: Plane, width: float) -> _Panel:
    values = np.abs(plane.values) if plane.values.dtype.kind == "c" else plane.values
    step = max(-(-max(values.shape[:2]) // _MOST_PIXELS), 1)
    drawn = heat_map.shrink(values.astype(np.float64), step)
    scale = heat_map.scale_of_plane(values, drawn)
    note = plane.note(step)
    head = wrapped(plane.heading, width, _SMALL) + (wrapped(note, width, _SMALL) if note else [])
    return _Panel(plane.name, head, values, drawn, scale)


def _drawn(panel: _Panel, x: float, y: float, width: float, head: float) -> tuple[Group, float]:
    """Draw a panel with the space `head` above its plane; return also where it ends."""
    above = y + head - paragraph_height(panel.head, _SMALL)
    shapes: list[Shape] = [Text(x, above - 4, panel.name, 14, bold=True)]
    shapes += paragraph(x, above, panel.head, _SMALL, fill="soft")
    top = y + head + 6
    rows, columns = panel.drawn.shape[:2]
    cell = min(width / columns, _TALLEST / rows, 48.0)
    wide, high = cell * columns, max(cell * rows, 14.0)
    shapes += _cells(panel.drawn, panel.values, panel.scale, (x, top, wide, high))
    shapes.append(Rect(x, top, wide, high, stroke="line"))
    end = top + high + 14
    shapes += _scale(panel.scale, x, end, min(width, 240.0))
    return Group(panel.name, tuple(shapes)), end + 30


def _cells(
    drawn: Array, values: Array, scale: Scale, box: tuple[float, float, float, float]
) -> list[Shape]:
    """Draw few numbers as cells with their text, many as an image."""
    x, y, wide, high = box
    colours = _colours(drawn, scale)
    rows, columns = drawn.shape[:2]
    if drawn.ndim == 3 or rows * columns > _MOST_CELLS or rows != values.shape[0]:
        pixels = tuple([tuple([Rgb(*each) for each in row]) for row in colours.tolist()])
        return [Pixels(x, y, wide, high, pixels)]
    shapes: list[Shape] = []
    cell, tall = wide / columns, high / rows
    texts = [[number_text(value, 3) for value in row] for row in values]
    size = min(number_size(text, min(cell, tall)) for row in texts for text in row)
    for r in range(rows):
        for c in range(columns):
            fill = Rgb(*colours[r, c].tolist())
            left, top = x + c * cell, y + r * tall
            shapes.append(Rect(left, top, cell, tall, fill=fill, stroke="paper", line=0.6))
            if size >= SMALLEST:
                middle = top + tall / 2 + size * 0.35
                text = Text(left + cell / 2, middle, texts[r][c], size, "middle", ink_on(fill))
                shapes.append(text)
    return shapes


def _colours(drawn: Array, scale: Scale) -> Array:
    """Return red, green and blue of each number."""
    shares = scale.shares(drawn)
    known = np.isfinite(shares)
    levels = np.where(known, shares, 0.0)
    if scale.colours == "light":
        return (levels * 255).round().astype(np.uint8)
    table = [rgb(Shade(i / 255, scale.colours == "signed")) for i in range(256)]
    colours = np.array(table, np.uint8)[(levels * 255).round().astype(int)]
    return np.where(known[..., None], colours, np.array(_ODD, np.uint8))


def _scale(scale: Scale, x: float, y: float, width: float) -> list[Shape]:
    """Draw the colours of a scale, and its numbers at the ends and in the middle."""
    if scale.low == scale.high:
        return [Text(x, y + 12, f"all {scale.low:.3g}", 12, "start", "soft")]
    shapes: list[Shape] = []
    for i in range(_STEPS):
        share = i / (_STEPS - 1)
        level = round(255 * share)
        fill: Rgb | Shade = Shade(share, scale.colours == "signed")
        if scale.colours == "light":
            fill = Rgb(level, level, level)
        left, right = round(x + width * i / _STEPS, 2), round(x + width * (i + 1) / _STEPS, 2)
        shapes.append(Rect(left, y, right - left + (0.4 if i < _STEPS - 1 else 0), 10, fill=fill))
    middle = (scale.low + scale.high) / 2
    shapes += [
        Text(x, y + 25, f"{scale.low:.3g}", 12, "start", "soft"),
        Text(x + width / 2, y + 25, f"{middle:.3g}", 12, "middle", "soft"),
        Text(x + width, y + 25, f"{scale.high:.3g}", 12, "end", "soft"),
    ]
    return shapes

"""The picture of a network: its layers to scale as boxes, and how its receptive field grows."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from convcli.errors import UsageError
from convcli.explain import words
from convcli.geometry.network.graph import NodeStep
from convcli.geometry.network.growth import Growth, growth
from convcli.geometry.text.notation import format_sizes
from convcli.geometry.window.axis import AXIS_NAMES
from convcli.pictures.board import INNER, MARGIN, WIDTH
from convcli.pictures.scene import (
    Group,
    Line,
    Rect,
    Scene,
    Shape,
    Text,
    paragraph,
    paragraph_height,
    text_width,
    wrapped,
)

_MOST_BOXES = 22  # rows of names below the boxes; of more layers, those of one size are one box
_FEWEST_BOXES = 4
_TALLEST, _THINNEST = 150.0, 4.0
_ROW = 23.0  # pixels of the height of a row of the list
_LETTER = 12.5
_NAME_WIDE = 235.0  # pixels


class _Box(NamedTuple):
    """A layer, or several that make tensors of one size."""

    steps: tuple[NodeStep, ...]

    @property
    def last(self) -> NodeStep:
        """The layer whose output the box shows: of those with most channels the last."""
        return max(reversed(self.steps), key=lambda step: step.c_out or 0)

    @property
    def height(self) -> int:
        """The size that its height stands for: of the last axis but one, if there is one."""
        out = self.last.out
        return max(out[-2:][0], 1) if out else 1

    @property
    def channels(self) -> int:
        """The number that its width stands for."""
        return self.last.c_out or 1

    @property
    def name(self) -> str:
        """What it is called in the list."""
        labels = [step.label or step.kind for step in (self.steps[0], self.last)]
        first, last = (label.split(".") for label in labels)
        if len(last) > 1 and first[0] == last[0] and first != last:  # of one block
            labels[1] = ".".join(last[1:])
        return _named(list(dict.fromkeys(labels)), _NAME_WIDE)

    @property
    def size(self) -> str:
        """Size and channels of its output."""
        sizes = format_sizes(self.last.out) if self.last.out else ""
        channels = f"{self.last.c_out}" if self.last.c_out else ""
        return " · ".join(part for part in (sizes, channels) if part) or "?"


def network_picture(
    steps: Sequence[NodeStep], rows: Sequence[NodeStep], called: str | None
) -> Scene:
    """Draw a network.

    Parameters
    ----------
    steps : sequence of NodeStep
    rows : sequence of NodeStep
        Those that are worth a box.
    called : str or None
        What the network is called.
    """
    if not any(step.dims for step in steps):
        raise UsageError(
            f"-o: a picture shows how layers read an image, and {called or 'this network'} has "
            f"none; leave out -o"
        )
    boxes = _boxes(rows)
    first, last = _reads_image(steps), steps[-1]
    out = format_sizes(last.out) if last.out else str(last.c_out or "?")
    title = f"{called or 'Network'}, {format_sizes(first.n)} to {out}"
    lines = wrapped(title, INNER / 1.07, 18)
    texts = paragraph(MARGIN, 18, lines, 18, bold=True)
    y = 18 + paragraph_height(lines, 18) + 2
    wide = "" if first.c_in is None else ", width is channels"
    scale = wrapped(f"Each box is the output of a layer: height is size{wide}, to scale", INNER, 13)
    texts += paragraph(MARGIN, y, scale, 13, fill="soft")
    y += paragraph_height(scale, 13)
    groups = [Group("heading", texts)]
    drawn, y = _row_of_boxes(steps, boxes, y + 10)
    groups += drawn
    grown, y = _growth(steps, boxes, y + 14)
    groups += grown
    description = "; ".join(f"{i}: {box.name}, {box.size}" for i, box in enumerate(boxes, 1))
    return Scene(WIDTH, y + 10, title, description, tuple(groups))


def _reads_image(steps: Sequence[NodeStep]) -> NodeStep:
    """Find the first node whose input is an image."""
    return next((step for step in steps if step.n), steps[0])


def _boxes(rows: Sequence[NodeStep]) -> list[_Box]:
    """Give each layer a box; of many layers, those in a row with outputs of one size share one.

    The last one, whose output is that of the network, has its own.
    """
    if len(rows) <= _MOST_BOXES:
        return [_Box((step,)) for step in rows]
    *before, last = rows
    boxes: list[list[NodeStep]] = []
    for step in before:
        if boxes and boxes[-1][-1].out == step.out:
            boxes[-1].append(step)
        else:
            boxes.append([step])
    if len(boxes) < _FEWEST_BOXES:  # as they all keep their size
        boxes = [[step] for step in before]
    each = -(-len(boxes) // (_MOST_BOXES - 1))
    shared = (boxes[i : i + each] for i in range(0, len(boxes), each))
    return [*(_Box(tuple(chain.from_iterable(some))) for some in shared), _Box((last,))]


def _row_of_boxes(
    steps: Sequence[NodeStep], boxes: Sequence[_Box], y: float
) -> tuple[list[Group], float]:
    """Draw the boxes in a row, their numbers below, and arcs over what is left out between."""
    first = _reads_image(steps)
    sizes = [max((first.n or (1,))[-2:][0], 1), *(box.height for box in boxes)]
    channels = [first.c_in or 1, *(box.channels for box in boxes)]
    gap = min(22.0, 0.4 * INNER / len(sizes))
    widths = _widths(channels, INNER - gap * (len(sizes) - 1))
    scale = _TALLEST / max(sizes)
    links = _links(steps, boxes)
    arcs = [(begin, end) for begin, end in links if begin < end - 1]
    lift = min(14.0 + 5.0 * max((b - a for a, b in arcs), default=0), 60.0) if arcs else 0.0
    middle = y + lift + _TALLEST / 2
    x = MARGIN
    places: list[tuple[float, float, float]] = []
    shapes: list[Shape] = []
    numbers: list[Shape] = []
    for i, (size, width) in enumerate(zip(sizes, widths, strict=True)):
        height = max(size * scale, _THINNEST)
        role = "output" if i else "input"
        top = middle - height / 2
        shapes.append(Rect(x, top, width, height, fill=role, stroke=f"{role}-edge", line=1.2))
        label = str(i) if i else "in"
        numbers.append(Text(x + width / 2, middle + _TALLEST / 2 + 16, label, 12, "middle"))
        if (i - 1, i) in links:
            before = places[-1]
            shapes.append(Line(before[1], middle, x, middle, "soft", 1.0, arrow=gap >= 12))
        places.append((x, x + width, top))
        x += width + gap
    curves: list[Shape] = []
    for begin, end in arcs:
        start, stop = places[begin], places[end]
        high = min(start[2], stop[2], *(place[2] for place in places[begin : end + 1]))
        from_x, to_x = (start[0] + start[1]) / 2, (stop[0] + stop[1]) / 2
        bend = min(14.0 + 5.0 * (end - begin), 60.0)
        curves += [
            Line(from_x, start[2], from_x, high - 2, "window-edge", 1.4),
            Line(from_x, high - 2, to_x, high - 2, "window-edge", 1.4, bend),
            Line(to_x, high - 2, to_x, stop[2], "window-edge", 1.4, arrow=True),
        ]
    groups = [
        Group("boxes", tuple(shapes)),
        Group("numbers", tuple(numbers)),
        Group("branches", tuple(curves)),
    ]
    y = middle + _TALLEST / 2 + 24
    return groups, y


def _widths(channels: Sequence[int], room: float) -> list[float]:
    """Share a room by channels; none is thinner than a line that is seen."""
    thin = [False] * len(channels)
    while True:
        left = room - _THINNEST * sum(thin)
        whole = sum(c for c, is_thin in zip(channels, thin, strict=True) if not is_thin)
        scale = min(left / whole, 40.0 / min(channels)) if whole else 0.0
        found = [
            is_thin or c * scale < _THINNEST for c, is_thin in zip(channels, thin, strict=True)
        ]
        if found == thin:
            return [
                _THINNEST if is_thin else min(c * scale, 90.0)
                for c, is_thin in zip(channels, thin, strict=True)
            ]
        thin = found


def _links(steps: Sequence[NodeStep], boxes: Sequence[_Box]) -> list[tuple[int, int]]:
    """Find which boxes read which, numbered from 1 on; 0 is the input of the network."""
    place = {step.node.outputs: i for i, box in enumerate(boxes, 1) for step in box.steps}
    makers: dict[str, int] = {}
    found: set[tuple[int, int]] = set()
    for step in steps:
        begins = [makers.get(name, 0) for name in step.node.inputs]
        # What has no box of its own works on the latest of the boxes that it reads.
        at = place.get(step.node.outputs, max(begins, default=0))
        makers |= dict.fromkeys(step.node.outputs, at)
        found |= {(begin, at) for begin in begins if begin < at}
    return sorted(found)


class _Table(NamedTuple):
    """The list of the boxes: the left or right edge of each column, and the bars to scale."""

    name_x: float
    size_x: float
    field_x: float
    bar_x: float
    growth: Growth

    def at(self, pixel: int) -> float:
        """Return where a pixel of the input begins among the bars."""
        pixels = self.growth.pixels
        return self.bar_x + (pixel - pixels.start) * (WIDTH - MARGIN - self.bar_x) / len(pixels)


def _growth(
    steps: Sequence[NodeStep], boxes: Sequence[_Box], y: float
) -> tuple[list[Group], float]:
    """List the boxes with their sizes, and what the middle of each output depends on, to scale."""
    dims = max(step.dims for step in steps)
    axis = dims - 1
    table = _measured(boxes, growth([box.last for box in boxes], axis))
    n, pixels = table.growth.n, table.growth.pixels
    name = AXIS_NAMES[dims][axis]
    head = f"What the middle of each output depends on, of the {n} input pixels of the {name}"
    said = wrapped(head, INNER, 13)
    texts: list[Shape] = list(paragraph(MARGIN, y, said, 13))
    y += paragraph_height(said, 13) + 8
    texts += [
        Text(table.name_x, y + 12, "layer", 12, "start", "soft"),
        Text(table.size_x, y + 12, "output", 12, "start", "soft"),
        Text(table.field_x, y + 12, "field", 12, "end", "soft"),
    ]
    y += 18
    bars: list[Shape] = []
    for i, box in enumerate(boxes):
        base = y + _ROW * 0.7
        texts.append(Text(MARGIN + 16, base, str(i + 1), _LETTER, "end", "soft"))
        texts.append(Text(table.name_x, base, box.name, _LETTER))
        texts.append(Text(table.size_x, base, box.size, _LETTER))
        texts.append(Text(table.field_x, base, table.growth.fields[i], _LETTER, "end"))
        bars += _bar(table, i, y)
        y += _ROW
    bars.append(Rect(table.at(0), y + 4, table.at(n) - table.at(0), 1.2, fill="soft"))
    if table.at(n) - table.at(0) > 2 * text_width(str(n), 12):
        texts.append(Text(table.at(0), y + 19, "0", 12, "start", "soft"))
    texts.append(Text(table.at(n), y + 19, str(n), 12, "end", "soft"))
    y += 26
    for note in _notes(steps, is_padded=len(pixels) > n):
        lines = wrapped(note, INNER, 13)
        texts += paragraph(MARGIN, y, lines, 13, fill="soft")
        y += paragraph_height(lines, 13) + 2
    return [Group("receptive-fields", tuple(bars)), Group("layers", tuple(texts))], y


def _measured(boxes: Sequence[_Box], grown: Growth) -> _Table:
    """Give each column the width of its longest text, and the bars what is left."""

    def widest(texts: Iterable[str], head: str) -> float:
        return max(text_width(each, _LETTER) for each in (*texts, head))

    name_x = MARGIN + 26
    size_x = name_x + widest([box.name for box in boxes], "layer") + 12
    field_x = size_x + widest([box.size for box in boxes], "output") + 12
    field_x += widest(grown.fields, "field")
    return _Table(name_x, size_x, field_x, field_x + 12, grown)


def _bar(table: _Table, i: int, y: float) -> Iterator[Rect]:
    """Draw the input as a bar, and on it what the middle output of a box depends on."""
    n, (low, high) = table.growth.n, table.growth.spans[i]
    height = _ROW - 8
    yield Rect(table.at(0), y + 4, table.at(n) - table.at(0), height, fill="input")
    for start, stop, fill in (
        (low, high + 1, "window-pale"),
        (max(low, 0), min(high + 1, n), "window"),
    ):
        if stop > start:
            width = max(table.at(stop) - table.at(start), 2.0)
            yield Rect(table.at(start), y + 4, width, height, fill, "window-edge", 0.8)


def _notes(steps: Sequence[NodeStep], is_padded: bool) -> Iterator[str]:
    if is_padded:
        yield "Pale: beyond the input, where there is padding."
    lost = [
        step.label or step.kind
        for step in steps
        if step.axes and step.axes[0].kind != "convt" and words.loss(step.axes) != "none"
    ]
    if lost:
        more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
        yield f"Not all of their input is read by: {', '.join(lost[:3])}{more}."


def _named(labels: list[str], room: float) -> str:
    """Join the names of the first and the last layer; the longer one gives way."""
    while text_width(text := " to ".join(labels), _LETTER) > room:
        longest = max(labels, key=len)
        half = (len(longest.replace("…", "")) - 1) // 2
        bare = longest.replace("…", "")
        labels[labels.index(longest)] = f"{bare[:half]}…{bare[-half:]}"
    return text

"""Explains a network: how its receptive field grows, where rows are lost, what costs most."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from convcli.explain import words
from convcli.geometry.network.graph import NodeStep
from convcli.geometry.network.growth import growth
from convcli.geometry.network.operations.images import Cropped
from convcli.geometry.text.layer_text import format_named_step
from convcli.geometry.text.notation import format_sizes
from convcli.geometry.window.axis import AXIS_NAMES, Axis
from convcli.geometry.window.coverage import unread, unread_end
from convcli.streams import printable
from convcli.terminal.tables import ANSWER, Column, Sheet

_BAR = 20  # characters of the largest share
_MOST = 3  # layers that are named as the costliest
_FIELD, _INPUT, _BEYOND = "█", "─", "░"


def explain_network(
    steps: Sequence[NodeStep], rows: Sequence[NodeStep], width: int
) -> Iterator[RenderableType]:
    """Explain a network in parts, for a console of `width` columns; a blank line is before each.

    Parameters
    ----------
    steps : sequence of NodeStep
    rows : sequence of NodeStep
        Those that a table has, which numbers them from 1 on.
    width : int
    """
    numbers = {step.node.outputs: i for i, step in enumerate(rows, 1)}
    path = [step for step in longest_path(steps) if step.dims and step.node.outputs in numbers]
    is_chain = len(path) == len(rows)
    for names, axis in _distinct_axes(path) if path else ():
        yield Text(f"\nHow the receptive field grows, {names}:")
        yield from _growth(axis, path, [numbers[s.node.outputs] for s in path], width)
        axes = [step.axes[axis] for step in path if step.axes]
        if is_chain and _are_consecutive(axes) and (lost := never_read(axes)):
            n = path[0].outputs[0].tracks[axis].size
            yield Text(f"the last {lost} of the {n} input pixels reach no output of the network")
    yield Text()
    yield from _losses(rows)
    for what, counts in (
        ("parameters", [step.params for step in rows]),
        ("MACs", [step.macs for step in rows]),
    ):
        yield from _costliest(what, counts, rows, width)


def longest_path(steps: Sequence[NodeStep]) -> list[NodeStep]:
    """Return the nodes on the path with most windows, from the input to the last node."""
    depths: dict[str, int] = {}  # by the names of tensors: those of nodes may occur twice
    before: dict[str, str | None] = {}
    maker: dict[str, NodeStep] = {}
    for step in steps:
        # Of what a crop is cropped like, only the size is used.
        node = step.node
        read = node.inputs[:1] if isinstance(node.operation, Cropped) else node.inputs
        deepest = max(read, key=lambda name: depths.get(name, 0), default=None)
        depth = depths.get(deepest or "", 0) + (step.window is not None)
        for name in node.outputs:
            depths[name], before[name], maker[name] = depth, deepest, step
    path = []
    at: str | None = steps[-1].node.outputs[0]
    while at in maker:
        path.append(maker[at])
        at = before[at]
    return path[::-1]


def _distinct_axes(path: Sequence[NodeStep]) -> Iterator[tuple[str, int]]:
    """Give the axes of the input by their place, with their names; those alike are given once."""
    names = AXIS_NAMES[path[0].dims]
    alike: dict[tuple[object, ...], list[int]] = {}
    for i in range(len(names)):
        tracks = [step.outputs[0].tracks[i] for step in path]
        key = tuple([(track.reach, track.size) for track in tracks])
        alike.setdefault(key, []).append(i)
    for places in alike.values():
        yield " and ".join(names[i] for i in places), places[0]


def _growth(
    axis: int, path: Sequence[NodeStep], numbers: Sequence[int], width: int
) -> Iterator[Text]:
    """Draw what the middle output of each layer reads, a bar a layer, to scale."""
    found = growth(path, axis)
    n, pixels = found.n, found.pixels
    labels = _labels(path, numbers, found.fields, width)
    cells = min(max(width - len(labels[0]), 1), len(pixels))
    for label, (first, last) in zip(labels, found.spans, strict=True):
        yield Text(label).append(bar(range(first, last + 1), n, pixels, cells))
    beyond = f", {_BEYOND} padding" if len(pixels) > n else ""
    each = len(pixels) / cells
    scale = "a pixel" if each == 1 else f"{each:.3g} pixels"
    yield Text(
        f"{_FIELD} what the middle output of a layer depends on, {_INPUT} the rest of the {n} "
        f"input pixels{beyond}; a character is {scale}"
    )
    misses = [i for i, (first, last) in enumerate(found.spans) if first > 0 or last < n - 1]
    if misses[-1:] != [len(path) - 1]:
        first_whole = numbers[misses[-1] + 1 if misses else 0]
        yield Text(f"from layer {first_whole} on, it is the whole input")


def _labels(
    path: Sequence[NodeStep], numbers: Sequence[int], fields: Sequence[str], width: int
) -> list[str]:
    """Write number, name and receptive field of each layer; no names where they are too long."""
    names = [printable(step.label or step.kind) for step in path]
    longest = max(map(cell_len, names))
    if longest > width // 4:
        names, longest = [""] * len(path), 0
    number, size = len(str(numbers[-1])), max(map(len, fields))
    return [
        f"{i:>{number}}  {name}{' ' * (longest - cell_len(name) + 2)}{own:>{size}}  "
        for i, name, own in zip(numbers, names, fields, strict=True)
    ]


def bar(span: range, n: int, drawn: range, cells: int) -> Text:
    """Draw a span of pixels on an input of `n`, in so many characters for all that is drawn."""

    def place(pixel: int) -> int:
        return (pixel - drawn.start) * cells // len(drawn)

    text = Text()
    reads = range(place(span.start), max(place(span.stop), place(span.start) + 1))
    pixels = range(place(0), max(place(n), place(0) + 1))
    for cell in range(cells):
        if cell in reads:
            text.append(*((_FIELD, ANSWER) if cell in pixels else (_BEYOND, ANSWER)))
        else:
            text.append(_INPUT if cell in pixels else " ")
    return text


def _are_consecutive(axes: Sequence[Axis]) -> bool:
    """Whether each layer reads what the one before it makes."""
    return all(one.out == next_.n for one, next_ in pairwise(axes))


def never_read(axes: Sequence[Axis]) -> int:
    """Count the input pixels at the end of an axis that no output of the network depends on.

    Zero where that is not known: outputs of transposed layers, and pixels between others.
    """
    if not axes or any(a.kind == "convt" or unread(a) != unread_end(a) for a in axes):
        return 0
    used = axes[-1].out
    for axis in reversed(axes):
        used = used and axis.n - unread_end(axis._replace(out=used))
    return axes[0].n - used


def _losses(rows: Sequence[NodeStep]) -> Iterator[Text]:
    """Name the layers that do not read all of their input."""
    found = False
    for i, step in enumerate(rows, 1):
        if not step.axes:
            continue
        lost = words.loss(step.axes)
        if lost == "none":
            continue
        if not found:
            yield Text("Where pixels go unread:")
            found = True
        transposed = step.axes[0].kind == "convt"
        what = "output, not written" if transposed else "input, not read"
        sizes = format_sizes(step.out if transposed else [axis.n for axis in step.axes])
        yield Text(printable(f"layer {i}, {format_named_step(step)}: {lost} of {sizes} ({what})"))
    if not found:
        yield Text("No pixel goes unread: each layer reads all of its input.")


def _costliest(
    what: str, counts: Sequence[int | None], steps: Sequence[NodeStep], width: int
) -> Iterator[RenderableType]:
    """Show which layers have most of the parameters, or of the arithmetic."""
    if None in counts or not any(counts):
        return
    known = [(count, i) for i, count in enumerate(counts) if count]
    whole = sum(count for count, _ in known)
    top = sorted(known, key=lambda each: (-each[0], each[1]))[:_MOST]
    rows = [(str(i + 1), format_named_step(steps[i]), count) for count, i in top]
    others, rest = len(steps) - len(top), whole - sum(count for count, _ in top)
    if rest:
        rows.append(("", f"the other {others}" if others > 1 else "the other layer", rest))
    numbers, layers, values = zip(*rows, strict=True)
    shares = [count / whole for count in values]
    yield Text(f"\nWhich layers have most of the {what}:")
    yield Sheet(
        [
            Column("#", numbers),
            Column("layer", layers, text=True),
            Column(what, values, "params" if what == "parameters" else ""),
            Column("share", [_percent(share) for share in shares]),
            Column("", [_FIELD * round(share * _BAR) for share in shares], drop=1, text=True),
        ],
        width,
    )


def _percent(share: float) -> str:
    return "<1 %" if 0 < share < 0.01 else f"{share * 100:.0f} %"

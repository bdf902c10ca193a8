"""Explains a stack: how its receptive field grows, where rows are lost, which layers cost most."""

from collections.abc import Iterator, Sequence
from math import floor

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from convcli.explain import words
from convcli.geometry.axis import AXIS_NAMES, Axis
from convcli.geometry.coverage import unread, unread_end
from convcli.geometry.network import Step
from convcli.geometry.notation import format_sizes
from convcli.geometry.receptive_field import Field
from convcli.streams import printable
from convcli.terminal.tables import ANSWER, Column, Sheet

_BAR = 20  # characters of the largest share
_MOST = 3  # layers that are named as the costliest
_FIELD, _INPUT, _BEYOND = "█", "─", "░"


def explain_stack(steps: Sequence[Step], width: int) -> Iterator[RenderableType]:
    """Explain a stack in parts, for a console of `width` columns; a blank line is before each."""
    for names, axes, fields in _distinct_axes(steps):
        yield Text(f"\nHow the receptive field grows, {names}:")
        yield from _growth(axes, fields, steps, width)
    yield Text()
    yield from _losses(steps)
    for what, counts in (
        ("parameters", [step.params for step in steps]),
        ("MACs", [step.macs for step in steps]),
    ):
        yield from _costliest(what, counts, steps, width)


def _distinct_axes(
    steps: Sequence[Step],
) -> Iterator[tuple[str, tuple[Axis, ...], tuple[Field, ...]]]:
    """Give the axes of the stack with their names; those that are alike are given once."""
    names = AXIS_NAMES[len(steps[0].axes)]
    alike: dict[tuple[tuple[Axis, ...], tuple[Field, ...]], list[str]] = {}
    fields = [step.fields for step in steps]
    for i, name in enumerate(names):
        axes = tuple(step.axes[i] for step in steps)
        alike.setdefault((axes, tuple(each[i] for each in fields)), []).append(name)
    for (axes, own), called in alike.items():
        yield " and ".join(called), axes, own


def _growth(
    axes: Sequence[Axis], fields: Sequence[Field], steps: Sequence[Step], width: int
) -> Iterator[Text]:
    """Draw what the middle output of each layer reads, a bar a layer, to scale."""
    n = axes[0].n
    spans = [span(field, axis.out // 2) for field, axis in zip(fields, axes, strict=True)]
    begin = min(0, *[first for first, _ in spans])
    end = max(n, *[last + 1 for _, last in spans])
    labels = _labels(steps, fields, width)
    cells = min(max(width - len(labels[0]), 1), end - begin)
    for label, (first, last) in zip(labels, spans, strict=True):
        yield Text(label).append(bar(range(first, last + 1), n, range(begin, end), cells))
    beyond = f", {_BEYOND} padding" if end - begin > n else ""
    pixels = (end - begin) / cells
    scale = "a pixel" if pixels == 1 else f"{pixels:.3g} pixels"
    yield Text(
        f"{_FIELD} what the middle output of a layer depends on, {_INPUT} the rest of the {n} "
        f"input pixels{beyond}; a character is {scale}"
    )
    misses = [i for i, (first, last) in enumerate(spans, 1) if first > 0 or last < n - 1]
    if misses[-1:] != [len(steps)]:
        yield Text(f"from layer {misses[-1] + 1 if misses else 1} on, it is the whole input")
    if lost := never_read(axes):
        yield Text(f"the last {lost} of the {n} input pixels reach no output of the stack")


def span(field: Field, output: int) -> tuple[int, int]:
    """Return first and last input pixel that an output depends on, not cut at the borders."""
    first = floor(output * field.j) - field.P
    return first, first + field.r - 1


def _labels(steps: Sequence[Step], fields: Sequence[Field], width: int) -> list[str]:
    """Write number, name and receptive field of each layer; no names where they are too long."""
    names = [printable(step.layer.name or step.layer.window.kind) for step in steps]
    longest = max(map(cell_len, names))
    if longest > width // 4:
        names, longest = [""] * len(steps), 0
    sizes = [f"{'' if field.exact else '≤'}{field.r}" for field in fields]
    number, size = len(str(len(steps))), max(map(len, sizes))
    return [
        f"{i:>{number}}  {name}{' ' * (longest - cell_len(name) + 2)}{own:>{size}}  "
        for i, (name, own) in enumerate(zip(names, sizes, strict=True), 1)
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


def never_read(axes: Sequence[Axis]) -> int:
    """Count the input pixels at the end of an axis that no output of the stack depends on.

    Zero where that is not known: outputs of transposed layers, and pixels between others.
    """
    if any(axis.kind == "convt" or unread(axis) != unread_end(axis) for axis in axes):
        return 0
    used = axes[-1].out
    for axis in reversed(axes):
        used = used and axis.n - unread_end(axis._replace(out=used))
    return axes[0].n - used


def _losses(steps: Sequence[Step]) -> Iterator[Text]:
    """Name the layers that do not read all of their input."""
    found = False
    for i, step in enumerate(steps, 1):
        lost = words.loss(step.axes)
        if lost == "none":
            continue
        if not found:
            yield Text("Where pixels go unread:")
            found = True
        transposed = step.axes[0].kind == "convt"
        what = "output, not written" if transposed else "input, not read"
        sizes = format_sizes(step.out if transposed else [axis.n for axis in step.axes])
        yield Text(printable(f"layer {i}, {words.layer_text(step)}: {lost} of {sizes} ({what})"))
    if not found:
        yield Text("No pixel goes unread: each layer reads all of its input.")


def _costliest(
    what: str, counts: Sequence[int | None], steps: Sequence[Step], width: int
) -> Iterator[RenderableType]:
    """Show which layers have most of the parameters, or of the arithmetic."""
    if None in counts or not any(counts):
        return
    known = [(count, i) for i, count in enumerate(counts) if count]
    whole = sum(count for count, _ in known)
    top = sorted(known, key=lambda each: (-each[0], each[1]))[:_MOST]
    rows = [(str(i + 1), words.layer_text(steps[i]), count) for count, i in top]
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

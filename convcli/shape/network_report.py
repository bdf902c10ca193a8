"""The output of `shape` for people about a network: its layers as rows, totals, what is odd."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from convcli.explain import network, words
from convcli.geometry.network.graph import NodeStep
from convcli.geometry.network.layer import FREE, Costs
from convcli.geometry.network.operations.images import OfAxes
from convcli.geometry.network.operations.pointwise import Pointwise
from convcli.geometry.network.operations.pooling import Normalized
from convcli.geometry.network.operations.rearrange import Flattened
from convcli.geometry.text.layer_text import format_named_step
from convcli.geometry.text.notation import format_sizes
from convcli.shape.figures import FIGURES, NODE_FIGURES, Row, format_bytes
from convcli.shape.records import total
from convcli.shape.report import explain, figure_column, show_sheet
from convcli.streams import Streams, printable
from convcli.terminal.tables import ANSWER, Column, Sheet, console

_BY_KEY = {figure.key: figure for figure in FIGURES + NODE_FIGURES}
_COLUMNS = (
    *("layer", "output", "channels_out", "receptive_field", "jump", "effective_padding"),
    *("parameters", "macs", "activation_bytes"),
)
_COSTS = ("channels_out", "parameters", "macs", "activation_bytes")
_IN_PLACE = (Pointwise, Normalized, Flattened)  # operations that need no row of their own


def show_network(
    steps: Sequence[NodeStep], streams: Streams, every_node: bool = False, explained: bool = False
) -> None:
    """Show a network: a row for each layer, and its totals where the channels are known.

    What works on each number by itself is counted with the layer before it, unless `every_node`
    has a row. If it is to be explained, what `growth` says follows; a network of one layer is
    explained as one.
    """
    if explained and len(steps) == 1 and steps[0].window is not None:
        explain([steps[0].window], streams)
        return
    out = console(streams.stdout)
    rows = list(steps) if every_node else fold(steps)
    counted = any(step.params is not None for step in steps)
    keys = [key for key in _COLUMNS if counted or key not in _COSTS]
    cells = [Row(step) for step in rows]
    numbers = Column("#", [str(i) for i in range(1, len(rows) + 1)])
    sheet = Sheet([numbers, *[figure_column(_BY_KEY[key], cells) for key in keys]], out.width)
    out.print(_from_input_to_output(steps))
    show_sheet(sheet, out, _notes(steps, rows, sheet), sheet.dropped)
    if explained:
        for part in network.explain_network(steps, rows, out.width):
            out.print(part, crop=False)


def _notes(steps: Sequence[NodeStep], rows: Sequence[NodeStep], sheet: Sheet) -> Iterator[str]:
    sums = total(steps)
    if sums["parameters"] is None:
        if steps[0].c_in is None:
            yield "for parameters and MACs give the input's channels, such as -c 3"
        else:
            yield "parameters and MACs are not known: not all layers are followed"
    else:
        yield f"total {', '.join(words.costs(sums))}"
        yield from _memory(steps)
    headers = [f for f in FIGURES if f.meaning and f.header not in sheet.dropped]
    if headers:
        meanings = [f"{figure.header} {figure.meaning}" for figure in headers]
        yield f"{', '.join(meanings)}, in pixels of the input"
    for i, step in enumerate(rows, 1):
        for mark in step.marks:
            yield printable(f"layer {i}, {format_named_step(step)}: {mark}")
    if not all(field.exact for step in rows for field in step.fields):
        yield "≤ an upper bound: too many outputs differ in what they read"


def _memory(steps: Sequence[NodeStep]) -> Iterator[str]:
    """Say what the outputs take; what is folded works in place."""
    sizes = [step.outputs[0].bytes for step in fold(steps)]
    given = steps[0].inputs[0].bytes if steps[0].inputs else None
    if None not in sizes and given is not None:
        activations = format_bytes(sum(size or 0 for size in sizes))
        yield f"memory of activations {activations}, of the input {format_bytes(given)}"


def fold(steps: Sequence[NodeStep]) -> list[NodeStep]:
    """Return the steps that have a row; parameters of the others are counted with the one before.

    A row is that of an operation that has a window, changes a shape, or has something odd.
    """
    rows: list[NodeStep] = []
    places: dict[str, int] = {}  # of tensors, by name
    for step in steps:
        before = places.get(step.node.inputs[0]) if step.node.inputs else None
        if before is None or not _is_folded(step):
            before = len(rows)
            rows.append(step)
        elif step.costs != FREE:
            rows[before] = rows[before]._replace(costs=_sum(rows[before].costs, step.costs))
        places |= dict.fromkeys(step.node.outputs, before)
    return rows


def _is_folded(step: NodeStep) -> bool:
    if step.window is not None or step.marks or step.notes:
        return False
    same = step.inputs[0].shape == step.outputs[0].shape and len(step.outputs) == 1
    operation = step.node.operation
    if isinstance(operation, OfAxes):
        operation = operation.operation
    return isinstance(operation, _IN_PLACE) or (same and step.costs == FREE)


def _sum(a: Costs | None, b: Costs | None) -> Costs | None:
    if a is None or b is None:
        return None
    return Costs(a.params + b.params, a.macs + b.macs, a.flops + b.flops)


def _from_input_to_output(steps: Sequence[NodeStep]) -> Text:
    first, last = steps[0], steps[-1]
    text = Text(f"input {format_sizes(first.n)}{_channels(first.c_in)} → output ")
    if not last.out:
        return text.append(f"{last.c_out or '?'}\n", ANSWER)
    text.append(format_sizes(last.out), ANSWER)
    return text.append(f"{_channels(last.c_out)}\n")


def _channels(count: int | None) -> str:
    return "" if count is None else f", {count} channel{'s' if count > 1 else ''}"

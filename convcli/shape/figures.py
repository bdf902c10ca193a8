"""Every figure of a step, declared once: its key, its value, and how a table shows it.

A step without a window has no value for the figures of a window: ``null``, an empty cell of CSV,
and ``-`` in a table.
"""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from convcli.geometry.network.layer import Layer, Step
from convcli.geometry.network.receptive_field import Field
from convcli.geometry.text.layer_text import format_named_step, format_step
from convcli.geometry.text.notation import format_padding, format_sizes, join_axes
from convcli.geometry.window.axis import Axis
from convcli.geometry.window.coverage import unread, unread_end
from convcli.geometry.window.record_keys import WINDOW

if TYPE_CHECKING:
    from convcli.geometry.network.graph import NodeStep

Cell = str | int | None


class Row:
    """A step of which several figures are wanted: its receptive fields are computed once."""

    def __init__(self, step: "Step | NodeStep") -> None:
        self.step = step

    @property
    def window(self) -> Step | None:
        """The step as a layer with a window, None if it has none."""
        return self.step if isinstance(self.step, Step) else self.step.window

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """As `Step.fields`."""
        return self.step.fields


class Figure(NamedTuple):
    """One figure of a step.

    Attributes
    ----------
    key : str
        In JSON, and in CSV.
    value : callable
        The value of a row, for JSON.
    each : str
        What its value is a list of, which in CSV is a column each: axes, or sides of axes. Empty
        if the value is no list.
    total : str
        What the total of a stack has: the first or the last value, or the sum. Empty if none.
    header : str
        In tables; empty if it is not in one.
    cell : callable
        The cell of a table; by default the value.
    short : str
        The header in a table that is too wide with the whole one.
    drop : int
        In which order tables leave columns out for want of room, 1 first; 0: never.
    meaning : str
        What a header of one letter stands for, under a table.
    """

    key: str
    value: Callable[[Row], Any]
    each: Literal["", "axis", "side"] = ""
    total: Literal["", "first", "last", "sum"] = ""
    header: str = ""
    cell: Callable[[Row], Cell] | None = None
    short: str = ""
    drop: int = 0
    meaning: str = ""


def _of_window(figure: Callable[[Axis], Any]) -> Callable[[Row], list[Any] | None]:
    def value(row: Row) -> list[Any] | None:
        axes = row.step.axes
        if not axes:
            return None
        if axes.count(axes[0]) == len(axes):  # a square image: half of the work
            return [figure(axes[0])] * len(axes)
        return [figure(axis) for axis in axes]

    return value


def _sizes(value: Callable[[Row], list[Any] | None]) -> Callable[[Row], str | None]:
    return lambda row: format_sizes(value(row) or ()) or None


def _of_layer(figure: Callable[[Layer], Any]) -> Callable[[Row], Any]:
    return lambda row: None if row.step.layer is None else figure(row.step.layer)


def _window_figure(key: str, header: str = "") -> Figure:
    value = _of_window(WINDOW[key])
    return Figure(key, value, "axis", header=header, cell=_sizes(value))


def _pads(row: Row) -> str | None:
    axes = row.step.axes
    return format_padding([(axis.pb, axis.pe) for axis in axes]) if axes else None


def _input(row: Row) -> list[int] | None:
    return list(row.step.n) or None


def _output(row: Row) -> list[int] | None:
    return list(row.step.out) or None


def _jump(field: Field) -> int | float:
    return field.j if isinstance(field.j, int) else float(field.j)


def _field_exact(row: Row) -> bool | None:
    """Whether receptive fields are exact, not upper bounds; None where there are none."""
    return all(field.exact for field in row.fields) if row.fields else None


def _bounds(size: Callable[[Field], int], whole: str) -> Callable[[Row], str]:
    """Write r or P, one for all axes where they are equal; ≤ before what is an upper bound.

    `whole` is written of an axis that every output reads all of.
    """

    def bounds(row: Row) -> str:
        texts = [whole if f.j == 0 and f.r else str(size(f)) for f in row.fields]
        return join_axes([f.sign + text for f, text in zip(row.fields, texts, strict=True)])

    return bounds


def _memory(row: Row) -> str | None:
    """Write an amount of memory in at most nine characters."""
    size = cast("NodeStep", row.step).outputs[0].bytes
    return None if size is None else format_bytes(size)


def format_bytes(size: int) -> str:
    """Write an amount of memory with four digits."""
    if size < 1000:
        return f"{size} B"
    power = min((size.bit_length() - 1) // 10, 6)
    if size >= 1000 << 10 * power:
        power += 1
    number = size / (1 << 10 * power)
    digits = 2 if number < 100 else 1
    return f"{number:.{digits}f} {'BKMGTPEZ'[power]}iB"


_UNREAD = _of_window(unread)

FIGURES = (
    Figure("kind", lambda row: row.step.kind),
    Figure("name", lambda row: row.step.name or None),
    Figure(
        "layer", lambda row: format_step(row.step),
        header="layer", cell=lambda row: format_named_step(row.step),
    ),
    Figure("input", _input, "axis", "first", "n", _sizes(_input)),
    _window_figure("filter", "f"),
    _window_figure("stride", "s"),
    Figure("padding", _of_window(WINDOW["padding"]), "side", "", "p", _pads),
    _window_figure("dilation", "d"),
    _window_figure("output_padding", "op"),
    Figure("ceil_mode", _of_layer(lambda layer: layer.window.ceil)),
    Figure("output", _output, "axis", "last", "out", _sizes(_output)),
    Figure("channels_in", lambda row: row.step.c_in, total="first", header="c in"),
    Figure(
        "channels_out", lambda row: row.step.c_out, total="last",
        header="c", cell=lambda row: row.step.c_out and str(row.step.c_out), drop=3,
    ),
    Figure("groups", _of_layer(lambda layer: layer.g), header="g"),
    Figure("bias", _of_layer(lambda layer: layer.has_bias)),
    Figure("parameters", lambda row: row.step.params, "", "sum", "parameters", None, "params", 5),
    Figure("macs", lambda row: row.step.macs, total="sum", header="MACs", drop=6),
    Figure("flops", lambda row: row.step.flops, total="sum"),
    Figure(
        "receptive_field",
        lambda row: [field.r for field in row.fields],
        "axis", "last", "r", _bounds(lambda field: field.r, "whole"), drop=7,
        meaning="receptive field",
    ),
    Figure(
        "jump",
        lambda row: [_jump(field) for field in row.fields],
        "axis", "last", "j", lambda row: join_axes([str(f.j or "-") for f in row.fields]), drop=2,
        meaning="jump",
    ),
    Figure(
        "effective_padding",
        lambda row: [field.P for field in row.fields],
        "axis", "last", "P", _bounds(lambda field: field.P, "-"), drop=1,
        meaning="effective padding",
    ),
    Figure("unread", _UNREAD, "axis", header="unread", cell=_sizes(_UNREAD), drop=4),
    Figure("unread_end", _of_window(unread_end), "axis"),
    _window_figure("effective_filter"),
    Figure("field_exact", _field_exact, total="last"),
)  # fmt: skip


def _node_figure(
    key: str, value: Callable[["NodeStep"], Any], each: Literal["", "axis", "side"] = ""
) -> Figure:
    return Figure(key, lambda row: value(cast("NodeStep", row.step)), each)


# Of the nodes of a network, besides.
NODE_FIGURES = (
    _node_figure("op", lambda step: step.node.op),
    _node_figure("inputs", lambda step: list(step.sources)),
    _node_figure("shape", lambda step: list(step.outputs[0].shape)),
    _node_figure("field", lambda step: list(step.spans), "side"),
    Figure(
        "activation_bytes", lambda row: cast("NodeStep", row.step).outputs[0].bytes,
        header="memory", cell=_memory, drop=1,
    ),
    _node_figure("marks", lambda step: list(step.marks)),
)  # fmt: skip
# As -c takes them, in tables only.
CHANNELS = Figure("channels", lambda row: f"{row.step.c_in}:{row.step.c_out}", header="c", drop=3)

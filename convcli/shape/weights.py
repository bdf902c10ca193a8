"""What `shape` shows of a file of weights: its arrays, what is known of their layers, the total."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from convcli.arrays.dtypes import shape_text
from convcli.geometry.text.notation import format_sizes
from convcli.models.weights import UNSAID, Weight, read_weights
from convcli.option_rules import Typed, refuse
from convcli.shape.records import Record, csv_line, format_cell, json_lines, read_fields
from convcli.shape.usage import network_name
from convcli.streams import Streams, note, printable

if TYPE_CHECKING:
    from convcli.shape.options import ShapeRequest

_KEYS = (
    *("kind", "name", "op", "shape", "dtype", "filter", "channels_in", "channels_out", "groups"),
    "parameters",
)


def show_weights(request: "ShapeRequest", ending: str, fmt: str, streams: Streams) -> None:
    """Show the weights that a request names: a row for each array, and what is left open."""
    path = str(network_name(request))
    refuse(_ignored(request), f"{path}, which holds weights only", "leave it out")
    keys = read_fields(request.fields, _KEYS) if request.fields else list(_KEYS)
    weights = read_weights(path, ending)
    if fmt == "table":
        _show_table(weights, streams)
        return
    records = [_record(weight) for weight in weights]
    if fmt == "json":
        records.append(_total(weights))
        if request.fields is not None:  # as of networks: ``kind`` tells a total from the rest
            chosen = records if "kind" in keys else records[:-1]
            records = [{key: each.get(key) for key in keys} for each in chosen]
        lines: Iterable[str] = json_lines(records)
    elif fmt == "csv":
        rows = [[_joined(each[key], key) for key in keys] for each in records]
        lines = [csv_line(keys), *[csv_line(row) for row in rows]]
    else:
        lines = [f"{printable(w.name)}\t{shape_text(w.shape)}" for w in weights]
    for line in lines:
        streams.stdout.write(f"{line}\n")
    note(streams, f"{path}: weights do not say {UNSAID}")


def _ignored(request: "ShapeRequest") -> dict[str, Typed]:
    return {
        "-n": request.n,
        "-f": request.f,
        "-p": request.p,
        "-s": request.s,
        "-d": request.d,
        "-c": request.channels,
        "-g": request.groups,
        "-l": request.layers[0] if request.layers else None,
        "--dims": request.dims,
        "--transposed": request.transposed,
        "--output-padding": request.output_padding,
        "--pool": request.pool,
        "--ceil": request.ceil,
        "--no-bias": request.no_bias,
        "--explain": request.explain,
        "--all": request.every_node,
    }


def _record(weight: Weight) -> Record:
    c_in, c_out = weight.channels
    return {
        "kind": "weights",
        "name": weight.name,
        "op": weight.op,
        "shape": list(weight.shape),
        "dtype": weight.dtype,
        "filter": list(weight.filter) or None,
        "channels_in": c_in,
        "channels_out": c_out,
        "groups": weight.groups,
        "parameters": weight.parameters,
    }


def _total(weights: Sequence[Weight]) -> Record:
    return {
        "kind": "total",
        "members": len(weights),
        "parameters": sum(weight.parameters for weight in weights),
        "buffers": sum(weight.buffered for weight in weights),
    }


def _joined(value: Any, key: str) -> Any:
    return format_cell(format_sizes(value) if key in ("shape", "filter") and value else value)


def _show_table(weights: Sequence[Weight], streams: Streams) -> None:
    from convcli.shape.report import show_sheet  # noqa: PLC0415  Rich is imported for tables only
    from convcli.terminal.tables import Column, Sheet, console  # noqa: PLC0415

    out = console(streams.stdout)
    columns = [
        Column("name", [weight.name for weight in weights], text=True),
        Column("op", [weight.op for weight in weights], drop=1, text=True),
        Column("shape", [shape_text(weight.shape) for weight in weights], answer=True),
        Column("f", [format_sizes(weight.filter) or None for weight in weights], drop=2),
        Column("c", [_channels(weight) for weight in weights], drop=4),
        Column("parameters", [weight.parameters for weight in weights], "params", 5),
    ]
    groups = [_groups(weight) for weight in weights]
    if any(groups):
        columns.insert(-1, Column("g", groups, drop=3))
    sheet = Sheet(columns, out.width)
    total = _total(weights)
    text = f"total {total['parameters']:,} parameters in {total['members']} arrays"
    if total["buffers"]:
        text += f"; {total['buffers']:,} numbers are not trained (running statistics, integers)"
    show_sheet(sheet, out, [text, f"weights do not say {UNSAID}"], sheet.dropped)


def _channels(weight: Weight) -> str | None:
    c_in, c_out = weight.channels
    return None if c_out is None else f"{'?' if c_in is None else c_in}:{c_out}"


def _groups(weight: Weight) -> str | None:
    c_in, c_out = weight.channels
    if weight.groups is None and c_in is None and c_out is not None:
        return f"1 or {c_out}"
    return None if weight.groups is None else str(weight.groups)

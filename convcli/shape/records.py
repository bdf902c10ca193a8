"""What `shape` prints for machines: plain text that it reads back, JSON lines and CSV."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from convcli.geometry.coverage import coverage, extent, unread, unread_end
from convcli.geometry.formula import formula
from convcli.geometry.layers import format_layer
from convcli.geometry.network import Step
from convcli.geometry.notation import format_padding, format_sizes
from convcli.streams import printable

if TYPE_CHECKING:
    from convcli.geometry.inverse import Answer

_MAX_COVERAGE = 10**6  # pixels of an axis
_FORMULA_SIGNS = ("=", "+", "-", "@")


def plain(steps: Iterable[Step]) -> Iterator[str]:
    """Write output sizes, one a line, as ``-n`` reads them."""
    return (format_sizes(step.out) for step in steps)


def record(step: Step) -> dict[str, Any]:
    """Every figure of a layer under a stable name; lists hold one value for each axis."""
    axes, layer, fields = step.axes, step.layer, step.fields
    return {
        "kind": layer.window.kind,
        "name": layer.name or None,
        "layer": format_layer(layer),
        "n": [a.n for a in axes],
        "f": [a.f for a in axes],
        "s": [a.s for a in axes],
        "p": [[a.pb, a.pe] for a in axes],
        "d": [a.d for a in axes],
        "op": [a.op for a in axes],
        "ceil": layer.window.ceil,
        "e": [a.e for a in axes],
        "out": list(step.out),
        "unread": [unread(a) for a in axes],
        "unread_end": [unread_end(a) for a in axes],
        "c_in": step.c_in,
        "c_out": step.c_out,
        "g": layer.g,
        "bias": layer.bias,
        "params": step.params,
        "macs": step.macs,
        "flops": step.flops,
        "r": [field.r for field in fields],
        "j": [field.j if isinstance(field.j, int) else float(field.j) for field in fields],
        "P": [field.P for field in fields],
        "field_exact": all(field.exact for field in fields),  # else r and P are upper bounds
    }


def explained(step: Step) -> dict[str, Any]:
    """`record`, with the formula, the coverage of each axis and the layer in three frameworks.

    The coverage of an axis of more than a million pixels is None.
    """
    from convcli.explain.frameworks import keras, onnx, pytorch  # noqa: PLC0415  used here only

    return record(step) | {
        "formula": [formula(a) for a in step.axes],
        "coverage": [coverage(a) if extent(a) <= _MAX_COVERAGE else None for a in step.axes],
        "pytorch": pytorch(step),
        "keras": keras(step),
        "onnx": onnx(step),
    }


def step_lines(fmt: str, steps: Iterable[Step], explain: bool = False) -> Iterator[str]:
    """Write steps in a format; `explain` adds to JSON what `explained` does."""
    if fmt == "json":
        return json_lines(map(explained if explain else record, steps))
    return csv_lines(steps) if fmt == "csv" else plain(steps)


def json_lines(records: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Write one JSON object a line."""
    import json  # noqa: PLC0415  a tenth of the start-up time, used here only

    for each in records:
        text = json.dumps(each, ensure_ascii=False)
        if not text.isprintable():
            # What could drive a terminal is escaped, as JSON escapes it: it reads back as it was.
            text = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
        yield text


def csv_lines(steps: Iterable[Step]) -> Iterator[str]:
    """Write a header and one row for each layer, in the text notation."""
    for i, step in enumerate(steps):
        row = {key: _cell(value) for key, value in record(step).items()}
        row["p"] = format_padding([(a.pb, a.pe) for a in step.axes])
        if i == 0:
            yield _csv_line(row.keys())
        yield _csv_line(row.values())


def _csv_line(cells: Iterable[Any]) -> str:
    import csv  # noqa: PLC0415  used here only
    import io  # noqa: PLC0415

    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        # A spreadsheet runs a cell that starts so as a formula, unless an apostrophe is before it.
        return f"'{printable(value)}" if value[:1] in _FORMULA_SIGNS else printable(value)
    if isinstance(value, list):
        return "x".join(map(str, value))
    return int(value) if isinstance(value, bool) else value


def answer_lines(
    fmt: str, unknown: str, out: Sequence[int], answers: "Sequence[Sequence[Answer]]"
) -> Iterable[str]:
    """Write what ``--solve`` found; `last` is null where every larger value does as well.

    For padding, the totals of both sides are written too.
    """
    from convcli.geometry.inverse import (  # noqa: PLC0415  used by --solve only
        format_answers,
        format_totals,
    )

    text = format_answers(answers)
    if fmt == "plain":
        return [text]
    totals = format_totals(answers) if unknown == "p" else None
    if fmt == "csv":
        row = {"solve": unknown, "out": format_sizes(out), "answer": text}
        if totals is not None:
            row["total"] = totals
        return [_csv_line(row.keys()), _csv_line(row.values())]
    axes = [_answer_record(unknown, axis) for axis in answers]
    return json_lines([{"solve": unknown, "out": list(out), "answer": text, "axes": axes}])


def _answer_record(unknown: str, answers: "Sequence[Answer]") -> dict[str, Any]:
    if unknown != "p":
        (answer,) = answers
        return {"first": answer.first, "last": answer.last}
    from convcli.geometry.inverse import total_padding  # noqa: PLC0415  used by --solve only

    first, last = total_padding(answers)
    return {"total_first": first, "total_last": last, "p": list(map(str, answers))}

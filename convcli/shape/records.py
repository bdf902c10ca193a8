"""What `shape` prints for machines: JSON lines and CSV."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from convcli.errors import UsageError
from convcli.geometry.network.layer import Step
from convcli.geometry.window.axis import AXIS_NAMES
from convcli.shape.figures import FIGURES, NODE_FIGURES, Figure, Row
from convcli.streams import printable

if TYPE_CHECKING:
    from convcli.geometry.inverse import Answer
    from convcli.geometry.network.graph import NodeStep

Record = dict[str, Any]
_FORMULA_SIGNS = ("=", "+", "-", "@")
_LAYERS = Figure("layers", lambda row: None)  # how many there are, which only a total says


def choose_figures(
    fields: str | None, explain: bool = False, network: bool = False
) -> tuple[Figure, ...]:
    """Choose figures by ``--fields``, in its order; all where it is None.

    `explain` adds what ``--explain`` computes to those that there are, `network` those of nodes.
    """
    figures: tuple[Figure, ...] = FIGURES + NODE_FIGURES if network else FIGURES
    figures += _explained() if explain else ()
    if fields is None:
        return figures
    figures += (_LAYERS,) if network else ()
    by_key = {figure.key: figure for figure in figures}
    return tuple(
        by_key[key] for key in read_fields(fields, by_key, "", _elsewhere(network, csv=False))
    )


def read_fields(
    text: str,
    known: Collection[str],
    remedy: str = "",
    elsewhere: Callable[[str], str] = lambda key: "",
) -> list[str]:
    """Read ``--fields``: keys that are known, in the order typed, each once.

    `elsewhere` says of a key which options it needs, if there is one with others.
    """
    keys = list(dict.fromkeys(key.strip() for key in text.split(",")))
    for key in keys:
        if key not in known:
            why = elsewhere(key) or f"; {remedy or _choose_from(known)}"
            raise UsageError(f"--fields {key!r} is not a field{why}")
    return keys


def _elsewhere(network: bool, csv: bool) -> Callable[[str], str]:
    """Return what says which options a field needs, empty where there are none."""

    def needs(key: str) -> str:
        if not network and any(figure.key == key for figure in (*NODE_FIGURES, _LAYERS)):
            return " of a single layer; give the layer with -l, such as -l 'conv f=3'"
        if csv and key == _LAYERS.key:
            return " of CSV; use --format json"
        if any(figure.key == key for figure in _explained()):
            if csv:
                return " of CSV; use --explain --format json"
            return " without --explain; add --explain"
        return ""

    return needs


def _choose_from(keys: Iterable[str]) -> str:
    return f"choose from {', '.join(keys)}"


def _explained() -> tuple[Figure, ...]:
    from convcli.explain.figures import EXPLAINED  # noqa: PLC0415  used by --explain only

    return tuple(Figure(key, _of_step(value)) for key, value in EXPLAINED.items())


def _of_step(value: Callable[[Step], Any]) -> Callable[[Row], Any]:
    return lambda row: None if row.window is None else value(row.window)


def record(step: "Step | NodeStep", figures: Sequence[Figure] = FIGURES) -> Record:
    """Every figure of a layer under a stable name; lists hold one value for each axis."""
    row = Row(step)
    return {figure.key: figure.value(row) for figure in figures}


def records(steps: Iterable[Step], fields: str | None, explain: bool) -> Iterator[Record]:
    """Give the record of each layer, see `choose_figures`."""
    figures = choose_figures(fields, explain)
    return (record(step, figures) for step in steps)


def network_records(
    networks: "Iterable[Sequence[NodeStep]]", fields: str | None, explain: bool
) -> Iterator[Record]:
    """Give the record of each node of each network, and after a network its total.

    Where `fields` lacks ``kind``, which tells a total from a layer, there are no totals.
    """
    figures = choose_figures(fields, explain, network=True)
    keys = [figure.key for figure in figures]
    for steps in networks:
        yield from (record(step, figures) for step in steps)
        if fields is None:
            yield total(steps)
        elif "kind" in keys:
            sums = total(steps)
            yield {key: sums.get(key) for key in keys}


def total(steps: "Sequence[NodeStep]") -> Record:
    """Sum up a network, from the input of its first node to the output of its last one.

    A sum of which a part is not known is None.
    """
    rows = [Row(step) for step in steps]
    result: Record = {"kind": "total", _LAYERS.key: len(steps)}
    for figure in FIGURES:
        if figure.total == "sum":
            values = [figure.value(row) for row in rows]
            result[figure.key] = None if None in values else sum(values)
        elif figure.total:
            result[figure.key] = figure.value(rows[0 if figure.total == "first" else -1])
    return result


def json_lines(records: Iterable[Record]) -> Iterator[str]:
    """Write one JSON object a line."""
    import json  # noqa: PLC0415  a tenth of the start-up time, used here only

    encode = json.JSONEncoder(ensure_ascii=False).encode
    for each in records:
        text = encode(each)
        if not text.isprintable():
            # What could drive a terminal is escaped, as JSON escapes it: it reads back as it was.
            text = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
        yield text


Column = tuple[str, Figure, tuple[int, ...]]  # of CSV: its name, and which part of which figure


def csv_lines(steps: "Iterable[Step | NodeStep]", fields: str | None = None) -> Iterator[str]:
    """Write a header and one row for each layer; each axis, and side of it, has a column.

    A name in `fields` is that of one column, or of a figure with all its columns.
    """
    columns: list[Column] | None = None
    dims, steps = _count_axes(steps)
    for step in steps:
        if columns is None:
            known = FIGURES if isinstance(step, Step) else FIGURES + NODE_FIGURES
            columns = _choose_columns(known, AXIS_NAMES.get(dims, ()), fields)
            figures = list({figure.key: figure for _, figure, _ in columns}.values())
            yield csv_line([name for name, _, _ in columns])
        values = record(step, figures)
        yield csv_line([format_cell(values[figure.key], part) for _, figure, part in columns])


def _count_axes(
    steps: "Iterable[Step | NodeStep]",
) -> "tuple[int, Iterable[Step | NodeStep]]":
    """Return how many axes rows have, and all steps; those that an image is not part of have none.

    A model can compute sizes before it reads its image, or have no image.
    """
    first: list[Step | NodeStep] = []
    rest = iter(steps)
    for step in rest:
        first.append(step)
        if step.dims:
            return step.dims, chain(first, rest)
    return 0, first


def _choose_columns(
    figures: Sequence[Figure], axes: Sequence[str], fields: str | None
) -> list[Column]:
    groups = {figure.key: list(_columns(figure, axes)) for figure in figures}
    every = [column for group in groups.values() for column in group]
    if fields is None:
        return every
    choices = groups | {column[0]: [column] for column in every}
    remedy = _choose_from(groups) + (f", or one axis such as input_{axes[-1]}" if axes else "")
    elsewhere = _elsewhere(len(figures) > len(FIGURES), csv=True)
    keys = read_fields(fields, choices, remedy, elsewhere)
    chosen = [column for key in keys for column in choices[key]]
    return list(dict.fromkeys(chosen))


def _columns(figure: Figure, axes: Sequence[str]) -> Iterator[Column]:
    for i, axis in enumerate(axes):
        if figure.each == "axis":
            yield f"{figure.key}_{axis}", figure, (i,)
        elif figure.each == "side":
            yield f"{figure.key}_{axis}_begin", figure, (i, 0)
            yield f"{figure.key}_{axis}_end", figure, (i, 1)
    if not figure.each:
        yield figure.key, figure, ()


def csv_line(cells: Iterable[Any]) -> str:
    """Write a row of CSV, without the end of its line."""
    import csv  # noqa: PLC0415  used here only
    import io  # noqa: PLC0415

    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def format_cell(value: Any, part: tuple[int, ...] = ()) -> Any:
    """Write a value, or a part of it, as a cell of CSV."""
    for i in part:
        if not isinstance(value, str):  # one word for all sides
            # None: a step without a window; too short: one that the image is not part of.
            value = value[i] if value and i < len(value) else None
    if isinstance(value, list):
        value = " ".join(map(str, value))
    if isinstance(value, str):
        # A spreadsheet runs a cell that starts so as a formula, unless an apostrophe is before it.
        return f"'{printable(value)}" if value[:1] in _FORMULA_SIGNS else printable(value)
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
        sizes = [f"output_{axis}" for axis in AXIS_NAMES[len(out)]]
        row = {"solve": unknown, **dict(zip(sizes, out, strict=True)), "answer": text}
        if totals is not None:
            row["total"] = totals
        return [csv_line(row.keys()), csv_line(row.values())]
    axes = [_answer_record(unknown, axis) for axis in answers]
    return json_lines([{"solve": unknown, "output": list(out), "answer": text, "axes": axes}])


def _answer_record(unknown: str, answers: "Sequence[Answer]") -> dict[str, Any]:
    if unknown != "p":
        (answer,) = answers
        return {"first": answer.first, "last": answer.last}
    from convcli.geometry.inverse import total_padding  # noqa: PLC0415  used by --solve only

    first, last = total_padding(answers)
    return {"total_first": first, "total_last": last, "padding": list(map(str, answers))}

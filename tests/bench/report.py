"""Makes the tables of RESULTS.md of JSON lines that benchmarks printed.

python -m tests.bench.commands > lines && python -m tests.bench.report lines ... > tables.md
"""

import fileinput
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

Record = dict[str, Any]

# The tables in their order: title, and how a cell shows a record.
TITLES = {
    "start": "Starting",
    "images": "One channel",
    "large": "One channel of 1 GiB",
    "layers": "Layers of networks",
    "many": "Many small arrays",
    "lines": "A long line",
    "growth": "Time as the image grows: 3×3, output thrown away",
    "inside": "Inside one process, milliseconds",
    "regret": "Regret: time of what `auto` chose over that of the best",
    "facts": "Single figures",
}
COMMANDS = ("start", "images", "large", "layers", "many", "lines")


def markdown(records: Sequence[Record]) -> str:
    """Lay out the records of one machine."""
    parts = []
    for table, title in TITLES.items():
        found = [record for record in records if record["table"] == table]
        if found:
            lines = _RENDER.get(table, _commands)(found)
            parts.append("\n".join([f"### {title}", "", *lines]))
    return "\n\n".join(parts)


def machine(record: Record) -> str:
    """Describe where and with what the records were measured."""
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    taken = "; ".join(f"{name}: {what}" for name, what in record["taken"].items())
    return (
        f"{record['work']}, {record['cores']} cores, {record['isa']}, {record['run']}\n\n"
        f"Python {record['python']}, {versions}. Instructions taken: {taken}."
    )


def _commands(records: Sequence[Record]) -> Iterator[str]:
    """Whole commands: our seconds, how many times as long the others take; then memory."""
    yield from _pivot(records, lambda r: _time(r) + f", {r['mb']} MB" * (not r["stopped"]))


def _time(record: Record) -> str:
    if record["who"] == "convcli":
        return f"{record['seconds']:.3f} s"
    return f"{'> ' * record['stopped']}{record['ratio']:.2f}"


# The rows of the README: a table, a work, and beside whom.
_SHORT = (
    ("start", "shape", "typer hello-world"),
    ("images", "1024², 3×3", "OpenCV"),
    ("images", "4096², 3×3", "OpenCV"),
    ("images", "4096², 31×31", "OpenCV"),
    ("images", "4096², gaussian:9", "OpenCV"),
    ("large", "16384², 9×9", "OpenCV"),
    ("many", "1000 files of 128², gaussian:5", "OpenCV"),
    ("lines", "26,460,000 numbers, 1023 taps", "sox"),
    ("layers", "1×64×56² ⋆ 64×64×3²", "torch"),
)


def short(records: Iterable[Record]) -> str:
    """Lay out some rows: how many times as long others take, each way of running in a column."""
    ways: list[str] = []
    cells: dict[tuple[str, ...], list[str]] = {row: [] for row in _SHORT}
    for record in records:
        if record["table"] == "machine":
            ways.append(f"{record['work']}, {record['run']}")
        row = (record["table"], record.get("work", ""), record.get("who", ""))
        if row in cells:
            cells[row].append(f"{record['ratio']:.2f}")
    lines = [*_rows(("work", "beside", *ways))]
    lines += [
        f"| {work} | {who} | {' | '.join(cells[table, work, who])} |" for table, work, who in _SHORT
    ]
    return "\n".join(lines)


def _inside(records: Sequence[Record]) -> Iterator[str]:
    yield from _pivot(records, lambda r: f"{r['ms']:.3g}")


def _growth(records: Sequence[Record]) -> Iterator[str]:
    yield from _rows(("image", "convcli", "off the straight line"))
    for r in records:
        yield f"| {r['work']} | {r['seconds']:.3f} s | {r['off'] * 100:+.0f} % |"


def _regret(records: Sequence[Record]) -> Iterator[str]:
    yield from _rows(("work", "regret", "chosen", "best, if another"))
    for r in records:
        yield f"| {r['work']} | {r['ratio']:.2f} | {r['chosen']} | {r['best']} |"


def _facts(records: Sequence[Record]) -> Iterator[str]:
    yield from _rows(("what", "measured"))
    for r in records:
        yield f"| {r['work']} | {r['value']} |"


_RENDER = {"inside": _inside, "growth": _growth, "regret": _regret, "facts": _facts}


def _pivot(records: Sequence[Record], cell: Any) -> Iterator[str]:
    names = list(dict.fromkeys(r["who"] for r in records))
    yield from _rows(("", *names))
    for work in dict.fromkeys(r["work"] for r in records):
        cells = {r["who"]: cell(r) for r in records if r["work"] == work}
        yield f"| {work} | " + " | ".join(cells.get(name, "") for name in names) + " |"


def _rows(header: Sequence[str]) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|---" * len(header) + "|"


def pages(records: Iterable[Record]) -> str:
    """Lay out records; those of one CPU and one way of running stand together."""
    found: dict[str, list[Record]] = {}
    where = ""
    for record in records:
        if record["table"] == "machine":
            where = machine(record)
        found.setdefault(where, []).append(record)
    return "\n\n".join(f"## {where}\n\n{markdown(some)}" for where, some in found.items())


def main() -> None:
    """Read lines, print tables."""
    with fileinput.input(encoding="utf-8") as lines:
        print(pages(map(json.loads, lines)))


if __name__ == "__main__":
    main()

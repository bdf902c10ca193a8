"""The values of an output, laid out as a table that fits the terminal."""

from collections.abc import Iterator

import numpy as np
from rich import box
from rich.table import Table

from convcli.arrays.dtypes import Array, number_text

_ROWS = 24  # rows of values that are shown whole


def values_table(y: Array, width: int) -> Table:
    """Lay numbers out; of an axis that does not fit, both ends."""
    plane = y.reshape(-1, y.shape[-1]) if y.ndim > 1 else y.reshape(1, -1)
    rows = _excerpt(len(plane), _ROWS)
    names = [
        "" if y.ndim < 3 or r < 0 else "".join(f"[{i}]" for i in np.unravel_index(r, y.shape[:-1]))
        for r in rows
    ]
    room = width - max(map(len, names)) - 6
    for columns in _fewer_and_fewer(plane.shape[1]):
        cells = [
            ["…" if min(r, c) < 0 else number_text(plane[r, c]) for c in columns] for r in rows
        ]
        if sum(max(map(len, column)) + 3 for column in zip(*cells, strict=True)) <= room:
            break
    table = Table(box=box.SQUARE, show_header=False)
    if y.ndim > 2:
        table.add_column(style="dim", no_wrap=True)
    for _ in columns:
        table.add_column(justify="right", overflow="fold")
    for name, row in zip(names, cells, strict=True):
        table.add_row(*[name] * (y.ndim > 2), *row)
    return table


def _fewer_and_fewer(size: int) -> Iterator[list[int]]:
    """Choose all indices of an axis, if they are few; then less and less of both its ends."""
    if size <= 2 * _ROWS:
        yield list(range(size))
    for edge in range(min((size - 1) // 2, _ROWS), 0, -1):
        yield [*range(edge), -1, *range(size - edge, size)]


def _excerpt(size: int, most: int) -> list[int]:
    """Choose indices: all, or both ends with -1 for what is left out between them."""
    return list(range(size)) if size <= most else [0, 1, 2, -1, size - 3, size - 2, size - 1]

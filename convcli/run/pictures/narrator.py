"""``--animate``: the numbers of one window, times those of the filter, and what they add up to."""

import textwrap
from collections.abc import Sequence
from functools import reduce

import numpy as np

from convcli.arrays.dtypes import Array, at, number_text
from convcli.geometry.window.axis import Axis
from convcli.run.compute.padding import border_index
from convcli.run.resolve.axes import canonical
from convcli.run.resolve.operation import Operation

_ROWS, _COLUMNS = 7, 9  # of a window that is shown whole, if the terminal is wide enough
_TIMES = "\N{MULTIPLICATION SIGN}"
_SIGN = f"  {_TIMES}  "


class Narrator:
    """Says what becomes of one window: of the first image, and the first output channel."""

    def __init__(self, operation: Operation, x: Array, y: Array, by_output: bool = False) -> None:
        """Take an operation with its whole input and output.

        With `by_output`, a place is an output also where the operation is transposed.
        """
        self._operation = operation
        self._by_output = by_output
        self._image = canonical(x, operation.layout, operation.spatial)[0]
        self._output = canonical(y, operation.out_layout, operation.spatial)[0, 0]
        if by_output or not operation.transposed:
            self._image = self._image[: operation.filter.shape[1]]  # those of the first group
        wide = {"i": np.int64, "c": np.complex128}
        self._sums = np.dtype(wide.get(operation.sums_dtype.kind, np.float64))
        self._filter = operation.filter[0].astype(self._sums)

    def __call__(self, place: Sequence[int], width: int) -> list[str]:
        """Give lines about a place of the window, no wider than `width`."""
        operation = self._operation
        if operation.transposed:
            return (self._gathered if self._by_output else self._written)(place, width)
        window, known = self._window(place)
        cells = _cells(_plane(window), _plane(known))
        out = number_text(self._output[tuple(place)])
        if operation.kind == "maxpool":
            return _join(cells, None, f"max = {out}", width)
        if operation.kind == "avgpool":
            return _join(cells, None, f"mean = {out}", width)
        weights = _plane(operation.filter[0])
        lines = _join(cells, _cells(weights), self._result(window, out), width)
        return [*_wrapped(self._which(window.ndim), width), *lines]

    def _result(self, window: Array, out: str) -> str:
        """Write the sum, and how the output follows from it if that is not the same."""
        operation = self._operation
        with np.errstate(all="ignore"):
            window = window.astype(self._sums)
            total = number_text((window * self._filter).sum())
            if operation.second is not None:
                other = number_text((window * operation.second[0]).sum())
                return f"= {total}, by the second filter {other}; magnitude {out}"
        if operation.bias is not None:
            return f"= {total}, plus bias {number_text(operation.bias[0])} = {out}"
        return f"= {total}, clipped to {out}" if operation.parts else f"= {out}"

    def _which(self, axes: int) -> str:
        """Say which part of the sum is shown, where it is not all of it."""
        names = ("channels", "slices")
        counts = self._filter.shape[: axes - min(len(self._operation.axes), 2)]
        over = [f"{count} {name}" for count, name in zip(counts, names, strict=False) if count > 1]
        return f"the first of {' and '.join(over)}, the sum over all:" if over else ""

    def _window(self, place: Sequence[int]) -> tuple[Array, Array]:
        """Read one window, padding included; and which of it are not padding that is left out."""
        mode = self._operation.pad_mode
        index, inside = [], []
        for axis, i in zip(self._operation.axes, place, strict=True):
            taps = i * axis.s - axis.pb + np.arange(axis.f) * axis.d
            inside.append((taps >= 0) & (taps < axis.n))
            index.append(_pixels(axis, taps, mode))
        window = self._image[at(slice(None), *np.ix_(*index))]
        known = np.broadcast_to(reduce(np.logical_and.outer, inside), window.shape)
        if mode != "zeros":
            return window, np.ones_like(known)
        if self._operation.kind == "maxpool":
            return window, known
        return np.where(known, window, np.zeros((), window.dtype)), np.ones_like(known)

    def _gathered(self, place: Sequence[int], width: int) -> list[str]:
        """Give what adds up to one output of a transposed operation: zeros are between inputs."""
        index, there = [], []
        for axis, i in zip(self._operation.axes, place, strict=True):
            inputs, left = np.divmod(i + axis.pb - np.arange(axis.f)[::-1] * axis.d, axis.s)
            there.append((left == 0) & (inputs >= 0) & (inputs < axis.n))
            index.append(inputs.clip(0, axis.n - 1))
        window = self._image[at(slice(None), *np.ix_(*index))]
        window = np.where(reduce(np.logical_and.outer, there), window, np.zeros((), window.dtype))
        flipped = np.flip(self._filter, tuple(range(1, self._filter.ndim)))
        with np.errstate(all="ignore"):
            total = number_text((window.astype(self._sums) * flipped).sum())
        out = number_text(self._output[tuple(place)])
        result = f"= {out}"
        if self._operation.bias is not None:
            result = f"= {total}, plus bias {number_text(self._operation.bias[0])} = {out}"
        lines = _join(_cells(_plane(window)), _cells(_plane(flipped)), result, width)
        return [*_wrapped(self._which(window.ndim), width), *lines]

    def _written(self, place: Sequence[int], width: int) -> list[str]:
        """Give the products that one input pixel adds to the output of a transposed operation."""
        value = self._image[at(0, *place)]
        with np.errstate(all="ignore"):
            products = _plane(value.astype(self._sums) * self._filter)
        where = "".join(f"[{i}]" for i in place)
        head = f"input{where} = {number_text(value)}, times the filter, is added to the output:"
        return [*_wrapped(head, width), *_join(_cells(products), None, "", width)]


def _pixels(axis: Axis, taps: Array, mode: str) -> Array:
    """Find the pixel that stands at each tap."""
    if mode == "zeros":
        return taps.clip(0, axis.n - 1)
    pixels: Array = border_index(range(-axis.pb, axis.n + axis.pe), axis.n, mode)[taps + axis.pb]
    return pixels


def _plane(values: Array) -> Array:
    """Take rows and columns, of further axes the first."""
    if values.ndim < 3:  # (channels, columns)
        return values[:1]
    plane: Array = values[(0,) * (values.ndim - 2)]
    return plane


def _cells(values: Array, known: Array | None = None) -> list[list[str]]:
    """Write the numbers of a plane; ``·`` for padding that counts for nothing."""
    rows, columns = (min(n, most) for n, most in zip(values.shape, (_ROWS, _COLUMNS), strict=True))
    return [
        [
            "·" if known is not None and not known[r, c] else number_text(values[r, c])
            for c in range(columns)
        ]
        + ["…"] * (columns < values.shape[1])
        for r in range(rows)
    ] + ([["…"]] if rows < len(values) else [])


def _join(
    cells: list[list[str]], weights: list[list[str]] | None, result: str, width: int
) -> list[str]:
    """Lay out window, filter and result beside each other; below each other if that is too wide."""
    middle = (len(cells) - 1) // 2
    left = _aligned(cells)
    right = _aligned(weights) if weights is not None else [""] * len(left)
    sign = _SIGN if weights is not None else ""
    lines = [
        f"  {a}{sign if i == middle else ' ' * len(sign)}{b}".rstrip()
        for i, (a, b) in enumerate(zip(left, right, strict=True))
    ]
    column = max(map(len, lines))
    if column + 2 + len(result) <= width:
        lines[middle] = f"{lines[middle]:<{column}}  {result}".rstrip()
        return lines
    if column > width:
        tables = [cells] if weights is None else [cells, weights]
        most = min(_columns_within(table, width) for table in tables)
        first, *others = (_aligned(_cut(table, most)) for table in tables)
        lines = [*first, *(line for other in others for line in (_TIMES, *other))]
    return [*(line.rstrip() for line in lines), *_wrapped(result, width)]


def _columns_within(cells: list[list[str]], width: int) -> int:
    """Find how many columns fit; at least one."""
    columns = max(map(len, cells))
    while columns > 1 and len(_aligned(_cut(cells, columns))[0]) > width:
        columns -= 1
    return columns


def _cut(cells: list[list[str]], columns: int) -> list[list[str]]:
    return [row[:columns] + ["…"] * (columns < len(row)) for row in cells]


def _aligned(cells: list[list[str]]) -> list[str]:
    wide = max(len(cell) for row in cells for cell in row)
    lines = [" ".join(cell if cell == "…" else f"{cell:>{wide}}" for cell in row) for row in cells]
    return [line.ljust(max(map(len, lines))) for line in lines]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width)

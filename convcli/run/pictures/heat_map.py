"""Arrays as pictures in a terminal, with colour as half blocks, without as shades of ink."""

from typing import Literal, NamedTuple

import numpy as np
from rich.console import Console
from rich.text import Text

from convcli.arrays.dtypes import Array
from convcli.streams import can_write
from convcli.terminal import colours

_INK = " .:-=+*#%@"  # from little to much, of even steps on most screens
_ODD = "rgb(255,0,255)"  # NaN and infinity: a colour of none of the maps
_LUMA = np.array([0.299, 0.587, 0.114])  # what red, green and blue add to brightness
_TALL = 32  # pixels of a picture's height
_SMALL = 16  # pixels to which a small picture is enlarged
_LINE = 4  # pixels of the height of an array with one axis

Map = Literal["amounts", "signed", "light"]


class Scale(NamedTuple):
    """The numbers at both ends of a colour map. Of signed numbers, zero is in its middle."""

    low: float
    high: float
    colours: Map

    def shares(self, values: Array) -> Array:
        """Place numbers on the scale, from 0 to 1; a single number is in its middle."""
        if self.low == self.high != 0:
            return np.where(np.isfinite(values), 0.5, np.nan)
        with np.errstate(invalid="ignore"):
            shares: Array = (values - self.low) / ((self.high - self.low) or 1.0)
            return np.where(np.isfinite(shares), shares.clip(0, 1), np.nan)


def scale_of(values: Array, signed: bool, light: bool = False) -> Scale:
    """Choose the scale that holds all of some finite numbers.

    Parameters
    ----------
    values : ndarray
    signed : bool
        Whether zero belongs in the middle.
    light : bool
        The numbers are intensities of red, green and blue.
    """
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if signed:
        high = max(abs(low), abs(high))
        low = -high
    return Scale(low, high, "light" if light else "signed" if signed else "amounts")


def scale_of_plane(values: Array, drawn: Array) -> Scale:
    """Choose the scale of a plane, of whose numbers means may be drawn; uint8 colours have theirs.

    Parameters
    ----------
    values, drawn : ndarray, shape (height, width) or (height, width, 3)
    """
    with np.errstate(invalid="ignore"):
        signed = bool((values < 0).any())
    light = values.ndim == 3
    scale = scale_of(drawn, signed, light)
    return scale._replace(low=0.0, high=255.0) if light and values.dtype == np.uint8 else scale


def is_coloured(console: Console) -> bool:
    """Whether the terminal has blocks, and colours enough; the 16 of old ones are no scale."""
    colours = console.color_system in ("256", "truecolor") and not console.no_color
    return colours and can_write(console.encoding, "▀█")


def width_of(shape: tuple[int, ...], coloured: bool) -> int:
    """Columns of a terminal that a picture takes if there is room."""
    most = 2 * _TALL
    return min(shape[1] * _zoom(shape, coloured) * (1 if coloured else 2), most)


def reduced(values: Array, width: int, coloured: bool) -> tuple[Array, int]:
    """Average a plane down to what fits some columns; returns it and the pixels of a mean."""
    columns = max(width if coloured else width // 2, 1)
    rows = _TALL if coloured else _TALL // 2
    step = max(-(-values.shape[0] // rows), -(-values.shape[1] // columns))
    return shrink(values, step), step


def shrink(values: Array, step: int) -> Array:
    """Average squares of pixels; those at the end may be cut."""
    if step == 1:
        return values
    starts = [np.arange(0, size, step) for size in values.shape[:2]]
    sums = np.add.reduceat(np.add.reduceat(values, starts[0], axis=0), starts[1], axis=1)
    sizes = [np.diff(np.append(s, n)) for s, n in zip(starts, values.shape, strict=False)]
    counts = np.outer(*sizes)
    mean: Array = sums / (counts[..., None] if values.ndim == 3 else counts)
    return mean


def picture(values: Array, scale: Scale, width: int, coloured: bool) -> Text:
    """Draw a plane of numbers, (rows, columns), or of red, green and blue, (rows, columns, 3).

    NaN and infinity are magenta, or ``?``.
    """
    zoom = _zoom(values.shape, coloured)
    room = width // (values.shape[1] * (1 if coloured else 2))
    zoom = max(min(zoom, room), 1)
    tall = max(zoom, _LINE) if len(values) == 1 and coloured else zoom
    shares = scale.shares(values).repeat(tall, axis=0).repeat(zoom, axis=1)
    return _blocks(shares, scale.colours) if coloured else _inked(shares)


def bar(scale: Scale, width: int, coloured: bool) -> Text:
    """Draw the scale: its colours, and below them the numbers at its ends and in the middle."""
    steps = np.linspace(0, 1, width)
    if coloured:
        text = Text()
        for share in steps:
            at = np.full(3, share) if scale.colours == "light" else share
            text.append("█", _colour(at, scale.colours))
    else:
        text = Text("".join(_INK[round(share * (len(_INK) - 1))] for share in steps))
    text.append("\n" + _numbers(scale, width))
    return text


def _numbers(scale: Scale, width: int) -> str:
    if scale.low == scale.high:
        return f"{scale.low:.3g}".center(width).rstrip()
    middle = f"{(scale.low + scale.high) / 2:.3g}"
    low, high = f"{scale.low:.3g}", f"{scale.high:.3g}"
    before = (width - len(middle)) // 2
    line = f"{low:<{before}}{middle}"
    return f"{line}{high:>{max(width - len(line), len(high) + 1)}}"


def _zoom(shape: tuple[int, ...], coloured: bool) -> int:
    """How many times a small picture is enlarged."""
    return max((_SMALL if coloured else _SMALL // 2) // max(shape[:2]), 1)


def _blocks(shares: Array, map_: Map) -> Text:
    """Two rows of pixels in a line of text: the upper half in ink, the lower in paper."""
    text = Text()
    for top in range(0, len(shares), 2):
        below = shares[top + 1] if top + 1 < len(shares) else None
        for i, share in enumerate(shares[top]):
            paper = f" on {_colour(below[i], map_)}" if below is not None else ""
            text.append("▀", _colour(share, map_) + paper)
        text.append("\n")
    text.rstrip()
    return text


def _colour(share: Array, map_: Map) -> str:
    if not np.isfinite(share).all():
        return _ODD
    if map_ == "light":
        return colours.light(*share)
    return (colours.diverging if map_ == "signed" else colours.rgb)(float(share))


def _inked(shares: Array) -> Text:
    if shares.ndim == 3:
        shares = shares @ _LUMA
    lines = []
    for row in shares:
        cells = (
            _INK[round(share * (len(_INK) - 1))] if np.isfinite(share) else "?" for share in row
        )
        lines.append("".join(cell * 2 for cell in cells))
    return Text("\n".join(lines))

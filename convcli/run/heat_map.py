"""Arrays as heat maps in a terminal, with colour as half blocks, without as shades of ink."""

import numpy as np
from rich.console import Console
from rich.text import Text

from convcli.arrays.dtypes import Array
from convcli.terminal.colours import rgb

_INK = " .:-=+*#%@"  # from little to much, of even steps on most screens
_TALL = 32  # pixels of a picture's height


def heat_map(plane: Array, console: Console) -> Text:
    """Draw rows and columns of numbers, averaged down to what fits the terminal.

    Parameters
    ----------
    plane : ndarray, shape (rows, columns)
    console : Console
        Its width and colours decide; NaN and infinity show as ``?``.
    """
    values = np.abs(plane) if plane.dtype.kind == "c" else plane
    colours = console.color_system is not None and not console.no_color
    width = max(console.width if colours else console.width // 2, 1)
    pixels = shrink(values.astype(np.float64), _TALL, min(width, 2 * _TALL))
    finite = pixels[np.isfinite(pixels)]
    low = float(finite.min()) if finite.size else 0.0
    room = (float(finite.max()) - low if finite.size else 0.0) or 1.0
    shares = (pixels - low) / room
    return _blocks(shares) if colours else _inked(shares)


def shrink(values: Array, rows: int, columns: int) -> Array:
    """Average an array down, both sides by the same whole number of pixels."""
    step = max(-(-values.shape[0] // rows), -(-values.shape[1] // columns))
    if step == 1:
        return values
    starts = [np.arange(0, size, step) for size in values.shape]
    sums = np.add.reduceat(np.add.reduceat(values, starts[0], axis=0), starts[1], axis=1)
    sizes = [np.diff(np.append(s, n)) for s, n in zip(starts, values.shape, strict=True)]
    mean: Array = sums / np.outer(*sizes)
    return mean


def _blocks(shares: Array) -> Text:
    """Two rows of pixels in a line of text: the upper half in ink, the lower in paper."""
    text = Text()
    for top in range(0, len(shares), 2):
        below = shares[top + 1] if top + 1 < len(shares) else None
        for i, share in enumerate(shares[top]):
            style = _colour(share) + (f" on {_colour(below[i])}" if below is not None else "")
            text.append("▀", style)
        text.append("\n")
    return text


def _colour(share: float) -> str:
    return rgb(share) if np.isfinite(share) else "red"


def _inked(shares: Array) -> Text:
    lines = []
    for row in shares:
        cells = (
            _INK[round(share * (len(_INK) - 1))] if np.isfinite(share) else "?" for share in row
        )
        lines.append("".join(cell * 2 for cell in cells))
    return Text("\n".join(lines) + "\n")

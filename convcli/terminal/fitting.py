"""Text for a narrow place: abbreviated numbers, and lines folded so that no number is broken."""

import re
from collections.abc import Iterable

from rich.cells import cell_len, chop_cells

_UNITS = "kMGTPE"
_EXACT = 7  # characters of an abbreviated number: one of six digits needs no more
_INSIDE_A_WORD = re.compile(r"(?<=[:/_=])|(?<=[0-9]x)(?=[0-9])")  # never inside a number


def abbreviated(number: int) -> str:
    """Write a count in at most seven characters, exactly if it fits: ``9,472``, ``118.0 M``."""
    exact = f"{number:,}"
    if len(exact) <= _EXACT:
        return exact
    digits = f"{number:.3e}"  # rounded to four
    group, place = divmod(int(digits[6:]), 3)
    if group > len(_UNITS):
        return f"{number:.1e}"
    four = digits[0] + digits[2:5]
    return f"{four[: place + 1]}.{four[place + 1 :]} {_UNITS[group - 1]}"


def wrap(text: str, width: int) -> list[str]:
    """Fold at spaces; a word that is longer than a line inside it, between numbers if possible."""
    if cell_len(text) <= width:
        return [text]
    lines: list[str] = []
    for word in re.findall(" *[^ ]+", text):
        if lines and cell_len(lines[-1] + word) <= width:
            lines[-1] += word
        else:
            lines += _wrap_word(word.lstrip(" ") if lines else word, width)
    return lines


def _wrap_word(word: str, width: int) -> list[str]:
    lines = [""]
    for piece in _INSIDE_A_WORD.split(word):
        if cell_len(lines[-1] + piece) <= width:
            lines[-1] += piece
        else:
            lines += chop_cells(piece, width)
    return [line for line in lines if line]


def narrowest(texts: Iterable[str], inside_words: bool) -> int:
    """Return the width in which `wrap` breaks texts at spaces only, or also inside words."""
    words = (word for text in texts for word in text.split(" "))
    if inside_words:
        words = (piece for word in words for piece in _INSIDE_A_WORD.split(word))
    return max(map(cell_len, words), default=0)

"""One file of HTML that computes a layer as its sliders move: the page of ``-o conv.html``.

Its parts lie in ``web/``. What `convcli.geometry` and `convcli.explain` compute they compute again
in JavaScript, as a page has no Python; tests compare the two in a browser.
"""

import json
from pathlib import Path

from convcli.errors import ConvcliError
from convcli.geometry.network.layer import Step
from convcli.geometry.text.notation import format_sizes
from convcli.geometry.window.axis import KIND_NAMES

_WEB = Path(__file__).parent / "web"
_SCRIPTS = ("geometry.js", "words.js", "settings.js", "grids.js", "highlights.js")
_LARGEST = 1000  # its scripts count windows one by one
_NUMBERS = {"n": "-n", "f": "-f", "pb": "-p", "pe": "-p", "s": "-s", "d": "-d"}


def page(step: Step) -> str:
    """Write the page of a layer; its sliders start at the layer's numbers.

    Parameters
    ----------
    step : Step
        A layer over an input of 1, 2 or 3 axes.

    Returns
    -------
    str
        A whole document, which loads nothing.

    Raises
    ------
    ConvcliError
        A number is too large for a page.
    """
    for axis in step.axes:
        for key, option in _NUMBERS.items():
            value = getattr(axis, key)
            if value > _LARGEST:
                raise ConvcliError(
                    f"{option} {value} is too large for a page, which takes {_LARGEST} at most; "
                    f"use {option} {_LARGEST} or less, or write an .svg"
                )
    window = step.layer.window
    keys = ("n", "f", "pb", "pe", "s", "d", "op")
    start = {
        "kind": window.kind,
        "ceil": window.ceil,
        "word": window.p if isinstance(window.p, str) else None,
        "axes": [{key: getattr(axis, key) for key in keys} for axis in step.axes],
    }
    sizes = f"{format_sizes(step.n)} to {format_sizes(step.out)}"
    parts = {
        "@TITLE@": f"{KIND_NAMES[window.kind].capitalize()}, {sizes}",
        "@STYLE@": _part("style.css"),
        "@START@": json.dumps(start),
        "@SCRIPTS@": "\n\n".join(map(_part, _SCRIPTS)),
    }
    text = _part("page.html")
    for mark, part in parts.items():
        text = text.replace(mark, part)
    return text


def _part(name: str) -> str:
    return (_WEB / name).read_text(encoding="utf-8").strip()

"""Published networks that come with the program, as text in the package."""

import os
from collections.abc import Iterator

_FOLDER = os.path.join(os.path.dirname(__file__), "networks")
_ENDING = ".layers"


def builtin_names() -> list[str]:
    """Return the names of the built-in networks."""
    return sorted(file.removesuffix(_ENDING) for file in os.listdir(_FOLDER))


def builtin_lines(name: str) -> list[str] | None:
    """Return the text of a built-in network, None where there is none of that name."""
    if not name.isidentifier():  # no path
        return None
    try:
        with open(os.path.join(_FOLDER, name + _ENDING), encoding="utf-8") as file:
            return list(file)
    except FileNotFoundError:
        return None


def descriptions() -> Iterator[tuple[str, str]]:
    """Yield the name of each built-in network, and the comment at the start of its text."""
    for name in builtin_names():
        comments: list[str] = []
        for line in builtin_lines(name) or ():
            if not line.startswith("#"):
                break
            comments.append(line.strip("# \n"))
        yield name, " ".join(comments)

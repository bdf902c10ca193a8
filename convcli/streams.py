"""The three standard streams as one value that is passed in, so that tests can replace them."""

from typing import NamedTuple, TextIO
from weakref import WeakKeyDictionary

from convcli.errors import UsageError


class Streams(NamedTuple):
    """Standard input, output and error; bytes go through their ``buffer``."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO


COLORS = ("auto", "always", "never")
# What --color says of a stream. Kept here, since whoever draws on a stream is given it alone.
_colors: WeakKeyDictionary[TextIO, str] = WeakKeyDictionary()


def set_color(streams: Streams, color: str) -> None:
    """Say whether there is color on the streams: auto leaves it to terminal and environment."""
    if color not in COLORS:
        raise UsageError(f"--color {color!r} must be auto, always or never; use --color auto")
    for stream in (streams.stdout, streams.stderr):
        _colors[stream] = color


def color_of(stream: TextIO) -> str:
    """Return what was said of a stream."""
    return _colors.get(stream, "auto")


# Each as wide as what it stands for: pictures and tables keep their columns.
_SIGNS = {
    "·": "*", "×": "x", "²": "2", "≤": "<", "→": ">", "←": "<", "…": "~",
    "■": "#", "□": "@", "█": "#", "▀": "#", "░": ":", "─": "-",
}  # fmt: skip


def replaced_signs(error: UnicodeError) -> tuple[str, int]:
    """Write what a stream cannot encode as ASCII: an error handler of codecs.

    Signs of pictures and formulas become others, the rest question marks.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_SIGNS.get(sign, "?") for sign in text), error.end


def can_write(encoding: str, text: str) -> bool:
    """Whether an encoding has all characters of a text."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def choose_format(given: str | None, stream: TextIO, formats: tuple[str, ...]) -> str:
    """Take the format asked for; by default a table on a terminal, plain text elsewhere."""
    if given is None:
        return "table" if stream.isatty() else "plain"
    given = given.lower()
    if given not in formats:
        raise UsageError(f"--format {given!r} is not a format; write one of {', '.join(formats)}")
    return given


def note(streams: Streams, text: str) -> None:
    """Write one line about something that a user may not expect."""
    streams.stderr.write(f"convcli: note: {printable(text)}\n")


def report_error(streams: Streams, text: str) -> None:
    """Write the one line of an error."""
    streams.stderr.write(f"convcli: error: {printable(text)}\n")


def printable(text: str) -> str:
    """Escape what could drive a terminal, such as a file name with control codes in it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)

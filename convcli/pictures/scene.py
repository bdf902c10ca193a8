"""A picture as plain data: shapes in pixels, with roles in place of colours."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

Anchor = Literal["start", "middle", "end"]
# The width of a letter, in parts of its size: that of wide sans-serif fonts. A narrow
# font leaves room, and no text is cut.
_LETTER = 0.63
_MONO = 0.605
_NARROW = frozenset("iIl.,:;'|!()[]·ftjr ")


class Shade(NamedTuple):
    """A colour of a ramp: amounts from 0 to 1, or signed numbers with zero at 0.5."""

    share: float
    signed: bool = False


class Rgb(NamedTuple):
    """A colour of an image, from 0 to 255."""

    red: int
    green: int
    blue: int


Paint = str | Shade | Rgb  # a str is a role, see `palette`


class Rect(NamedTuple):
    """A rectangle; a hatch of lines says without colour what it is."""

    x: float
    y: float
    width: float
    height: float
    fill: Paint | None = None
    stroke: str | None = None
    line: float = 1.0
    dash: bool = False
    hatch: str | None = None  # a role


class Line(NamedTuple):
    """A line, or a curve through the height `bend` above it, with or without an arrow's head."""

    x: float
    y: float
    to_x: float
    to_y: float
    stroke: str = "soft"
    line: float = 1.0
    bend: float = 0.0
    arrow: bool = False


class Text(NamedTuple):
    """Text on a base line."""

    x: float
    y: float
    text: str
    size: float = 14
    anchor: Anchor = "start"
    fill: str = "ink"
    bold: bool = False
    mono: bool = False

    @property
    def width(self) -> float:
        """An upper bound of the width for usual fonts."""
        return text_width(self.text, self.size, self.mono, self.bold)

    @property
    def left(self) -> float:
        """Where it starts."""
        return self.x - self.width * {"start": 0, "middle": 0.5, "end": 1}[self.anchor]


class Pixels(NamedTuple):
    """An image, a row of colours for each row of pixels, enlarged without smoothing."""

    x: float
    y: float
    width: float
    height: float
    rows: tuple[tuple[Rgb, ...], ...]


Shape = Rect | Line | Text | Pixels


class Group(NamedTuple):
    """Shapes that are one part of a picture, by its name.

    In an animation it is shown from the frame `first` on, up to the frame `last`, or to the end.
    """

    name: str
    shapes: tuple[Shape, ...]
    first: int = 0
    last: int | None = None

    @property
    def moves(self) -> bool:
        """Whether some frames do not show it."""
        return self.first > 0 or self.last is not None

    def shown(self, frame: int) -> bool:
        """Whether it is seen in a frame."""
        return self.first <= frame and (self.last is None or frame <= self.last)


class Scene(NamedTuple):
    """A picture; of several frames, an animation.

    `title` and `description` say in words what is seen.
    """

    width: float
    height: float
    title: str
    description: str
    groups: tuple[Group, ...]
    frames: int = 1
    seconds: float = 0.5  # of a frame

    def still(self, frame: int) -> "Scene":
        """Take one frame as a picture of its own."""
        groups = tuple([Group(g.name, g.shapes) for g in self.groups if g.shown(frame)])
        return self._replace(groups=groups, frames=1)

    @property
    def shapes(self) -> Iterator[Shape]:
        """All shapes, from the lowest up."""
        for group in self.groups:
            yield from group.shapes


def without_controls(text: str) -> str:
    """Return a text without line breaks and other control characters, which names may have.

    Every format needs that: a line break ends a comment of TeX, and XML has no control characters.
    """
    return "".join(c for c in text if c >= " ")


def text_width(text: str, size: float, mono: bool = False, bold: bool = False) -> float:
    """Return an upper bound of a text's width in usual fonts, in pixels."""
    if mono:
        return len(text) * size * _MONO
    narrow = sum(c in _NARROW for c in text)
    width = (len(text) - narrow) * _LETTER + narrow * 0.36
    wide = sum(c in "mMwW@%→…" for c in text) * 0.3
    return (width + wide) * size * (1.07 if bold else 1.0)


def fitting(text: str, room: float, most: float) -> float:
    """Return the font size, up to `most`, at which a text fits a room."""
    return min(most, room / text_width(text, 1.0)) if text else most


def wrapped(text: str, width: float, size: float, mono: bool = False) -> list[str]:
    """Break a text at its spaces into lines that fit a width."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and text_width(longer, size, mono) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def paragraph(
    x: float, y: float, lines: Iterable[str], size: float, **style: object
) -> tuple[Text, ...]:
    """Set lines below each other, from the top `y` on."""
    texts = [
        Text(x, y + size * (1.0 + 1.4 * i), line, size, **style)  # type: ignore[arg-type]
        for i, line in enumerate(lines)
    ]
    return tuple(texts)


def paragraph_height(lines: Sequence[str], size: float) -> float:
    """Return the height of a paragraph."""
    return size * 1.4 * len(lines)

"""The animation of one layer: a frame for each place of its window, the output filling."""

from collections.abc import Callable, Sequence
from math import prod

from convcli.errors import UsageError
from convcli.geometry.window.axis import Axis
from convcli.geometry.window.formula import formulas
from convcli.geometry.window.places import place_of
from convcli.pictures import board, grid
from convcli.pictures.board import INNER, MARGIN, WIDTH, Numbers
from convcli.pictures.scene import (
    Group,
    Rect,
    Scene,
    Shape,
    Text,
    paragraph,
    paragraph_height,
    wrapped,
)

MOST_FRAMES = 400
_MOST_DONE = 10_000  # outputs that are filled in one picture
_SECONDS = (0.15, 0.6)  # of a frame
_WHOLE = 20.0  # seconds, if a frame is not to be faster or slower than these

Sums = Callable[[Sequence[int]], list[str]]  # of a place: lines of numbers


def animation_picture(
    axes: Sequence[Axis],
    numbers: Numbers | None = None,
    sums: Sums | None = None,
    frame: int | None = None,
) -> Scene:
    """Draw a frame for each output of a layer; of three axes, for those of the first slice.

    Parameters
    ----------
    axes : sequence of Axis
    numbers : Numbers, optional
        The numbers of a run, which the cells then hold.
    sums : callable, optional
        Says how an output comes about.
    frame : int, optional
        The only one to draw, from 0 on.

    Raises
    ------
    UsageError
        There are more places than `MOST_FRAMES`.
    """
    planar = board.planar(axes)
    sizes = [axis.out for axis in planar]
    count = prod(sizes)
    if frame is None and count > MOST_FRAMES:
        raise UsageError(
            f"--animate -o draws a frame for each output, and {count} are more than {MOST_FRAMES}; "
            f"use a smaller input or a larger -s, or --frame 1 for one of them"
        )
    if frame is not None and frame >= min(count, _MOST_DONE):
        most = min(count, _MOST_DONE)
        raise UsageError(f"--frame {frame + 1} must be from 1 to {most}; use --frame {most}")
    base = board.board(axes, numbers, filled=False)
    numbers = base.numbers
    rows, columns = board.strips(axes)
    cells = numbers.input if numbers else None
    signs, y = board.legend(base.bottom + 14, board.kinds_in(base))
    frames: list[Group] = []
    lowest = y
    for at in range(count if frame is None else frame + 1):
        r, c = place_of(at, sizes)
        frames.append(_done(base, (r, c), at, numbers))
        if frame not in (None, at):
            continue
        spans = rows.taps(r), columns.taps(c)
        shapes: tuple[Shape, ...] = tuple(grid.window(base.input, *spans, cells))
        frames.append(Group("window", shapes, at, at))
        line = board.projection(base.input, base.output, *spans, (r, c))
        if numbers is not None:
            seen = tuple(grid.number(base.output, r, c, numbers.output(r, c), "on-window"))
            line = line._replace(shapes=(*line.shapes, *seen))
        frames.append(line._replace(first=at, last=at))
        place = ((0,) * (len(axes) - 2) + (r, c))[-len(axes) :]
        head = f"output[{', '.join(map(str, place))}], {at + 1} of {count}"
        texts: list[Text] = [Text(MARGIN, y + 18, head, 14, bold=True)]
        lines = sums(place) if sums else []
        texts += paragraph(MARGIN, y + 26, lines, 13, mono=True)
        lowest = max(lowest, y + 30 + paragraph_height(lines, 13))
        frames.append(Group("place", tuple(texts), at, at))
    below = lowest + 4
    said: list[Text] = []
    for line_ in formulas(axes):
        lines = wrapped(line_, INNER, 13, True)
        said += paragraph(MARGIN, below, lines, 13, mono=True, fill="soft")
        below += paragraph_height(lines, 13)
    for note in board.note_of(axes):
        said += paragraph(MARGIN, below, lines := board.wrap_all(note), 13, fill="soft")
        below += paragraph_height(lines, 13) + 2
    groups = (*base.groups, Group("legend", signs), Group("formula", tuple(said)), *frames)
    seconds = min(max(_WHOLE / count, _SECONDS[0]), _SECONDS[1])
    over = f" of the first of {axes[0].out} slices" if len(axes) > 2 else ""
    description = (
        f"{board.settings_of(axes)}. The window slides over the input, a frame for each of "
        f"{count} outputs{over}. {'. '.join(formulas(axes))}"
    )
    return Scene(WIDTH, below + 16, board.title_of(axes), description, groups, count, seconds)


def _done(base: board.Board, at: tuple[int, int], frame: int, numbers: Numbers | None) -> Group:
    """Fill an output from the frame on that makes it."""
    r, c = at
    box = base.output.box(range(r, r + 1), range(c, c + 1))
    edge = "output-edge" if base.output.is_fine else None
    shapes: tuple[Shape, ...] = (Rect(*box, fill="output", stroke=edge, line=0.8),)
    if numbers is not None:
        shapes += tuple(grid.number(base.output, r, c, numbers.output(r, c), "ink"))
    return Group("done", shapes, frame)

"""The window slides over the padded input and the output fills: the frames, and the player."""

import os
import time
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

from rich.console import Console
from rich.live import Live
from rich.text import Text

from convcli.explain import drawing
from convcli.geometry.text.notation import format_sizes
from convcli.geometry.window.axis import AXIS_NAMES, Axis
from convcli.geometry.window.places import place_of, places
from convcli.streams import Streams
from convcli.terminal.keyboard import Pressed, keys
from convcli.terminal.tables import console

_WHOLE = 15.0  # seconds for a whole run, if no frame is to be faster or slower than these
_FASTEST, _SLOWEST = 0.03, 0.5
_LIMITS = (0.01, 4.0)  # seconds of a frame that + and - reach
_LOOK = 0.2  # seconds after which the terminal's size is looked at again
_GAP = 4  # columns between input and output
_LEAST_COLUMNS, _LEAST_ROWS = 24, 3  # of a picture

Details = Callable[[Sequence[int], int], list[str]]  # of a place and a width: lines of numbers


class Player(NamedTuple):
    """Where an animation is, and how fast it goes on; seconds are those of a frame."""

    at: int
    last: int
    row: int  # places in a row
    seconds: float
    paused: bool = False
    ended: bool = False

    def after(self, key: str) -> "Player":
        """Do what a key says; without one, go on by one frame, and end after the last."""
        steps = {"right": 1, "n": 1, "left": -1, "b": -1, "down": self.row, "up": -self.row}
        changes: dict[str, dict[str, Any]] = {
            "q": {"ended": True},
            " ": {"paused": not self.paused},
            "+": {"seconds": max(self.seconds / 1.5, _LIMITS[0])},
            "-": {"seconds": min(self.seconds * 1.5, _LIMITS[1])},
        }
        for name, step in steps.items():
            changes[name] = {"at": min(max(self.at + step, 0), self.last), "paused": True}
        if not self.paused:
            changes[""] = {"ended": True} if self.at == self.last else {"at": self.at + 1}
        return self._replace(**changes.get(key.lower(), {}))


def play(axes: Sequence[Axis], streams: Streams, details: Details | None = None) -> None:
    """Show one frame for each place of the window, until the last, ``q`` or Ctrl-C.

    The last frame stays on the terminal.

    Parameters
    ----------
    axes : sequence of Axis
    streams : Streams
        Both standard input and output are terminals.
    details : callable, optional
        Gives lines about a place.
    """
    out = console(streams.stdout)
    sizes = places(axes)
    seconds = min(max(_WHOLE / prod(sizes), _FASTEST), _SLOWEST)
    player = Player(0, prod(sizes) - 1, sizes[-1], seconds)
    with keys(streams) as pressed, Live(console=out, auto_refresh=False, screen=True) as live:
        while not player.ended:
            _fit(out, streams)
            live.update(frame(axes, player, out.width, out.height, details), refresh=True)
            player = player.after(_wait(player, pressed, out, streams))
    out.print(frame(axes, player, out.width, out.height, details))


def _wait(player: Player, pressed: Pressed, out: Console, streams: Streams) -> str:
    """Wait for a key or for the end of the frame; a pause ends when the terminal is resized too."""
    until = time.monotonic() + player.seconds
    while True:
        left = _LOOK if player.paused else min(until - time.monotonic(), _LOOK)
        key = pressed(max(left, 0.0))
        if key or (not player.paused and time.monotonic() >= until):
            return key
        if _size(streams) not in (None, (out.width, out.height)):
            return "resized"


def _fit(out: Console, streams: Streams) -> None:
    """Take the terminal's size of now."""
    size = _size(streams)
    if size is not None:
        out.width, out.height = size


def _size(streams: Streams) -> tuple[int, int] | None:
    try:
        columns, lines = os.get_terminal_size(streams.stdout.fileno())
    except (OSError, ValueError):
        return None
    return (columns, lines) if columns and lines else None


def frame(
    axes: Sequence[Axis], player: Player, width: int, height: int, details: Details | None = None
) -> Text:
    """Draw the input with the window, the output as far as it is filled, numbers, and the keys.

    What does not fit is seen through a viewport, which follows the window.
    """
    sizes = places(axes)
    place = place_of(player.at, sizes)
    below = [*(details(place, width) if details else []), *_status(axes, player, width)]
    room = max(height - len(below) - 2, _LEAST_ROWS)
    beside = width >= 2 * _LEAST_COLUMNS + _GAP
    wanted = 4 + 2 * drawing.length(axes[-1])
    output_columns = 2 * sizes[-1]
    if beside:
        left = min(wanted, max(width - _GAP - output_columns, (width - _GAP) // 2))
        output_columns = min(output_columns, width - _GAP - left)
        rows = (room, room - 1)
    else:
        left, output_columns = min(wanted, width), min(output_columns, width)
        rows = (max((room + 1) // 2, _LEAST_ROWS), max(room // 2 - 1, 1))
    picture = drawing.grid(axes, place, left, rows[0])
    output = _filled(sizes, place, output_columns, rows[1])
    text = _beside(picture, output, left + _GAP) if beside else [*picture, Text(), *output]
    return Text("\n", no_wrap=True).join([*text, *map(Text, below)])


def _beside(left: Sequence[Text], right: Sequence[Text], column: int) -> list[Text]:
    """Put lines beside each other; the first line of the left marks columns only."""
    lines = []
    for i in range(max(len(left), len(right) + 1)):
        line = left[i].copy() if i < len(left) else Text()
        if 0 < i <= len(right):
            line.append(" " * (column - len(line.plain)))
            line.append_text(right[i - 1])
        lines.append(line)
    return lines


def _filled(sizes: Sequence[int], place: Sequence[int], columns: int, rows: int) -> list[Text]:
    """Draw which outputs of a slice are done, the newest one in colour."""
    row_at = place[-2] if len(place) > 1 else 0
    height = sizes[-2] if len(sizes) > 1 else 1
    shown_rows = drawing.viewport(height, row_at, 1, max(rows, 1))
    shown_columns = drawing.viewport(sizes[-1], place[-1], 1, max(columns // 2, 1))
    lines = []
    for r in shown_rows:
        line = Text()
        for c in shown_columns:
            now = (r, c) == (row_at, place[-1])
            done = (r, c) <= (row_at, place[-1])
            line.append("■ " if done else "· ", "bold magenta" if now else "" if done else "dim")
        lines.append(line)
    return lines


def _status(axes: Sequence[Axis], player: Player, width: int) -> list[str]:
    sizes = places(axes)
    filled = "input used" if axes[0].kind == "convt" else "output filled"
    state = "paused" if player.paused else f"{1 / player.seconds:.3g} a second"
    at = place_of(player.at, sizes)
    slices = f", {AXIS_NAMES[3][0]} {at[0] + 1} of {sizes[0]}" if len(sizes) > 2 else ""
    progress = f"{filled}: {player.at + 1} of {prod(sizes)}{slices}, {state}"
    sizes_text = f"input {format_sizes([a.n for a in axes])}, output "
    sizes_text += format_sizes([a.out for a in axes])
    help_ = "space pauses, arrows step, + - speed, q ends"
    if len(f"{progress}; {sizes_text}") <= width:
        progress = f"{progress}; {sizes_text}"
    if len(help_) > width:
        help_ = "space pause, ←→ step, +- speed, q end"[:width]
    return [progress[:width], help_]

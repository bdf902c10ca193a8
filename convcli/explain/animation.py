"""The window slides over the padded input and the output fills, on a terminal."""

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator
from math import prod

from rich.console import Group
from rich.live import Live
from rich.text import Text

from convcli.errors import ConvcliError
from convcli.explain import drawing
from convcli.geometry.network import Step
from convcli.geometry.notation import format_sizes
from convcli.streams import Streams
from convcli.terminal.tables import console

_WHOLE = 15.0  # seconds for a whole run, if no frame is to be faster or slower than these
_FASTEST, _SLOWEST = 0.03, 0.5


def play(step: Step, streams: Streams) -> None:
    """Show one frame for each place of the window; ``q`` ends it.

    Raises
    ------
    ConvcliError
        The pictures do not fit the terminal.
    """
    out = console(streams.stdout)
    axes = step.axes
    places = [axis.n if axis.kind == "convt" else axis.out for axis in axes]
    if max(places[-2:]) > max(out.width, out.height) or not _fits(step, out.width, out.height):
        raise ConvcliError(
            f"input {format_sizes([a.n for a in axes])} is too large to animate on a terminal of "
            f"{out.width}x{out.height} characters; use a smaller -n, or --explain"
        )
    pause = min(max(_WHOLE / prod(places), _FASTEST), _SLOWEST)
    with _keys(streams) as pressed, Live(console=out, auto_refresh=False) as live:
        for done, place in enumerate(itertools.product(*map(range, places)), 1):
            live.update(Group(frame(step, place, done, out.width)), refresh=True)
            if pressed(pause):
                return


def _fits(step: Step, width: int, height: int) -> bool:
    first = frame(step, [0] * len(step.axes), 0, width).plain
    wide = max(map(len, first.splitlines()))
    return first.count("\n") + 2 <= height and wide <= width and "drawn: the first" not in first


def frame(step: Step, place: "tuple[int, ...] | list[int]", done: int, width: int) -> Text:
    """Draw the window at `place` and the output with `done` pixels filled."""
    text = drawing.windows(step.axes, width, place)
    sizes = [axis.n if axis.kind == "convt" else axis.out for axis in step.axes]
    filled = "input used" if step.axes[0].kind == "convt" else "output filled"
    text.append(f"\n\n{filled}: {done} of {prod(sizes)}, q ends\n")
    columns = sizes[-1]
    rows = sizes[-2] if len(sizes) > 1 else 1
    before = (done - 1) // (rows * columns) * rows * columns if done else 0  # slices of depth
    for row in range(rows):
        line = "".join(
            "■ " if before + row * columns + column < done else "· " for column in range(columns)
        )
        text.append(f"    {line}\n")
    return text


@contextlib.contextmanager
def _keys(streams: Streams) -> Iterator[Callable[[float], bool]]:
    """Read single keys without echo; the terminal's settings are always restored."""
    try:
        import select  # noqa: PLC0415
        import termios  # noqa: PLC0415  not on Windows, where only Ctrl-C ends it
        import tty  # noqa: PLC0415
    except ImportError:
        yield _sleep
        return
    fd = streams.stdin.fileno()
    before = termios.tcgetattr(fd)

    def pressed(seconds: float) -> bool:
        ready, _, _ = select.select([fd], [], [], seconds)
        # Not stdin.read, which takes all that was typed from the terminal and gives one of it.
        return bool(ready) and os.read(fd, 1) in b"qQ"

    try:
        tty.setcbreak(fd)
        yield pressed
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False

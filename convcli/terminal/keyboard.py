"""Single keys from the terminal, without echo; its settings are always restored."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator

from convcli.errors import UsageError
from convcli.streams import Streams

Pressed = Callable[[float], str]  # waits so many seconds for a key; returns its name, or ""

_SEQUENCES = {  # what the arrows send, in both modes of a terminal
    b"[A": "up", b"[B": "down", b"[C": "right", b"[D": "left",
    b"OA": "up", b"OB": "down", b"OC": "right", b"OD": "left",
}  # fmt: skip
_SOON = 0.05  # seconds within which the rest of a sequence arrives


def require_terminal(streams: Streams) -> None:
    """Refuse an animation where nobody sees it, or cannot end it.

    Raises
    ------
    UsageError
    """
    if not (streams.stdout.isatty() and streams.stdin.isatty()):
        raise UsageError(
            "--animate needs a terminal, and standard input or output is a pipe or a file; "
            "use --explain instead"
        )
    if os.environ.get("TERM") == "dumb":
        raise UsageError("--animate needs a terminal that redraws, not TERM=dumb; use --explain")


@contextlib.contextmanager
def keys(streams: Streams) -> Iterator[Pressed]:
    """Read keys as they are pressed; Ctrl-C and Ctrl-Z keep their meaning."""
    try:
        import termios  # noqa: PLC0415  not on Windows, where only Ctrl-C ends it
        import tty  # noqa: PLC0415
    except ImportError:
        yield _sleep
        return
    fd = streams.stdin.fileno()
    before = termios.tcgetattr(fd)

    def pressed(seconds: float) -> str:
        # Not stdin.read, which takes all that was typed from the terminal and gives one of it.
        first = _byte(fd, seconds)
        if first != b"\x1b":
            return first.decode("ascii", "replace")
        rest = _byte(fd, _SOON)
        if rest in (b"[", b"O"):
            rest += _byte(fd, _SOON)
        return _SEQUENCES.get(rest, "")

    try:
        tty.setcbreak(fd)
        yield pressed
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _byte(fd: int, seconds: float) -> bytes:
    import select  # noqa: PLC0415

    ready, _, _ = select.select([fd], [], [], seconds)
    return os.read(fd, 1) if ready else b""


def _sleep(seconds: float) -> str:
    time.sleep(seconds)
    return ""

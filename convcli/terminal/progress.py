"""One progress bar, on a terminal, and only for work that lasts."""

import contextlib
import threading
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich import progress

_SOON = 0.5  # seconds of work before a bar is worth drawing


class Progress:
    """Counts shares of work; many threads may do so."""

    def __init__(self, stream: TextIO, total: int) -> None:
        """Take the terminal to draw on, and how many inputs there are."""
        self._stream = stream
        self._total = total
        self._done = 0.0
        self._closed = False
        self._begin = time.monotonic()
        self._lock = threading.Lock()
        self._bar: "progress.Progress | None" = None  # noqa: UP037

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._closed = True
            self._take_away()

    def advance(self, share: float) -> None:
        """Add a share of one input."""
        with self._lock:
            self._done += share
            if self._closed:  # a thread that has not ended yet
                return
            if self._bar is None:
                if time.monotonic() - self._begin < _SOON or not self._stream.isatty():
                    return
                self._draw()
            if self._bar is not None:
                self._bar.update(self._bar.task_ids[0], completed=self._done)

    def pause(self) -> None:
        """Take the bar away, to write something else; it comes back with the next share."""
        with self._lock:
            self._take_away()

    def _take_away(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _draw(self) -> None:
        from rich import progress  # noqa: PLC0415  loaded when there is something to draw

        from convcli.terminal.tables import console  # noqa: PLC0415

        bar = progress.Progress(console=console(self._stream), transient=True)
        bar.add_task("convolving", total=self._total)
        with contextlib.suppress(RuntimeError):  # no more threads: no bar
            bar.start()
            self._bar = bar

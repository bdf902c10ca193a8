"""One case of a campaign: its random numbers, its folder, what it ran, and how that is judged."""

import os
import re
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any

from tests.faults import program
from tests.faults.program import Ended

_OURS = ("convcli: error: ", "convcli: note: ")
_MOST_MEMORY = 768 << 20  # bytes


class Fault(Exception):
    """What a case found wrong."""


class Trial:
    """What a case of a campaign is given.

    Attributes
    ----------
    random : Random
        Follows from campaign, seed and number of the case.
    folder : Path
        Empty, and its own.
    commands : list of str
        What it ran, as lines for a shell.
    """

    def __init__(self, random: Random, folder: Path) -> None:
        self.random = random
        self.folder = folder
        self.commands: list[str] = []

    def write(self, name: str, data: bytes) -> str:
        """Make a file in the folder; returns its name."""
        (self.folder / name).write_bytes(data)
        return name

    def names(self) -> set[str]:
        """What is in the folder."""
        return set(os.listdir(self.folder))

    def note(self, args: Iterable[str], before: str = "", after: str = "") -> None:
        """Record a command that is about to run, with what stands around it in a shell."""
        line = " ".join(["convcli", *map(shlex.quote, args)])
        self.commands.append(before + line + after)

    def run(
        self,
        args: list[str],
        stdin: bytes | int = b"",
        prepare: Callable[[], None] = lambda: None,
        statuses: Iterable[int] = (0, 1, 2),
        around: tuple[str, str] = ("", ""),
        wanted: int = program.WANTED,
        pace: Callable[[], int] = lambda: program.PIECE,
        **judged: Any,
    ) -> Ended:
        """Run a command, and judge how it ended by what holds for every command."""
        self.note(args, *around)
        ended = program.run(args, self.folder, stdin, prepare, wanted, pace)
        judge(ended, statuses, **judged)
        return ended

    def check(self, holds: bool, otherwise: str) -> None:
        """Find a fault unless something holds."""
        if not holds:
            raise Fault(otherwise)


def judge(
    ended: Ended,
    statuses: Iterable[int] = (0, 1, 2),
    report: bool = False,
    many: bool = False,
    streams_open: bool = True,
) -> None:
    """Hold what every end must keep to.

    Parameters
    ----------
    ended : Ended
    statuses : iterable of int
        Those that may be.
    report : bool
        Whether a report may stand on standard error.
    many : bool
        Whether it does several things, some of which may be done before or after one fails.
    streams_open : bool
        Whether what it tells can be read.

    Raises
    ------
    Fault
    """
    if ended.stuck:
        raise Fault("hangs")
    text = ended.err.decode("utf-8", "backslashreplace")
    lines = text.split("\n")
    if "Traceback (most recent call last)" in text:
        raise Fault(f"traceback: {lines[-2] if len(lines) > 1 else text}")
    if ended.status not in {*statuses, *([141] if ended.left else [])}:
        raise Fault(f"status {ended.status}: {text.strip() or 'nothing on standard error'}")
    if ended.grown > _MOST_MEMORY:
        raise Fault(f"memory: {ended.grown >> 20} MiB")
    if warning := re.search(r"\w+Warning: .*", text):
        raise Fault(f"warning of Python's: {warning[0]}")
    if report and (many or ended.status == 0):
        text = lines[-2] + "\n" if ended.status in (1, 2) and len(lines) > 1 else ""
    if streams_open:
        judge_messages(ended, text, many)
    if ended.status in (1, 2) and ended.out and not many:
        raise Fault(f"status {ended.status}, and standard output has {ended.out[:60]!r}")


def judge_messages(ended: Ended, text: str, many: bool) -> None:
    """Hold that what is on standard error is ours: lines of text, one for an error."""
    lines = text.removesuffix("\n").split("\n") if text else []
    if ended.left and lines and not text.endswith("\n"):
        lines.pop()  # the reader left in the middle of it
    for line in lines:
        if not line.startswith(_OURS):
            raise Fault(f"not our line: {line[:200]!r}")
        if not line.isprintable():
            raise Fault(f"control code in a message: {line[:200]!r}")
    errors = sum(line.startswith(_OURS[0]) for line in lines)
    if ended.status in (1, 2) and not (errors >= 1 if many else errors == 1):
        raise Fault(f"status {ended.status} with {errors} error lines")
    if ended.status == 0 and errors:
        raise Fault(f"status 0 with an error: {lines[0]!r}")

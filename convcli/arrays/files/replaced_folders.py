"""Directories that take the place of old ones only when they are complete.

A new one is written under a hidden name beside its place, by which a later run finds it; it is
locked for as long as its writer lives.
"""

import contextlib
import ctypes
import json
import os
import re
import shutil
import time

from convcli.arrays.files.atomic import flock
from convcli.errors import ConvcliError, naming_file

_LEFT = re.compile(r"\.[0-9a-f]{32}\.partial")  # how the library names a chunk that it writes
_RECORD = ".convcli.json"  # in the directory, until nothing of it can be left to do
_TRIES = 20
_AT_CWD, _EXCHANGE = -100, 2  # of renameat2


class NewFolder:
    """A directory that is written, and then takes the place of another.

    Attributes
    ----------
    part : str
        Its path until then.
    inner : str
        The path in it of what was asked for: where groups on the way there are missing, the
        first of them is what takes its place.
    found : bool
        It is there already, left by an earlier run.
    """

    def __init__(self, root: str, path: str) -> None:
        self._final = os.path.join(root, path) if path else root
        inner: list[str] = []
        while path and not os.path.isdir(os.path.dirname(self._final)):
            path, _, base = path.rpartition("/")
            self._final = os.path.dirname(self._final)
            inner.insert(0, base)
        folder, base = os.path.split(os.path.realpath(self._final))
        self.inner = "/".join(inner)
        self.part = os.path.join(folder, f".{base}.partial")
        self._lock: int | None = None
        self.found = os.path.isdir(self.part) and self._lock_what_is_there()

    def record(self, taken: bool = False) -> object:
        """Read what was noted in it, or with `taken` in what has its place; None if nothing was."""
        folder = self._final if taken else self.part
        try:
            with open(os.path.join(folder, _RECORD), encoding="utf-8") as file:
                found: object = json.load(file)
        except (OSError, ValueError):
            return None
        return found

    def note(self, record: object) -> None:
        """Note what it is made from, until it has taken its place."""
        path = os.path.join(self.part, _RECORD)
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump(record, file)
        os.replace(f"{path}.new", path)

    def clear(self) -> None:
        """Begin with an empty one."""
        if self.found:
            shutil.rmtree(self.part)
            self.unlock()
        try:
            with naming_file(self._final, always=True):
                os.mkdir(self.part)
        except FileExistsError:
            raise self._busy() from None
        self._take_lock()

    def commit(self) -> None:
        """Take the place of the old directory."""
        for folder, _, names in os.walk(self.part):
            for name in names:
                if _LEFT.search(name):  # of a process that was killed
                    os.unlink(os.path.join(folder, name))
        final = os.path.realpath(self._final)
        if not os.path.isdir(final) or not os.listdir(final):
            os.replace(self.part, final)
            return
        if os.environ.get("CONVCLI_FSYNC") != "0":
            self._sync()
        if not _exchange(self.part, final):
            old = f"{self.part}.old"
            os.rename(final, old)
            os.rename(self.part, final)
            os.rename(old, self.part)

    def end(self) -> None:
        """Remove the note, and the old directory, which has the name now that the new one had."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self._final, _RECORD))
        shutil.rmtree(self.part, ignore_errors=True)
        self.unlock()

    def discard(self) -> None:
        """Remove what was written."""
        shutil.rmtree(self.part, ignore_errors=True)
        self.unlock()

    def unlock(self) -> None:
        """Let other runs write it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _lock_what_is_there(self) -> bool:
        """Take the lock; returns False where another run has moved or removed it meanwhile."""
        try:
            self._take_lock()
            if self._lock is None or os.path.samestat(os.fstat(self._lock), os.stat(self.part)):
                return True
        except FileNotFoundError:
            pass
        self.unlock()
        return False

    def _take_lock(self) -> None:
        with contextlib.suppress(PermissionError):  # Windows opens no directories
            self._lock = os.open(self.part, os.O_RDONLY)
            for _ in range(_TRIES):  # a process that is killed keeps its lock for a moment
                if flock(self._lock):
                    return
                time.sleep(0.1)
            self.unlock()
            raise self._busy()

    def _busy(self) -> ConvcliError:
        return ConvcliError(
            f"{self._final!r} is being written by another run; wait for it, or name another"
        )

    def _sync(self) -> None:
        """Have the new directory on the disk before the old one goes."""
        with contextlib.suppress(OSError, AttributeError):
            if self._lock is not None:
                ctypes.CDLL(None).syncfs(self._lock)


def _exchange(one: str, other: str) -> bool:
    """Exchange two directories at once; returns whether the system can."""
    try:
        rename = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError):
        return False
    return bool(rename(_AT_CWD, os.fsencode(one), _AT_CWD, os.fsencode(other), _EXCHANGE) == 0)

"""Runs the program as a process of its own, and tells how it ended.

A process that has imported everything forks for each run: a child then begins at
`convcli.__main__.program`, with descriptors, limits and an end of its own, in milliseconds. Where
the start itself is under test, `fresh` starts an interpreter.
"""

import contextlib
import io
import os
import pty
import resource
import select
import selectors
import signal
import subprocess
import sys
import termios
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

ROOT = Path(__file__).parents[2]
_STUCK = 30.0  # seconds after which a run is ended and counts as one that hangs
_SPARE = 1 << 30  # bytes of address space a run may add
PIECE = 1 << 16  # bytes that are read or written at once
WANTED = 1 << 18  # bytes that are read of each stream before its reader leaves


class Ended(NamedTuple):
    """How a run ended."""

    status: int  # negative: the signal that ended it
    out: bytes
    err: bytes
    grown: int  # bytes of memory it took beyond those it began with
    stuck: bool = False  # it had to be ended
    left: bool = False  # its reader had read enough, and closed the pipe


def run(
    args: Sequence[str],
    folder: Path,
    stdin: bytes | int = b"",
    prepare: Callable[[], None] = lambda: None,
    wanted: int = WANTED,
    pace: Callable[[], int] = lambda: PIECE,
) -> Ended:
    """Run a command in a forked child, feed it, and read what it writes.

    Parameters
    ----------
    args : sequence of str
        Arguments without the program's name.
    folder : Path
        Working directory.
    stdin : bytes or int
        What is written to its standard input, or a descriptor to use as that.
    prepare : callable
        Called in the child before the program begins: to close streams, to set limits.
    wanted : int
        Bytes that are read of each stream; then the reader leaves.
    pace : callable
        Gives the bytes that the next read or write may take, when it likes to.
    """
    feed, source = (-1, os.dup(stdin)) if isinstance(stdin, int) else os.pipe()[::-1]
    (out, out_end), (err, err_end) = os.pipe(), os.pipe()
    pid = fork(args, folder, (source, out_end, err_end), prepare)
    for theirs in (source, out_end, err_end):
        os.close(theirs)
    talk = Talk(out, err, feed, b"" if isinstance(stdin, int) else stdin, wanted, pace)
    stuck = not talk.until_closed()
    return end(pid, talk, stuck)


def fork(
    args: Sequence[str],
    folder: Path,
    streams: tuple[int, int, int],
    prepare: Callable[[], None] = lambda: None,
) -> int:
    """Start a command in a child of this process, whose pid is returned."""
    if len(os.listdir("/proc/self/task")) != 1:
        raise RuntimeError("a process with threads must not fork: a lock of theirs may stay locked")
    pid = os.fork()
    if pid == 0:
        _become(args, folder, streams, prepare)
    return pid


def _become(
    args: Sequence[str],
    folder: Path,
    streams: tuple[int, int, int],
    prepare: Callable[[], None],
) -> NoReturn:
    """Be the program from here on, as an interpreter that has just started it."""
    try:
        os.chdir(folder)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(  # noqa: SIM115
            2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False
        )
        sys.argv = ["convcli", *args]
        signal.signal(signal.SIGINT, signal.default_int_handler)
        address_space = _memory("VmSize") + _SPARE
        resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        prepare()
        from convcli.__main__ import program

        program()
    except SystemExit as leave:  # as Python ends with what nobody caught
        os._exit(leave.code if isinstance(leave.code, int) else 1)
    except BaseException:
        with contextlib.suppress(BaseException):
            sys.stderr.write(traceback.format_exc())
            sys.stderr.flush()
    os._exit(1)


class Talk:
    """Feeds a process and reads what it writes, both at the pace that the pipes allow.

    Parameters
    ----------
    out, err, feed : int
        Our ends of its pipes; `feed` is -1 where it is not fed.
    data : bytes
        What it is fed.
    wanted : int
        Bytes of each stream that are read before its pipe is closed.
    pace : callable
        Gives the bytes that the next read or write may take.
    """

    def __init__(
        self, out: int, err: int, feed: int, data: bytes, wanted: int, pace: Callable[[], int]
    ) -> None:
        self.read = {out: bytearray(), err: bytearray()}
        self.out, self.err = out, err
        self.left = False
        self._feed = feed
        self._data = memoryview(data)
        self._wanted = wanted
        self._pace = pace
        self._open = selectors.DefaultSelector()
        for stream in (out, err):
            self._open.register(stream, selectors.EVENT_READ)
        if feed >= 0:
            os.set_blocking(feed, False)
            self._open.register(feed, selectors.EVENT_WRITE)

    def until_closed(self) -> bool:
        """Talk until the process has closed its streams; says whether it did."""
        deadline = time.monotonic() + _STUCK
        while not self.read.keys().isdisjoint(self._open.get_map()):
            ready = self._open.select(max(deadline - time.monotonic(), 0))
            if not ready and time.monotonic() >= deadline:
                break
            for key, _ in ready:
                (self._write if key.fd == self._feed else self._take)(key.fd)
        closed = self.read.keys().isdisjoint(self._open.get_map())
        for key in list(self._open.get_map().values()):
            self._close(key.fd)
        self._open.close()
        return closed

    def _write(self, stream: int) -> None:
        try:
            self._data = self._data[os.write(stream, self._data[: self._pace()]) :]
        except BrokenPipeError:
            self._data = self._data[:0]
        if not self._data:
            self._close(stream)

    def _take(self, stream: int) -> None:
        chunk = os.read(stream, self._pace())
        self.read[stream] += chunk
        if len(self.read[stream]) >= self._wanted:
            self.left = True
        if not chunk or self.left:
            self._close(stream)

    def _close(self, stream: int) -> None:
        self._open.unregister(stream)
        os.close(stream)


def end(pid: int, talk: Talk, stuck: bool) -> Ended:
    """Wait for a process whose streams are closed, or end it if it is stuck."""
    if stuck:
        os.kill(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    grown = usage.ru_maxrss * 1024 - _memory("VmRSS")
    out, err = bytes(talk.read[talk.out]), bytes(talk.read[talk.err])
    return Ended(os.waitstatus_to_exitcode(status), out, err, grown, stuck, talk.left)


def on_terminal(args: Sequence[str], folder: Path) -> tuple[int, bytes]:
    """Run a command on a terminal; returns its status and what came to the terminal."""
    terminal, its = pty.openpty()
    termios.tcsetwinsize(its, (40, 100))
    pid = fork(args, folder, (its, its, its), lambda: os.environ.update(TERM="xterm-256color"))
    os.close(its)
    data = bytearray()
    with contextlib.suppress(OSError):  # how a terminal says that the other side has left
        while select.select([terminal], [], [], _STUCK)[0]:
            data += os.read(terminal, 65536)
    os.close(terminal)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGHUP)  # if it is stuck; after its end this reaches nobody
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), bytes(data)


def _memory(field: str) -> int:
    """One figure of this process's memory, in bytes."""
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field + ":"))


def fresh(args: Sequence[str], folder: Path, **env: str) -> "subprocess.Popen[bytes]":
    """Start a command in an interpreter of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "convcli", *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
    )


def npy(*arrays: object) -> bytes:
    """Write arrays one after another as ``.npy``."""
    import numpy as np

    stream = io.BytesIO()
    for array in arrays:
        np.save(stream, np.asarray(array))
    return stream.getvalue()

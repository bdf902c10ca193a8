"""Pipes that are slow, closed, not there, or never wait; data in pieces of any size."""

import os
import time
from collections.abc import Callable

import numpy as np

from tests.faults.program import Ended, npy
from tests.faults.trial import Trial

_LARGEST = 1 << 22  # bytes of an output that is read to its end


def case(trial: Trial) -> None:
    """Do one thing to the streams of a command."""
    trial.random.choice((_in_pieces, _in_pieces, _reader_leaves, _closed, _closed_error))(trial)


def _in_pieces(trial: Trial) -> None:
    """Send arrays in pieces, whole or cut, through pipes of which one may be non-blocking."""
    random = trial.random
    numbers = np.random.default_rng(random.getrandbits(32))
    shapes = [
        (random.randrange(1, 200), random.randrange(1, 60)) for _ in range(random.choice((1, 2)))
    ]
    arrays = [numbers.random(shape) for shape in shapes]
    whole = [npy(*arrays[: count + 1]) for count in range(len(arrays))]
    data = random.choice((*whole, whole[-1][: random.randrange(len(whole[-1]))]))
    unwaiting = random.choice((None, None, 0, 1))

    def prepare() -> None:
        if unwaiting is not None:
            os.set_blocking(unwaiting, False)

    args = ["run", "-k", "[[1]]", "--memory", random.choice(("1K", "32M"))]
    mode = "" if unwaiting is None else f", descriptor {unwaiting} with O_NONBLOCK"
    before = f"# {len(data)} of {len(whole[-1])} bytes, in pieces{mode}\n"
    ended = trial.run(
        args, data, prepare, around=(before, ""), wanted=_LARGEST, pace=_pace(trial), many=True
    )
    trial.check(ended.out == data or data not in whole, f"the output is another: {_end(ended)}")
    good = 0 if data in whole else 1
    trial.check(ended.status == good, f"{_end(ended)}, where it should be {good}")


def _pace(trial: Trial) -> Callable[[], int]:
    """Draw sizes of pieces, with a pause now and then."""
    random = trial.random
    sizes = random.choice(((1, 2, 5, 80), (1, 1000, 4096), (4096, 65536)))
    pauses = random.choice((0.0, 0.02, 0.2))
    left = [40]  # pauses; the rest goes at once

    def pace() -> int:
        if left[0] and random.random() < pauses:
            left[0] -= 1
            time.sleep(0.002)
        return random.choice(sizes) if left[0] else 65536

    return pace


def _end(ended: Ended) -> str:
    return f"status {ended.status} {ended.err.decode('utf-8', 'replace').strip()}"


_LONG = (
    ["run", "rand:1000x1000", "-k", "box:3"],
    ["run", "rand:1000x1000", "-k", "box:3", "--memory", "4K"],
    ["shape", "-n", "1..1000000", "-f", "1"],
    ["shape", "-n", "1..1000000", "-f", "1", "--format", "json"],
    ["shape", "-n", "1..1000000", "-f", "1", "--format", "csv"],
    ["shape", "-n", "9..4000", "-f", "1", "--format", "table"],
    ["shape", "-n", "9..400", "-f", "3", "--explain"],
    ["shape", "-n", "500", "-l", "conv f=1 repeat=4000", "--format", "table"],
)


def _reader_leaves(trial: Trial) -> None:
    """Stop reading after some bytes."""
    random = trial.random
    wanted = int(2 ** random.uniform(0, 15))
    args = list(random.choice(_LONG))
    ended = trial.run(args, wanted=wanted, around=("", f" | head -c {wanted}"))
    trial.check(ended.status == 141 and not ended.err, f"{_end(ended)}, of a closed pipe")


_SHORT = (
    (["shape", "-n", "8", "-f", "3"], 0),
    (["shape", "-n", "8", "-f", "3", "--format", "table"], 0),
    (["shape", "-n", "2", "-f", "3"], 1),
    (["shape", "-n", "x", "-f", "3"], 2),
    (["shape", "--nosuch"], 2),
    (["run", "ones:3x3", "-k", "box"], 0),
    (["run", "ones:3x3", "-k", "box", "-o", "/dev/null"], 0),
    (["run", "ones:3x3", "-k", "nosuch"], 1),
    (["run", "ones:3x3"], 2),
    (["run", "-k", "box"], 1),
    (["run", "--help"], 0),
    (["--version"], 0),
)


def _closed(trial: Trial) -> None:
    """Close some of the streams before the start."""
    random = trial.random
    args, status = random.choice(_SHORT)
    closed = random.sample((0, 1, 2), random.choice((1, 1, 2, 3)))
    after = " " + " ".join(f"{stream}{'<' if stream == 0 else '>'}&-" for stream in sorted(closed))
    ended = trial.run(
        args, prepare=lambda: _close(closed), around=("", after), streams_open=2 not in closed
    )
    # What nobody can be given is not done, and may be said so.
    good = {status, 1} if 1 in closed and status == 0 else {status}
    trial.check(ended.status in good, f"{_end(ended)}, where it should be one of {good}")


def _close(streams: list[int]) -> None:
    """Close descriptors, as a Python that starts without them finds it."""
    import sys

    for stream in streams:
        os.close(stream)
        setattr(sys, ("stdin", "stdout", "stderr")[stream], None)


def _closed_error(trial: Trial) -> None:
    """Have errors go to a full disk, or to a pipe that nobody reads."""
    random = trial.random
    args, status = random.choice([each for each in _SHORT if each[1]])
    full = random.random() < 0.5

    def prepare() -> None:
        stream = os.open("/dev/full", os.O_WRONLY) if full else _unread_pipe()
        os.dup2(stream, 2)

    after = " 2> /dev/full" if full else " 2> >(:)"
    ended = trial.run(
        args, prepare=prepare, statuses=(0, 1, 2, 141), around=("", after), streams_open=False
    )
    good = {status} if full else {status, 141}
    trial.check(ended.status in good, f"{_end(ended)}, where it should be {status}")


def _unread_pipe() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer

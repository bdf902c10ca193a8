"""Full disks and files that may not grow: one line names the output, the old file stays whole."""

import ctypes
import os
import resource
import subprocess
from functools import cache
from pathlib import Path

import numpy as np

from tests.faults.program import Ended, npy
from tests.faults.trial import Trial

_OLD = b"what was there before"
_ROOM = 256 << 10  # bytes of the small disk
_NEWNS = 0x00020000  # of unshare(2): mounts of our own, gone when this process ends
_NOSPACE = ("No space left on device", "File too large")


def case(trial: Trial) -> None:
    """Write where there may be too little room."""
    random = trial.random
    side = random.choice((4, 40, 200, 400))
    trial.write("x.npy", npy(np.arange(side * side, dtype=float).reshape(side, side)))
    output = random.choice(("y.npy", "y.npy", "y.png", "out/"))
    args = ["run", str(trial.folder / "x.npy"), "-k", "box:3"]
    args += ["--memory", random.choice(("1K", "64K", "32M"))]
    draw = random.random()
    if draw < 0.4 and (disk := small_disk()):
        _on_disk(trial, disk, [*args, "-o", output])
    elif draw < 0.7:
        _limited(trial, [*args, "-o", output])
    elif draw < 0.85:
        _device(trial, args)
    else:
        _read_error(trial)


@cache
def small_disk() -> Path | None:
    """Mount a small disk that only this process and its children see; None if refused."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEWNS):
        return None
    disk = "/mnt"
    private = subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True, check=False)
    small = ["mount", "-t", "tmpfs", "-o", f"size={_ROOM}", "tmpfs", disk]
    made = subprocess.run(small, capture_output=True, check=False)
    return None if private.returncode or made.returncode else Path(disk)


def _on_disk(trial: Trial, disk: Path, args: list[str]) -> None:
    """Run on the small disk, of which a part is taken."""
    filled = trial.random.randrange(_ROOM)
    place = disk / "work"
    place.mkdir()
    try:
        (disk / "filler").write_bytes(bytes(filled))
        trial.commands.append(f"# on a tmpfs of {_ROOM} bytes, {filled} of them taken")
        _run_beside_old(trial, args, place)
    finally:
        subprocess.run(["rm", "-rf", str(place), str(disk / "filler")], check=True)


def _limited(trial: Trial, args: list[str]) -> None:
    """Run under a limit of the size of files."""
    limit = int(2 ** trial.random.uniform(0, 21))
    trial.commands.append(f"prlimit --fsize={limit} \\")
    place = trial.folder / "work"
    place.mkdir()
    _run_beside_old(trial, args, place, limit)


def _run_beside_old(trial: Trial, args: list[str], place: Path, limit: int | None = None) -> None:
    """Run where an old file is, which must be whole if the run fails, with nothing beside it."""
    output = args[-1] if args[-1] != "out/" else "out/x.npy"
    target = place / output
    target.parent.mkdir(exist_ok=True)
    try:
        target.write_bytes(_OLD)
    except OSError:  # not even that has room
        target.unlink()

    def prepare() -> None:
        os.chdir(place)
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    before = target.read_bytes() if target.exists() else None
    ended = trial.run(args, prepare=prepare)
    left = {path.name for path in target.parent.iterdir()} - {target.name, "out"}
    trial.check(not left, f"left {sorted(left)}")
    if ended.status:
        _check_told(trial, ended, output)
        now = target.read_bytes() if target.exists() else None
        trial.check(now == before, "the old file is damaged")
    else:
        trial.check(target.stat().st_size > len(_OLD), "status 0, and the output is not there")


def _check_told(trial: Trial, ended: Ended, named: str) -> None:
    """Hold that an error says which file had no room."""
    text = ended.err.decode()
    trial.check(any(word in text for word in _NOSPACE), f"no word of the room: {text!r}")
    trial.check(named in text, f"{named} is not named: {text!r}")


def _device(trial: Trial, args: list[str]) -> None:
    """Write to a device that is always full."""
    if trial.random.random() < 0.5:
        ended = trial.run([*args, "-o", "/dev/full"])
        named = "/dev/full"
    else:
        ended = trial.run(args, prepare=lambda: _onto("/dev/full", 1), around=("", " > /dev/full"))
        named = "standard output"
    trial.check(ended.status == 1, f"status {ended.status} on a full device")
    _check_told(trial, ended, named)


def _onto(path: str, stream: int) -> None:
    os.dup2(os.open(path, os.O_WRONLY), stream)


def _read_error(trial: Trial) -> None:
    """Read what cannot be read: the first page of this process's memory gives EIO."""
    file = "/proc/self/mem"
    args = trial.random.choice((
        ["run", file, "-k", "box"],
        ["run", "ones:3x3", "-k", file],
        ["run", "ones:3x3", "-k", "box", "--bias", file],
        ["shape", "-n", "8", "--layers", file],
    ))  # fmt: skip
    ended = trial.run(args)
    text = ended.err.decode()
    trial.check(ended.status == 1, f"status {ended.status} after a read error")
    trial.check(file in text and "Input/output error" in text, f"not reported as it is: {text!r}")

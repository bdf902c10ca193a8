"""Times whole commands side by side.

Commands of a row take turns, so that a machine whose speed drifts slows all of them; what counts
is the median of the ratios turn by turn.
"""

import os
import statistics
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path
from typing import NamedTuple

LIMIT = 15.0  # seconds, after which a peer is stopped
SLOW, FEW = 1.5, 2  # seconds, from which on a peer gets fewer turns; how many
PEERS = Path(__file__).parent / "peers"
# An installed program has its bytecode; so has this checkout from the first run on.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
ENVIRONMENT["CONVCLI_FSYNC"] = "0"  # no peer flushes the file that it replaces
CONVCLI = str(Path(sysconfig.get_path("scripts")) / "convcli")


class Row(NamedTuple):
    """One piece of work: our command and those of the peers, by name."""

    name: str
    ours: list[str]
    peers: dict[str, list[str]]


class Time(NamedTuple):
    """One run of a process; seconds of the clock and of the cores, and bytes."""

    seconds: float
    cpu: float
    peak: int


class Compared(NamedTuple):
    """Medians of a command, and how many times our time it takes."""

    seconds: float
    cpu: float
    peak: int
    ratio: float
    stopped: bool  # at the limit


def script(name: str, *args: str) -> list[str]:
    """Command that runs a peer's script."""
    return [sys.executable, str(PEERS / f"{name}.py"), *args]


def measure(command: list[str], limit: float | None = None) -> Time | None:
    """Run a command once to its end, or to a limit: then None."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=ENVIRONMENT
    )
    killer = threading.Timer(limit or 3600, process.kill)
    killer.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    killer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode == -9 and limit is not None:
        return None
    if process.returncode:
        raise SystemExit(f"failed: {' '.join(command)}")
    return Time(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def run_once(command: list[str]) -> Time:
    """Run a command that ends."""
    found = measure(command)
    assert found is not None
    return found


def compare(row: Row, runs: int) -> dict[str, Compared]:
    """Time the commands of a row, by name."""
    commands = {"convcli": row.ours, **row.peers}
    turns = {}
    stopped = set()
    for name, command in commands.items():  # warms the caches
        found = measure(command, LIMIT)
        if found is None:
            stopped.add(name)
        turns[name] = 0 if found is None else runs if found.seconds < SLOW else min(FEW, runs)
    times: dict[str, list[Time]] = {name: [] for name in commands}
    for turn in range(runs):
        for name, command in commands.items():
            if turn < turns[name]:
                times[name].append(run_once(command))
    ours = [found.seconds for found in times["convcli"]]
    compared = {}
    for name, found_ in times.items():
        if name in stopped:
            ratio = LIMIT / statistics.median(ours)
            compared[name] = Compared(LIMIT, LIMIT, 0, ratio, stopped=True)
            continue
        compared[name] = Compared(
            statistics.median(t.seconds for t in found_),
            statistics.median(t.cpu for t in found_),
            max(t.peak for t in found_),
            statistics.median(t.seconds / o for t, o in zip(found_, ours, strict=False)),
            stopped=False,
        )
    return compared

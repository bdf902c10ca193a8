"""Times whole commands side by side and writes the ratios as a table.

    python tests/bench/bench.py [--runs N] [PATTERN]

Commands of a row take turns, so that a machine whose speed drifts slows all of them; what counts
is the median of the ratios turn by turn. Needs the extra ``bench``.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

PEERS = Path(__file__).parent / "peers"
# An installed program has its bytecode; so has this checkout from the first run on.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
CONVCLI = str(Path(sysconfig.get_path("scripts")) / "convcli")


class Row(NamedTuple):
    """One piece of work: our command and those of the peers, by name."""

    name: str
    ours: list[str]
    peers: dict[str, list[str]]


class Time(NamedTuple):
    """One run of a process."""

    seconds: float
    peak: int  # bytes


def measure(command: list[str]) -> Time:
    """Run a command once to its end."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=ENVIRONMENT
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"failed: {' '.join(command)}")
    return Time(seconds, usage.ru_maxrss * 1024)


def compare(row: Row, runs: int) -> dict[str, tuple[float, float]]:
    """Time a row; returns for each command its median seconds and its ratio to ours."""
    commands = {"convcli": row.ours, **row.peers}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            seconds = measure(command).seconds
            if turn:  # the first warms the caches
                times[name].append(seconds)
    return {
        name: (
            statistics.median(found),
            statistics.median(t / o for t, o in zip(found, times["convcli"], strict=True)),
        )
        for name, found in times.items()
    }


def script(name: str, *args: str) -> list[str]:
    """Command that runs a peer's script."""
    return [sys.executable, str(PEERS / f"{name}.py"), *args]


def start_up() -> Iterator[Row]:
    """What the smallest commands cost."""
    hello = {"typer hello-world": script("hello")}
    yield Row("shape", [CONVCLI, *"shape -n 8 -f 3 -p 1 -s 2".split()], hello)


def images(folder: Path) -> Iterator[Row]:
    """One channel of float32 under square filters."""
    rng = np.random.default_rng(0)
    for n, f in ((8, 3), (1024, 3)):
        x, k, y = (str(folder / name) for name in (f"x{n}.npy", f"k{f}.npy", "y.npy"))
        np.save(x, rng.random((n, n), np.float32))
        np.save(k, rng.random((f, f), np.float32))
        peers = {
            "torch": script("torch_conv", x, k, y),
            "scipy.ndimage": script("scipy_ndimage", x, k, y),
            "scipy oaconvolve": script("scipy_oaconvolve", x, k, y),
            "OpenCV": script("opencv_filter", x, k, y),
        }
        yield Row(f"{n}², {f}×{f}", [CONVCLI, "run", x, "-k", k, "-p", "same", "-o", y], peers)


def sweep(runs: int) -> None:
    """Rows per second of a sweep, its start left out."""
    rows = 200_000
    for fmt in ("plain", "csv", "json"):
        command = [CONVCLI, "shape", "-f", "3", "--format", fmt, "-n"]
        pairs = [
            (measure([*command, f"3..{rows + 2}"]).seconds, measure([*command, "3"]).seconds)
            for _ in range(runs)
        ]
        speed = rows / statistics.median(long - short for long, short in pairs)
        print(f"sweep, {fmt}: {speed:,.0f} rows a second", flush=True)


def table(title: str, rows: Iterator[Row], runs: int, pattern: str) -> None:
    """Measure rows and write them as a Markdown table."""
    header: list[str] = []
    for row in rows:
        if pattern not in row.name:
            continue
        found = compare(row, runs)
        if list(found) != header:
            header = list(found)
            print(f"\n| {title} | " + " | ".join(header) + " |")
            print("|---" * (len(header) + 1) + "|")
        cells = [
            f"{seconds:.3f} s" if name == "convcli" else f"{seconds:.3f} s, {ratio:.2f}×"
            for name, (seconds, ratio) in found.items()
        ]
        print(f"| {row.name} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="counted runs of each command")
    parser.add_argument("pattern", nargs="?", default="", help="rows whose name contains this")
    args = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; ",
        end="",
    )
    print("seconds are medians, × is how many times as long as convcli (median of paired runs)")
    with tempfile.TemporaryDirectory() as folder:
        table("start", start_up(), args.runs, args.pattern)
        if args.pattern in "sweep":
            print()
            sweep(min(args.runs, 3))
        table("run", images(Path(folder)), args.runs, args.pattern)


if __name__ == "__main__":
    main()

"""Blocks of no work through a real scheduler: how many a second, and what memory they take.

    python tests/bench/simulate.py [--most 100000] [--single]

The driver sends blocks as `--scheduler` does, by `run/cluster/window.py`, to a scheduler and two
workers in processes of their own. With --single each block is a task of its own, as it is where
blocks take longer than a tenth of a second; else many small ones go together.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[2]))

from convcli.run.cluster import connect, window, worker
from convcli.run.compute.blocks import Block


def nothing() -> None:
    """Make what blocks share: nothing."""


def do(_made: None, number: int) -> int:
    """Do nothing for a block of 1024 by 1024 outputs but find where it is."""
    rows, columns = divmod(number, 1000)
    box = (range(rows << 10, (rows + 1) << 10), range(columns << 10, (columns + 1) << 10))
    return len(Block(box, box).output)


def start(module: str, *args: str) -> "subprocess.Popen[bytes]":
    """Start a part of the cluster."""
    path = os.pathsep.join([str(Path(__file__).parents[2]), str(Path(__file__).parent)])
    return subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{module}", *args],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


def megabytes(process: psutil.Process) -> float:
    """Measure the memory of a process."""
    return float(process.memory_full_info().uss) / 1e6


def main() -> None:
    """Measure, for ten times as many blocks each time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=100_000, help="blocks of the last row")
    parser.add_argument("--single", action="store_true", help="a task for each block")
    options = parser.parse_args()
    if options.single:
        window._MOST = 1
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "scheduler.json")
        common = ("--dashboard-address", "127.0.0.1:0")
        scheduler = start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", file,
            *common,
        )  # fmt: skip
        workers = start(
            "dask_worker", "--scheduler-file", file, "--nworkers", "2", "--nthreads", "1",
            "--local-directory", folder, *common,
        )  # fmt: skip
        try:
            measure(file, psutil.Process(scheduler.pid), options.most)
        finally:
            workers.terminate()
            scheduler.terminate()
            workers.wait()
            scheduler.wait()


def measure(file: str, scheduler: psutil.Process, most: int) -> None:
    """Send ever more blocks; of each row print what it took, and the memory at its end."""
    import json

    while not os.path.exists(file) or not os.path.getsize(file):
        time.sleep(0.1)
    address = json.loads(Path(file).read_text())["address"]
    me = psutil.Process()
    with connect.remote(address, print) as client:
        client.wait_for_workers(2)
        print("| blocks | blocks/s | ms of a core: driver | scheduler | driver MB | scheduler MB |")
        print("|---|---|---|---|---|---|")
        count = 1000
        while count <= most:
            shared = worker.Shared(f"n{count}", nothing, do, worker.versions())
            before = [sum(each.cpu_times()[:2]) for each in (me, scheduler)]
            begin, peaks, seen = time.perf_counter(), [0.0, 0.0], 0
            for _ in window.Window(client, shared, str).run(range(count), count):
                seen += 1
                if seen % max(count // 20, 1) == 0:
                    peaks = [
                        max(peak, megabytes(each))
                        for peak, each in zip(peaks, (me, scheduler), strict=True)
                    ]
            seconds = time.perf_counter() - begin
            assert seen == count
            spent = [
                (sum(each.cpu_times()[:2]) - was) / count * 1e3
                for each, was in zip((me, scheduler), before, strict=True)
            ]
            print(
                f"| {count:,} | {count / seconds:,.0f} | {spent[0]:.3f} | {spent[1]:.3f} "
                f"| {peaks[0]:.0f} | {peaks[1]:.0f} |",
                flush=True,
            )
            count *= 10


if __name__ == "__main__":
    # As a module with a name, whose functions workers find.
    import_module("simulate").main()

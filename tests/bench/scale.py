"""Stored arrays on a cluster: this command beside what users of Dask write, on the same workers.

    python -m tests.bench.scale [--rows 8192] [--turns 3] [--peer-turns 1] [--compressed]

Prints tables in Markdown. All runs use one scheduler and two workers of one thread; workers begin
anew before each run. Memory is the peak, over the run, of the sum of the proportional set sizes of
driver, scheduler and workers, and how much of it the cluster did not take before. Commands take
turns; medians are shown. The start of commands and workers is left out.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import zarr
from distributed import Client

from tests.bench.simulate import start

CONVCLI = str(Path(sysconfig.get_path("scripts")) / "convcli")
PEER = str(Path(__file__).parent / "peers" / "dask_overlap.py")
SIGMA = 5.0  # of gaussian:31
ENVIRONMENT = {**os.environ, "CONVCLI_FSYNC": "0", "OMP_NUM_THREADS": "1"}


class Run(NamedTuple):
    """What a run took."""

    seconds: float
    peak: float  # MB
    more: float  # MB, than the idle cluster


class Sampler:
    """Finds the peak of the memory of processes and their children, while it is open."""

    def __init__(self, roots: list[int]) -> None:
        self._roots = roots
        self._end = threading.Event()
        self.peak = 0.0

    def __enter__(self) -> "Sampler":
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._end.wait(0.1):
            self.peak = max(self.peak, memory_of(self._roots))


def memory_of(roots: list[int]) -> float:
    """Sum the memory of processes and their children, in MB."""
    total = 0
    for root in roots:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(root)
            for each in [process, *process.children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    total += each.memory_full_info().pss
    return total / 1e6


class Cluster(NamedTuple):
    """A scheduler and its workers."""

    address: str
    pids: list[int]
    client: Client

    def measure(self, command: list[str], seconds: Callable[[str], float]) -> Run:
        """Run a command on new workers."""
        self.client.restart()
        idle = memory_of(self.pids)
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
        with Sampler([*self.pids, process.pid]) as sampler:
            out, err = process.communicate()
        if process.returncode:
            raise SystemExit(f"{' '.join(command)}: {err[-2000:]}")
        return Run(seconds(out), sampler.peak, sampler.peak - idle)


@contextlib.contextmanager
def cluster(folder: str) -> Iterator[Cluster]:
    """Start a scheduler and two workers."""
    file = os.path.join(folder, "scheduler.json")
    common = ("--dashboard-address", "127.0.0.1:0")
    started = [
        start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", file,
            *common,
        ),
        start(
            "dask_worker", "--scheduler-file", file, "--nworkers", "2", "--nthreads", "1",
            "--local-directory", folder, *common,
        ),
    ]  # fmt: skip
    try:
        while not os.path.exists(file) or not os.path.getsize(file):
            time.sleep(0.1)
        address = json.loads(Path(file).read_text())["address"]
        with Client(address) as client:
            client.wait_for_workers(2)
            yield Cluster(address, [each.pid for each in started], client)
    finally:
        for each in reversed(started):
            each.terminate()
            each.wait()


def reported(out: str) -> float:
    """Read the seconds of a report."""
    return float(json.loads(out)["seconds"])


def of_clock(command: list[str]) -> float:
    """Run a command on this machine, and read the seconds of its report."""
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=True)
    return reported(done.stdout)


def whole(command: list[str]) -> float:
    """Time a command on this machine, its start and its files with it."""
    begin = time.perf_counter()
    subprocess.run(command, capture_output=True, env=ENVIRONMENT, check=True)
    return time.perf_counter() - begin


def copy(source: str, target: str) -> float:
    """Read and write an array chunk by chunk, as the library does."""
    x = zarr.open_array(source, mode="r")
    y = zarr.create_array(
        target, shape=x.shape, dtype=x.dtype, chunks=x.chunks, overwrite=True,
        compressors=x.compressors or None,
    )  # fmt: skip
    begin = time.perf_counter()
    for i in range(0, x.shape[0], x.chunks[0]):
        for j in range(0, x.shape[1], x.chunks[1]):
            where = (slice(i, i + x.chunks[0]), slice(j, j + x.chunks[1]))
            y[where] = x[where]
    return time.perf_counter() - begin


def check(ours: str, theirs: str) -> None:
    """Compare some rows of two outputs."""
    some = np.s_[1000:1100]
    a, b = (np.asarray(zarr.open_array(each, mode="r")[some]) for each in (ours, theirs))
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=8192, help="of the image; columns are 16384")
    parser.add_argument("--turns", type=int, default=3, help="runs of this command")
    parser.add_argument("--peer-turns", type=int, default=1, help="runs of each other one")
    parser.add_argument("--compressed", action="store_true", help="chunks by the library's default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        x = np.random.default_rng(0).integers(0, 1000, (options.rows, 16384)).astype("float32")
        compressors: Any = "auto" if options.compressed else None
        zarr.create_array(
            "x.zarr", shape=x.shape, dtype=x.dtype, chunks=(1024, 1024), compressors=compressors
        )[...] = x
        np.save("x.npy", x)
        del x
        filters = make_filters()
        with cluster(folder) as found:
            against_dask(found, filters, options)
        one_machine(filters, options)
        cost_of_a_block(options)


def make_filters() -> dict[str, tuple[str, str]]:
    """Make filters: by name, as this command takes them, and a file for the peers."""
    axis = np.exp(-0.5 * (np.arange(-15, 16) / SIGMA) ** 2)
    gaussian = np.outer(axis, axis) / axis.sum() ** 2
    np.save(f"gaussian-sigma{SIGMA}.npy", gaussian.astype("float32"))
    filters = {"gaussian:31": ("gaussian:31", f"gaussian-sigma{SIGMA}.npy")}
    for f in (3, 9):
        np.save(f"w{f}.npy", np.random.default_rng(f).random((f, f), dtype="float32") / f**2)
        filters[f"{f}x{f}"] = (f"w{f}.npy", f"w{f}.npy")
    return filters


def ours(filter_: str, *args: str, source: str = "x.zarr", target: str = "y.zarr") -> list[str]:
    """Write our command."""
    form = ["--format", "json", "-o", target]
    return [CONVCLI, "run", source, "-k", filter_, "-p", "same", *form, *args]


def against_dask(found: Cluster, filters: dict[str, tuple[str, str]], options: Any) -> None:
    """Compare with users' scripts on the same workers."""
    print("| filter | command | seconds | times | MB | times | MB more | times |")
    print("|---|---|---|---|---|---|---|---|")
    for name, (filter_, path) in filters.items():
        mine = ours(filter_, "--scheduler", found.address)
        runs: dict[str, list[Run]] = {"convcli": []}
        for turn in range(max(options.turns, options.peer_turns)):
            if turn < options.turns:
                runs["convcli"].append(found.measure(mine, reported))
            for library in ("scipy", "opencv", "dask-image")[: 2 if turn >= 1 else 3]:
                if turn >= options.peer_turns:
                    continue
                peer = [sys.executable, PEER, found.address, "x.zarr", "z.zarr", path, library]
                runs.setdefault(library, []).append(found.measure(peer, float))
                check("y.zarr", "z.zarr")
        base = middle(runs["convcli"])
        for command, each in runs.items():
            one = middle(each)
            print(
                f"| {name} | {command} | {one.seconds:.2f} | {one.seconds / base.seconds:.1f} "
                f"| {one.peak:.0f} | {one.peak / base.peak:.1f} "
                f"| {one.more:.0f} | {one.more / base.more:.1f} |",
                flush=True,
            )


def middle(runs: list[Run]) -> Run:
    """Take medians."""
    return Run(*(statistics.median(each) for each in zip(*runs, strict=True)))


def one_machine(filters: dict[str, tuple[str, str]], options: Any) -> None:
    """Compare two workers with one, and a command without workers with `.npy` and a copy."""
    print("\n| filter | 1 worker | 2 workers | times | here, whole | .npy, whole + copy | times |")
    print("|---|---|---|---|---|---|---|")
    for name, (filter_, _) in filters.items():
        rows: dict[str, list[float]] = {key: [] for key in ("1", "2", "here", "npy", "copy")}
        for _turn in range(options.turns):
            for count in ("1", "2"):
                rows[count].append(of_clock(ours(filter_, "--workers", count, "--threads", "1")))
            rows["here"].append(whole(ours(filter_)))
            rows["npy"].append(whole(ours(filter_, source="x.npy", target="y.npy")))
            rows["copy"].append(copy("x.zarr", "c.zarr"))
        took = {key: statistics.median(each) for key, each in rows.items()}
        both = took["npy"] + took["copy"]
        print(
            f"| {name} | {took['1']:.2f} | {took['2']:.2f} | {took['1'] / took['2']:.2f} "
            f"| {took['here']:.2f} | {took['npy']:.2f} + {took['copy']:.2f} "
            f"| {both / took['here']:.2f} |",
            flush=True,
        )


def cost_of_a_block(options: Any) -> None:
    """Cut one array in many blocks and in few: what each costs beside its work."""
    x = np.zeros((1024, 8192), "float32")
    zarr.create_array(
        "small.zarr", shape=x.shape, dtype=x.dtype, chunks=(32, 128), compressors=None
    )[...] = x
    found: dict[int, list[float]] = {}
    for _turn in range(options.turns):
        for memory in ("1", "64M"):
            command = ours("box:3", "--workers", "1", "--memory", memory, source="small.zarr")
            report = json.loads(
                subprocess.run(command, capture_output=True, env=ENVIRONMENT, check=True).stdout
            )
            found.setdefault(report["blocks"]["total"], []).append(float(report["seconds"]))
    few, many = sorted(found)
    each = (statistics.median(found[many]) - statistics.median(found[few])) / (many - few)
    print(f"\nEach of {many} blocks instead of {few}: {each * 1e3:.2f} ms beside its work.")


if __name__ == "__main__":
    main()

"""Stored arrays on a cluster: this command beside what users of Dask write, on the same workers.

    python -m tests.bench.scale [--rows 8192] [--turns 3] [--compressed]

Prints tables in Markdown. All runs use one scheduler and two workers of one thread, which start
again before each run. Commands take turns; medians are shown. The start of commands and workers is
left out of the seconds. Memory is measured in turns of its own, as it takes a fifth of a core: the
peak, over the run, of the sum of the proportional set sizes of driver, scheduler and workers; how
much of it the cluster did not take before; and how much more that is than for an array of one
chunk of 64x64, which needs the same libraries: what the data take. How many times as fast two
workers are as one stands beside the same for two processes that only copy the chunks.
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
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import zarr
from distributed import Client

from tests.bench.simulate import start

CONVCLI = str(Path(sysconfig.get_path("scripts")) / "convcli")
ROOT = Path(__file__).parents[2]
PEER = str(Path(__file__).parent / "peers" / "dask_overlap.py")
SIGMA = 5.0  # of gaussian:31
SMALL = "small.zarr"
ENVIRONMENT = {**os.environ, "CONVCLI_FSYNC": "0", "OMP_NUM_THREADS": "1"}


class Run(NamedTuple):
    """What a run took."""

    seconds: float
    peak: float  # MB
    more: float  # MB, than the idle cluster
    data: float  # MB, more than for a single small chunk


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

    def measure(self, command: "Command", data: str) -> Run:
        """Run a command on new workers: to time it, for its memory, and on a small array."""
        self.client.restart()
        seconds = command.seconds(output_of(command.words(data)))
        peak, more = self._memory(command.words(data))
        _, least = self._memory(command.words(SMALL))
        return Run(seconds, peak, more, more - least)

    def _memory(self, words: list[str]) -> tuple[float, float]:
        """Find the peak of the memory of a command and the cluster, and its part of that."""
        self.client.restart()
        idle = memory_of(self.pids)
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, env=ENVIRONMENT) as process:
            with Sampler([*self.pids, process.pid]) as sampler:
                process.wait()
            if process.returncode:
                raise SystemExit(f"failed: {' '.join(words)}")
        return sampler.peak, sampler.peak - idle


class Command(NamedTuple):
    """A command for an array, and how to read the seconds that it prints."""

    words: Callable[[str], list[str]]
    seconds: Callable[[str], float]


def output_of(words: list[str]) -> str:
    """Run a command, and return what it prints."""
    done = subprocess.run(words, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stderr[-2000:]}")
    return done.stdout


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
    return reported(output_of(command))


def whole(command: list[str]) -> float:
    """Time a command on this machine, its start and its files with it."""
    begin = time.perf_counter()
    output_of(command)
    return time.perf_counter() - begin


def copy(source: str, target: str) -> float:
    """Read and write an array chunk by chunk, as the library does."""
    x, y = zarr.open_array(source, mode="r"), new_like(source, target)
    begin = time.perf_counter()
    copy_rows(x, y, range(x.shape[0] // x.chunks[0]))
    return time.perf_counter() - begin


def new_like(source: str, target: str) -> Any:
    """Make an array that is stored as another one is."""
    x = zarr.open_array(source, mode="r")
    return zarr.create_array(
        target, shape=x.shape, dtype=x.dtype, chunks=x.chunks, overwrite=True,
        compressors=x.compressors or None,
    )  # fmt: skip


def copy_rows(x: Any, y: Any, rows: range) -> None:
    """Copy some rows of chunks."""
    high, wide = x.chunks
    for i in rows:
        for j in range(0, x.shape[1], wide):
            where = (slice(i * high, (i + 1) * high), slice(j, j + wide))
            y[where] = x[where]


def check(ours: str, theirs: str) -> None:
    """Compare some rows of two outputs."""
    some = np.s_[1000:1100]
    a, b = (np.asarray(zarr.open_array(each, mode="r")[some]) for each in (ours, theirs))
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=8192, help="of the image; columns are 16384")
    parser.add_argument("--turns", type=int, default=3, help="runs of each command")
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
        small = zarr.create_array(
            SMALL, shape=(64, 64), dtype=x.dtype, chunks=(64, 64), compressors=compressors
        )
        small[...] = x[:64, :64]
        del x
        filters = make_filters()
        with cluster(folder) as found:
            against_dask(found, filters, options)
        one_machine(filters, options)
        copying(options)
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
    print("| filter | command | seconds | times | MB | times | MB more | times | MB data | times |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, (filter_, path) in filters.items():
        commands = {"convcli": Command(partial(_on_cluster, found.address, filter_), reported)}
        for library in ("scipy", "opencv", "dask-image"):
            commands[library] = Command(partial(_peer, found.address, path, library), float)
        runs: dict[str, list[Run]] = {who: [] for who in commands}
        for _turn in range(options.turns):
            for who, command in commands.items():
                runs[who].append(found.measure(command, "x.zarr"))
        output_of(commands["convcli"].words("x.zarr"))
        for who in list(commands)[1:]:
            output_of(commands[who].words("x.zarr"))
            check("y.zarr", "z.zarr")
        base = middle(runs["convcli"])
        for who, each in runs.items():
            one = middle(each)
            cells = [
                f"{value:.{digits}f} | {value / of:.1f}"
                for value, of, digits in zip(one, base, (2, 0, 0, 0), strict=True)
            ]
            print(f"| {name} | {who} | {' | '.join(cells)} |", flush=True)


def _on_cluster(address: str, filter_: str, source: str) -> list[str]:
    return ours(filter_, "--scheduler", address, source=source)


def _peer(address: str, path: str, library: str, source: str) -> list[str]:
    return [sys.executable, PEER, address, source, "z.zarr", path, library]


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


COPY = """
import sys, time, zarr
from tests.bench.scale import copy_rows
x, y = zarr.open_array("x.zarr", mode="r"), zarr.open_array("c.zarr")
rows = range(int(sys.argv[1]), x.shape[0] // x.chunks[0], int(sys.argv[2]))
copy_rows(x, y, rows[:1])
print("ready", flush=True)
input()
begin = time.perf_counter()
copy_rows(x, y, rows)
print(time.perf_counter() - begin)
"""


def copying(options: Any) -> None:
    """Measure what two processes copy that do nothing else: it bounds what two workers do."""

    def seconds(count: int) -> float:
        new_like("x.zarr", "c.zarr")
        started = [
            subprocess.Popen(
                [sys.executable, "-c", COPY, str(k), str(count)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                env={**ENVIRONMENT, "PYTHONPATH": str(ROOT), "ZARR_THREADING__MAX_WORKERS": "1"},
            )
            for k in range(count)
        ]  # fmt: skip
        for process in started:
            assert process.stdout is not None
            process.stdout.readline()
        for process in started:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        return max(float(process.communicate()[0]) for process in started)

    gain = statistics.median(seconds(1) / seconds(2) for _turn in range(2 * options.turns))
    print(f"\nTwo processes that only copy chunks take 1/{gain:.2f} of the time of one.")


def cost_of_a_block(options: Any) -> None:
    """Cut one array in many blocks and in few: what each costs beside its work."""
    x = np.zeros((1024, 8192), "float32")
    zarr.create_array(
        "many.zarr", shape=x.shape, dtype=x.dtype, chunks=(32, 128), compressors=None
    )[...] = x
    found: dict[int, list[float]] = {}
    for _turn in range(options.turns):
        for memory in ("1", "64M"):
            command = ours("box:3", "--workers", "1", "--memory", memory, source="many.zarr")
            report = json.loads(output_of(command))
            found.setdefault(report["blocks"]["total"], []).append(float(report["seconds"]))
    few, many = sorted(found)
    each = (statistics.median(found[many]) - statistics.median(found[few])) / (many - few)
    print(f"\nEach of {many} blocks instead of {few}: {each * 1e3:.2f} ms beside its work.")


if __name__ == "__main__":
    main()

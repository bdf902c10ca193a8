"""Times whole commands side by side and writes the ratios as tables.

    python tests/bench/bench.py [--runs N] [--tables start,images,layers,files] [PATTERN]

Commands of a row take turns, so that a machine whose speed drifts slows all of them; what counts
is the median of the ratios turn by turn. A peer that takes longer than `LIMIT` seconds is run once.
Needs the extra ``bench``, and ``vips`` where it is to be a peer.
"""

import argparse
import importlib.metadata
import os
import platform
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

LIMIT = 15.0  # seconds
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
    """One run of a process."""

    seconds: float
    peak: int  # bytes


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
    return Time(seconds, usage.ru_maxrss * 1024)


def seconds_of(command: list[str]) -> float:
    """Seconds of a command that ends."""
    found = measure(command)
    assert found is not None
    return found.seconds


def compare(row: Row, runs: int) -> dict[str, tuple[float, float]]:
    """Time a row; returns for each command its median seconds and its ratio to ours."""
    commands = {"convcli": row.ours, **row.peers}
    times: dict[str, list[float]] = {name: [] for name in commands}
    slow: dict[str, float] = {}
    for name, command in commands.items():  # warms the caches
        found = measure(command, LIMIT)
        if found is None:
            slow[name] = LIMIT
    for _ in range(runs):
        for name, command in commands.items():
            if name not in slow:
                times[name].append(seconds_of(command))
    ours = statistics.median(times["convcli"])
    return {
        name: (slow[name], slow[name] / ours)
        if name in slow
        else (
            statistics.median(found),
            statistics.median(t / o for t, o in zip(found, times["convcli"], strict=True)),
        )
        for name, found in times.items()
    }


def script(name: str, *args: str) -> list[str]:
    """Command that runs a peer's script."""
    return [sys.executable, str(PEERS / f"{name}.py"), *args]


def start_up(_folder: Path) -> Iterator[Row]:
    """What the smallest commands cost."""
    hello = {"typer hello-world": script("hello")}
    yield Row("shape", [CONVCLI, *"shape -n 8 -f 3 -p 1 -s 2".split()], hello)
    yield Row("run --help", [CONVCLI, "run", "--help"], hello)


def images(folder: Path) -> Iterator[Row]:
    """One channel under one filter."""
    work: list[tuple[str, tuple[int, ...], Any, dict[str, Any]]] = [
        ("8², 3×3", (8, 8), (3, 3), {}),
        ("1024², 3×3", (1024, 1024), (3, 3), {}),
        ("1024², 9×9", (1024, 1024), (9, 9), {}),
        ("1024², 31×31", (1024, 1024), (31, 31), {}),
        ("4096², 3×3", (4096, 4096), (3, 3), {}),
        ("4096², 9×9", (4096, 4096), (9, 9), {}),
        ("4096², 31×31", (4096, 4096), (31, 31), {}),
        ("4096², 101×101", (4096, 4096), (101, 101), {}),
        ("4096² uint8, integer 5×5", (4096, 4096), (5, 5), {"int": True}),
        ("4096², gaussian:31", (4096, 4096), "gaussian:31", {}),
        ("192³, 5×5×5", (192, 192, 192), (5, 5, 5), {}),
        ("4096², 3×3, stride 2", (4096, 4096), (3, 3), {"s": 2}),
        ("4096², 3×3, dilation 4", (4096, 4096), (3, 3), {"d": 4}),
    ]
    rng = np.random.default_rng(0)
    x, k, y = (folder / f"{name}.npy" for name in "xky")
    for name, n, f, options in work:
        whole = "int" in options
        data = rng.integers(0, 256, n, np.uint8) if whole else rng.random(n, np.float32)
        if isinstance(f, str):
            from convcli.arrays.filters import named

            kernel = named(f).astype(np.float32)
        else:
            kernel = rng.integers(-4, 5, f) if whole else rng.random(f, np.float32)
        np.save(x, data)
        np.save(k, kernel)
        s, d = options.get("s", 1), options.get("d", 1)
        pad = d * (kernel.shape[0] - 1) // 2
        words = [str(path) for path in (x, k, y)]
        extra = [f"s={s}", f"d={d}"] + ["int=1"] * whole
        peers = {
            "torch": script("torch_conv", *words, *extra, f"p={pad}"),
            "scipy.ndimage": script("scipy_ndimage", *words, *extra),
            "scipy oaconvolve": script("scipy_oaconvolve", *words, *extra),
        }
        if len(n) == 2:
            peers["OpenCV"] = script("opencv_filter", *words, *extra)
            if s == d == 1 and shutil.which("vips"):
                peers["vips"] = _vips(folder, data, kernel, whole)
        command = [CONVCLI, "run", words[0], "-k", words[1], "-o", words[2], "-p", str(pad)]
        yield Row(name, [*command, "-s", str(s), "-d", str(d)], peers)


def _vips(folder: Path, data: Any, kernel: Any, whole: bool) -> list[str]:
    """Prepare the same pixels as vips has them; its borders repeat the edge."""
    raw, image, mask = folder / "x.raw", folder / "x.v", folder / "k.mat"
    data.tofile(raw)
    kind = "uchar" if whole else "float"
    height, width = data.shape
    subprocess.run(
        ["vips", "rawload", raw, image, str(width), str(height), "1", "--format", kind], check=True
    )
    rows = "\n".join(" ".join(map(str, row)) for row in kernel.tolist())
    mask.write_text(f"{kernel.shape[1]} {kernel.shape[0]}\n{rows}\n")
    precision = "integer" if whole else "float"
    return ["vips", "conv", str(image), str(folder / "y.v"), str(mask), "--precision", precision]


def layers(folder: Path) -> Iterator[Row]:
    """Layers of networks, with channels."""
    work: list[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, int]]] = [
        ("1×64×56² ⋆ 64×64×3²", (1, 64, 56, 56), (64, 64, 3, 3), {"p": 1}),
        ("8×256×14² ⋆ 256×256×3²", (8, 256, 14, 14), (256, 256, 3, 3), {"p": 1}),
        ("1×3×224² ⋆ 64×3×7², stride 2", (1, 3, 224, 224), (64, 3, 7, 7), {"p": 3, "s": 2}),
        ("1×128×112², depthwise 3×3", (1, 128, 112, 112), (128, 1, 3, 3), {"p": 1, "g": 128}),
        (
            "1×64×56² ⋆ᵀ 64×32×4², stride 2",
            (1, 64, 56, 56),
            (64, 32, 4, 4),
            {"p": 1, "s": 2, "t": 1},
        ),
    ]
    rng = np.random.default_rng(0)
    x, k, y = (folder / f"{name}.npy" for name in "xky")
    for name, n, f, options in work:
        np.save(x, rng.random(n, np.float32))
        np.save(k, rng.random(f, np.float32))
        words = [str(path) for path in (x, k, y)]
        command = [CONVCLI, "run", words[0], "-k", words[1], "-o", words[2]]
        for key, value in options.items():
            command += ["--transposed"] if key == "t" else [f"-{key}", str(value)]
        extra = [f"{key}={value}" for key, value in options.items()]
        yield Row(name, command, {"torch": script("torch_conv", *words, *extra)})


def files(folder: Path) -> Iterator[Row]:
    """Many small arrays, in files and in a pipe; each run writes into a directory of its own.

    A file system may take long to make files where many have just been removed.
    """
    (folder / "in").mkdir()
    rng = np.random.default_rng(0)
    for i in range(1000):
        np.save(folder / "in" / f"{i:03}.npy", rng.random((128, 128), np.float32))
    inputs = f"{folder}/in/*.npy"
    loop = f"exec {' '.join(script('opencv_files'))} {folder}/$$ {inputs}"
    peers = {"OpenCV": ["bash", "-c", loop]}
    blur = "-k gaussian:5 -p 2"
    ours = f"exec {CONVCLI} run {inputs} {blur} -o {folder}/$$/"
    yield Row("1000 files of 128²", ["bash", "-c", ours], peers)
    piped = f"cat {inputs} | {CONVCLI} run {blur} > {folder}/$$.npy"
    yield Row("the same in a pipe", ["bash", "-c", piped], peers)


def sweep(runs: int) -> None:
    """Rows per second of a sweep, its start left out."""
    rows = 200_000
    for fmt in ("plain", "csv", "json"):
        command = [CONVCLI, "shape", "-f", "3", "--format", fmt, "-n"]
        spent = statistics.median(
            seconds_of([*command, f"3..{rows + 2}"]) - seconds_of([*command, "3"])
            for _ in range(runs)
        )
        print(f"sweep, {fmt}: {rows / spent:,.0f} rows a second", flush=True)


def growth(folder: Path, runs: int) -> None:
    """How time grows with the image, and what a second thread adds.

    The output is thrown away: what a file system takes to store it is not ours, and not linear.
    """
    x, k = folder / "x.npy", folder / "k.npy"
    blur = "[[1,2,1],[2,4,2],[1,2,1]]"
    pixels, spent = [], []
    for side in (1024, 2048, 4096, 8192, 16384):
        np.save(x, np.random.default_rng(0).random((side, side), np.float32))
        command = [CONVCLI, "run", str(x), "-k", blur, "-p", "1", "-o", os.devnull]
        seconds_of(command)  # warms the caches
        pixels.append(side**2 / 2**20)
        spent.append(statistics.median(seconds_of(command) for _ in range(runs)))
    rate, start = np.polyfit(pixels, spent, 1, w=1 / np.array(spent))
    print("| 3×3, output thrown away | convcli | off the straight line |")
    print("|---|---|---|")
    for size, seconds in zip(pixels, spent, strict=True):
        line = start + rate * size
        side = round((size * 2**20) ** 0.5)
        print(f"| {side}² | {seconds:.3f} s | {(seconds / line - 1) * 100:+.0f} % |")
    print(f"\nThe line: {start:.3f} s, and {rate * 1e3:.2f} ms for each 2²⁰ pixels.", flush=True)
    np.save(x, np.random.default_rng(0).random((4096, 4096), np.float32))
    np.save(k, np.random.default_rng(0).random((31, 31), np.float32))
    command = [CONVCLI, "run", "-k", str(k), "-o", os.devnull, "--threads"]
    start = statistics.median(seconds_of([*command, "1", "ones:31x31"]) for _ in range(runs))
    pairs = [[seconds_of([*command, n, str(x)]) - start for n in "12"] for _ in range(runs)]
    gain = statistics.median(one / two for one, two in pairs)
    print(f"4096², 31×31: 2 threads are {gain:.2f} times as fast as 1, the start left out")


def memory(folder: Path) -> None:
    """Peak memory of a process whose input is larger, from a file and from a pipe."""
    x, y = folder / "x.npy", folder / "y.npy"
    rows, columns = 65536, 16384
    # Written in small parts: a process starts with the peak of the one that it comes from.
    block = np.random.default_rng(0).random((64, columns), np.float32).tobytes()
    header = {"descr": "<f4", "fortran_order": False, "shape": (rows, columns)}
    with x.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for _ in range(0, rows, 64):
            stream.write(block)
    small = measure([CONVCLI, "run", "rand:8x8", "-k", "gaussian:31", "-p", "15", "-o", str(y)])
    words = ["-k", "gaussian:31", "-p", "15"]
    large = measure([CONVCLI, "run", str(x), *words, "-o", str(y)])
    piped = f"cat {x} | {{ {CONVCLI} run {' '.join(words)} > {y}; }}"
    through = measure(["bash", "-c", piped])
    assert small is not None
    assert large is not None
    assert through is not None
    size = rows * columns * 4 / 2**30
    for name, found in (("8²", small), (f"{size:g} GiB", large), (f"{size:g} GiB, piped", through)):
        print(f"gaussian:31 on {name}: peak {found.peak / 2**20:.0f} MB, {found.seconds:.1f} s")


def table(title: str, rows: Iterator[Row], runs: int, pattern: str) -> None:
    """Measure rows and write them as a Markdown table."""
    header: list[str] = []
    for row in rows:
        if pattern not in row.name:
            continue
        found = compare(row, runs)
        if not header:
            header = list(found)
            print(f"\n| {title} | " + " | ".join(header) + " |")
            print("|---" * (len(header) + 1) + "|")
        cells = []
        for name in header:
            seconds, ratio = found.get(name, (0.0, 0.0))
            over = "> " if seconds == LIMIT else ""
            ours = f"{seconds:.3f} s"
            cells.append(ours if name == "convcli" else f"{over}{ratio:.2f}" if seconds else "")
        print(f"| {row.name} | " + " | ".join(cells) + " |", flush=True)


def versions() -> str:
    """Name the machine and what was measured."""
    names = ("numpy", "torch", "scipy", "opencv-python-headless", "typer")
    found = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    if shutil.which("vips"):
        said = subprocess.run(["vips", "--version"], capture_output=True, text=True, check=True)
        found += f", {said.stdout.split()[0]}"
    cores = f"{platform.machine()}, {os.cpu_count()} cores"
    return f"{cores}, Python {platform.python_version()}, {found}"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="counted runs of each command")
    parser.add_argument("--tables", default="start,sweep,images,layers,files,growth,memory")
    parser.add_argument("pattern", nargs="?", default="", help="rows whose name contains this")
    args = parser.parse_args()
    print(versions())
    print("convcli: median seconds; others: how many times as long (median of paired runs)")
    tables = args.tables.split(",")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "memory" in tables:  # first: a process starts with the peak of the one it comes from
            memory(folder)
        tabled = {"start": start_up, "images": images, "layers": layers, "files": files}
        for title, rows in tabled.items():
            if title in tables:
                table(title, rows(folder), args.runs, args.pattern)
        print()
        if "sweep" in tables:
            sweep(min(args.runs, 3))
        if "growth" in tables:
            growth(folder, args.runs)


if __name__ == "__main__":
    main()

"""Times whole commands beside what a user would take instead; prints JSON lines.

    python -m tests.bench.commands [--runs N] [--tables NAME,...] [--avx2] [PATTERN]

A peer that takes longer than `processes.LIMIT` seconds is run once. Needs the extra ``bench``;
``vips``, ``sox`` and ``astconvolve`` are peers where they are installed. No array is made in this
process: a process starts with the peak memory of the one that it comes from.
"""

import argparse
import os
import shlex
import shutil
import statistics
import struct
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.bench.processes import CONVCLI, Compared, Row, compare, run_once, script
from tests.bench.records import emit, emit_machine, hold_to_avx2

MANY = 1000  # files


def in_child(make: Callable[..., None], *args: Any) -> None:
    """Call a function in a process of its own, and wait for it."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            make(*args)
            status = 0
        finally:
            os._exit(status)
    if os.waitpid(pid, 0)[1]:
        raise SystemExit(f"failed: {make.__name__}{args}")


def save_random(
    path: Path, shape: tuple[int, ...], dtype: str = "f4", low: int = 0, high: int = 256
) -> None:
    """Save random numbers: from 0 to 1, or integers."""
    import numpy as np

    rng = np.random.default_rng(0)
    whole = np.dtype(dtype).kind in "iu"
    kind = np.dtype(dtype).type
    np.save(path, rng.integers(low, high, shape, kind) if whole else rng.random(shape, np.float32))


def save_filter(path: Path, name: str) -> None:
    """Save a named filter as float32."""
    import numpy as np

    from convcli.arrays.named.filters import named

    np.save(path, named(name).astype(np.float32))


def start(folder: Path) -> Iterator[Row]:
    """What the smallest commands cost."""
    x, k = folder / "x.npy", folder / "k.npy"
    in_child(save_random, x, (8, 8))
    in_child(save_random, k, (3, 3))
    hello = {"typer hello-world": script("hello")}
    yield Row("shape", [CONVCLI, *"shape -n 8 -f 3 -p 1 -s 2".split()], hello)
    yield Row("run --help", [CONVCLI, "run", "--help"], hello)
    yield Row(
        "run on 8²",
        [CONVCLI, "run", str(x), "-k", str(k), "-o", os.devnull],
        {"import typer, numpy": script("imports")},
    )


def images(folder: Path) -> Iterator[Row]:
    """One channel under one filter."""
    work: list[tuple[str, tuple[int, ...], tuple[int, ...] | str, dict[str, Any]]] = [
        ("8², 3×3", (8, 8), (3, 3), {}),
        ("1024², 3×3", (1024, 1024), (3, 3), {}),
        ("1024², 9×9", (1024, 1024), (9, 9), {}),
        ("1024², 31×31", (1024, 1024), (31, 31), {}),
        ("4096², 3×3", (4096, 4096), (3, 3), {}),
        ("4096², 9×9", (4096, 4096), (9, 9), {}),
        ("4096², 31×31", (4096, 4096), (31, 31), {}),
        ("4096², 101×101", (4096, 4096), (101, 101), {}),
        ("4096² uint8, integer 5×5", (4096, 4096), (5, 5), {"int": True}),
        ("4096², gaussian:9", (4096, 4096), "gaussian:9", {}),
        ("4096², gaussian:31", (4096, 4096), "gaussian:31", {}),
        ("192³, 5×5×5", (192, 192, 192), (5, 5, 5), {}),
        ("4096², 3×3, stride 2", (4096, 4096), (3, 3), {"s": 2}),
        ("4096², 3×3, dilation 4", (4096, 4096), (3, 3), {"d": 4}),
    ]
    x, k, y = (folder / f"{name}.npy" for name in "xky")
    for name, n, f, options in work:
        whole = "int" in options
        in_child(save_random, x, n, "u1" if whole else "f4")
        if isinstance(f, str):
            in_child(save_filter, k, f)
        else:
            in_child(save_random, k, f, "i8" if whole else "f4", -4, 5)
        side = int(f.partition(":")[2]) if isinstance(f, str) else f[0]
        s, d = options.get("s", 1), options.get("d", 1)
        pad = d * (side - 1) // 2
        words = [str(path) for path in (x, k, y)]
        blur = isinstance(f, str)
        extra = [f"s={s}", f"d={d}"] + ["int=1"] * whole + ["blur=1"] * blur
        peers = {
            "torch": script("torch_conv", *words, *extra, f"p={pad}"),
            "scipy.ndimage": script("scipy_ndimage", *words, *extra),
            "scipy oaconvolve": script("scipy_oaconvolve", *words, *extra),
        }
        if len(n) == 2:
            peers["OpenCV"] = script("opencv_filter", *words, *extra)
            if s == d == 1 and shutil.which("vips"):
                peers["vips"] = _vips(folder, whole, blur)
            if n[0] == 4096 and s == d == 1 and not whole and shutil.which("astconvolve"):
                peers["astconvolve"] = _astconvolve(folder)
        command = [CONVCLI, "run", words[0], "-k", words[1], "-o", words[2], "-p", str(pad)]
        yield Row(name, [*command, "-s", str(s), "-d", str(d)], peers)


def large(folder: Path) -> Iterator[Row]:
    """One channel of 1 GiB, where the start counts for nothing; OpenCV alone keeps up."""
    x, k, y = (folder / f"{name}.npy" for name in "xky")
    in_child(save_random, x, (16384, 16384))
    for f in (3, 9):
        in_child(save_random, k, (f, f))
        words = [str(path) for path in (x, k, y)]
        command = [CONVCLI, "run", words[0], "-k", words[1], "-o", words[2], "-p", str(f // 2)]
        yield Row(
            f"16384², {f}×{f}", command, {"OpenCV": script("opencv_filter", *words, "s=1", "d=1")}
        )


def _vips(folder: Path, whole: bool, blur: bool) -> list[str]:
    """Prepare the same pixels as vips has them; its borders repeat the edge."""
    raw, image, mask = folder / "x.raw", folder / "x.v", folder / "k.mat"

    def prepare() -> None:
        import numpy as np

        data, kernel = np.load(folder / "x.npy"), np.load(folder / "k.npy")
        if blur:
            kernel = kernel.sum(0, keepdims=True)
        data.tofile(raw)
        height, width = data.shape
        kind = "uchar" if whole else "float"
        load = ["vips", "rawload", raw, image, width, height, 1, "--format", kind]
        run_once([str(word) for word in load])
        rows = "\n".join(" ".join(map(str, row)) for row in kernel.tolist())
        mask.write_text(f"{kernel.shape[1]} {kernel.shape[0]}\n{rows}\n")

    in_child(prepare)
    precision = "integer" if whole else "float"
    method = "convsep" if blur else "conv"
    return ["vips", method, str(image), str(folder / "y.v"), str(mask), "--precision", precision]


def _astconvolve(folder: Path) -> list[str]:
    """Prepare the same pixels as FITS files; astconvolve divides by the weights in reach."""

    def prepare() -> None:
        import numpy as np

        for name in "xk":
            data = np.load(folder / f"{name}.npy").astype(">f4")
            cards = ["SIMPLE  =                    T", "BITPIX  =                  -32"]
            sizes = data.shape[::-1]
            cards += [f"NAXIS   = {len(sizes):20}"]
            cards += [f"NAXIS{i + 1}  = {size:20}" for i, size in enumerate(sizes)]
            header = "".join(card.ljust(80) for card in [*cards, "END"]).ljust(2880)
            body = data.tobytes()
            (folder / f"{name}.fits").write_bytes(header.encode() + body + bytes(-len(body) % 2880))

    in_child(prepare)
    words = f"astconvolve {folder}/x.fits --hdu=0 --kernel={folder}/k.fits --khdu=0 --quiet"
    return shlex.split(f"{words} --nokernelflip --domain=spatial --output={folder}/y.fits")


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
    x, k, y = (folder / f"{name}.npy" for name in "xky")
    for name, n, f, options in work:
        in_child(save_random, x, n)
        in_child(save_random, k, f)
        words = [str(path) for path in (x, k, y)]
        command = [CONVCLI, "run", words[0], "-k", words[1], "-o", words[2]]
        for key, value in options.items():
            command += ["--transposed"] if key == "t" else [f"-{key}", str(value)]
        extra = [f"{key}={value}" for key, value in options.items()]
        yield Row(name, command, {"torch": script("torch_conv", *words, *extra)})


def many(folder: Path) -> Iterator[Row]:
    """Many small arrays, as files and as one stream.

    Each run writes to a folder of its own: ext4 takes long to make files where many have just been
    replaced or removed.
    """
    inputs = folder / "many"
    inputs.mkdir()

    def prepare(side: int, count: int, path: Path) -> None:
        import numpy as np

        rng = np.random.default_rng(0)
        with path.open("wb") as stream:
            for i in range(count):
                array = rng.random((side, side), np.float32)
                np.save(stream, array)
                if count == MANY:
                    np.save(inputs / f"{i:04}.npy", array)

    stream, tiny = folder / "stream.npy", folder / "tiny.npy"
    in_child(prepare, 128, MANY, stream)
    loop = " ".join(script("opencv_many", str(inputs), f"{folder}/peer"))
    peer = ["sh", "-c", f"exec {loop}$$"]
    words = "-k gaussian:5 -p 2"
    files = f"cd {inputs} && exec {CONVCLI} run *.npy {words} -o {folder}/ours$$/"
    yield Row(f"{MANY} files of 128², gaussian:5", ["sh", "-c", files], {"OpenCV": peer})
    piped = f"cat {stream} | {CONVCLI} run {words} > {folder}/y.npy"
    yield Row(f"the same as one stream, {MANY} files for OpenCV", ["sh", "-c", piped],
              {"OpenCV": peer})  # fmt: skip
    in_child(prepare, 8, 100_000, tiny)
    piped = f"cat {tiny} | {CONVCLI} run {words} > {folder}/y.npy"
    peer = script("opencv_stream", str(tiny), str(folder / "p.npy"))
    yield Row("100,000 arrays of 8² in a stream, gaussian:5", ["sh", "-c", piped], {"OpenCV": peer})


def lines(folder: Path) -> Iterator[Row]:
    """Ten minutes of sound under a filter of 1023 taps."""
    x, k, y = (folder / f"{name}.npy" for name in "xky")
    raw, taps = folder / "x.f32", folder / "k.txt"

    def prepare() -> None:
        import numpy as np

        rng = np.random.default_rng(0)
        data = (rng.random(26_460_000, np.float32) - 0.5) / 100
        weights = rng.random(1023, np.float32)
        np.save(x, data)
        np.save(k, weights)
        data.tofile(raw)
        np.savetxt(taps, weights)

    in_child(prepare)
    peers = {"scipy oaconvolve": script("scipy_oaconvolve", str(x), str(k), str(y), "s=1", "d=1")}
    if shutil.which("sox"):
        sound = "-t f32 -r 44100 -c 1"
        command = f"sox -V1 -D {sound} {raw} {sound} {folder}/y.f32 fir {taps}"
        peers["sox"] = shlex.split(command)
    command_ = [CONVCLI, "run", str(x), "-k", str(k), "-p", "511", "-o", str(y)]
    yield Row("26,460,000 numbers, 1023 taps", command_, peers)


def sweep(runs: int) -> None:
    """Rows per second of a sweep, its start left out."""
    rows = 200_000
    for fmt in ("plain", "csv", "json"):
        command = [CONVCLI, "shape", "-f", "3", "--format", fmt, "-n"]
        spent = statistics.median(
            run_once([*command, f"3..{rows + 2}"]).seconds - run_once([*command, "3"]).seconds
            for _ in range(runs)
        )
        emit("facts", f"sweep, {fmt}", value=f"{rows / spent:,.0f} rows a second")


def growth(folder: Path, runs: int) -> None:
    """How time grows with the image, and what a second thread adds.

    The output is thrown away: what a file system takes to store it is not ours, and not linear.
    """
    x, k = folder / "x.npy", folder / "k.npy"
    blur = "[[1,2,1],[2,4,2],[1,2,1]]"
    sides = (1024, 2048, 4096, 8192, 16384)
    spent = {}
    for side in sides:
        in_child(save_random, x, (side, side))
        command = [CONVCLI, "run", str(x), "-k", blur, "-p", "1", "-o", os.devnull]
        run_once(command)  # warms the caches
        spent[side] = statistics.median(run_once(command).seconds for _ in range(runs))
    first, last = sides[0], sides[-1]
    rate = (spent[last] - spent[first]) / (last**2 - first**2)
    for side, seconds in spent.items():
        line = spent[first] + rate * (side**2 - first**2)
        emit("growth", f"{side}²", seconds=seconds, off=seconds / line - 1)
    for side, f in ((4096, 31), (4096, 101)):
        in_child(save_random, x, (side, side))
        in_child(save_random, k, (f, f))
        command = [CONVCLI, "run", "-k", str(k), "-o", os.devnull, "--threads"]
        small = [*command, "1", f"ones:{f}x{f}"]
        start_ = statistics.median(run_once(small).seconds for _ in range(runs))
        gain = statistics.median(
            (run_once([*command, "1", str(x)]).seconds - start_)
            / (run_once([*command, "2", str(x)]).seconds - start_)
            for _ in range(runs)
        )
        emit("facts", f"2 threads, {side}², {f}×{f}",
             value=f"{gain:.2f} times as fast as 1 thread, the start left out: "
                   f"{gain / 2:.0%} of two cores")  # fmt: skip


def memory(folder: Path) -> None:
    """Peak memory of a process whose input is larger, from a file and from a pipe."""
    x, y = folder / "x.npy", folder / "y.npy"
    rows, columns = 65536, 16384
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}"
    text = text.ljust(128 - 11) + "\n"
    with x.open("wb") as stream:
        stream.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode())
        stream.truncate(stream.tell() + rows * columns * 4)  # zeros: what is measured is memory
    words = ["-k", "gaussian:31", "-p", "15"]
    piped = f"cat {x} | {{ {CONVCLI} run {' '.join(words)} > {y}; }}"
    size = f"{rows * columns * 4 / 2**30:g} GiB"
    for name, command in (
        ("8²", [CONVCLI, "run", "rand:8x8", *words, "-o", str(y)]),
        (size, [CONVCLI, "run", str(x), *words, "-o", str(y)]),
        (f"{size}, piped", ["sh", "-c", piped]),
    ):
        found = run_once(command)
        emit("facts", f"gaussian:31 on {name}",
             value=f"peak {found.peak / 2**20:.0f} MB, {found.seconds:.1f} s")  # fmt: skip


TABLES: dict[str, Callable[[Path], Iterator[Row]]] = {
    "start": start,
    "images": images,
    "large": large,
    "layers": layers,
    "many": many,
    "lines": lines,
}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="counted runs of each command")
    parser.add_argument("--tables", default=",".join((*TABLES, "sweep", "growth", "memory")))
    parser.add_argument("--avx2", action="store_true", help="as on a CPU without AVX-512")
    parser.add_argument("pattern", nargs="?", default="", help="works whose name contains this")
    args = parser.parse_args()
    hold_to_avx2(args.avx2)
    emit_machine()
    asked = args.tables.split(",")
    for name in asked:
        with tempfile.TemporaryDirectory() as folder:
            if name == "memory":
                memory(Path(folder))
            elif name == "sweep":
                sweep(min(args.runs, 3))
            elif name == "growth":
                growth(Path(folder), args.runs)
            else:
                for row in TABLES[name](Path(folder)):
                    if args.pattern in row.name:
                        for who, found in compare(row, args.runs).items():
                            emit(name, row.name, who=who, **_facts(found))


def _facts(found: Compared) -> dict[str, Any]:
    return {
        "seconds": round(found.seconds, 4),
        "cpu": round(found.cpu, 4),
        "ratio": round(found.ratio, 3),
        "mb": round(found.peak / 2**20),
        "stopped": found.stopped,
    }


if __name__ == "__main__":
    main()

"""Measures the regret of the cost model: the time of what `auto` chose over that of the best.

    python -m tests.bench.regret [--cpu] [--avx2] [PATTERN]

For every work, NumPy's engine convolves by each method that applies, with three sizes of tiles and
with one and two threads. ``--cpu`` compares the methods alone, on one thread and by CPU time, which
a busy machine disturbs less. ``--avx2`` holds the libraries to AVX2, and says what each found.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command does

import argparse
import contextlib
import itertools
import math
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

from convcli.arrays.memory import keeping_memory
from convcli.arrays.named.filters import named
from convcli.arrays.sources.source import InMemory
from convcli.engines import numpy_engine
from convcli.engines.numpy_engine import METHODS, NumpyEngine
from convcli.errors import ConvcliError
from convcli.geometry.window.axis import Window
from convcli.run.compute.blocks import plan_blocks
from convcli.run.compute.job import Job
from convcli.run.compute.pipeline import Pipeline
from convcli.run.resolve.operation import resolve
from tests.bench.records import emit, emit_machine, hold_to_avx2

_HOPELESS = 20  # times the estimate of the best method: not tried


class Work(NamedTuple):
    """An input, a filter (its shape or its name), and the options of the window."""

    shape: tuple[int, ...]
    filter: tuple[int, ...] | str
    dtype: str = "f4"
    s: int = 1
    d: int = 1
    g: int = 1

    def __str__(self) -> str:
        sizes = "x".join(map(str, self.shape))
        f = self.filter if isinstance(self.filter, str) else "x".join(map(str, self.filter))
        steps = "".join(f" {k}{v}" for k, v in zip("sdg", self[3:], strict=True) if v != 1)
        return f"{sizes} {self.dtype} * {f}{steps}"


def works() -> Iterator[Work]:
    """List what is measured."""
    for side, f in itertools.product((64, 256, 1024, 2048), (3, 5, 9, 15, 31)):
        yield Work((side, side), (f, f))
    for dtype, f in itertools.product(("f8", "u1"), (3, 7, 15)):
        yield Work((1024, 1024), (f, f), dtype)
    for side, name in itertools.product(
        (256, 2048), ("gaussian:5", "gaussian:9", "gaussian:15", "gaussian:61")
    ):
        yield Work((side, side), name)
    yield Work((2048, 2048), "sobel-x")
    for f, (s, d) in itertools.product((3, 9), ((2, 1), (4, 1), (1, 2), (1, 4))):
        yield Work((1024, 1024), (f, f), s=s, d=d)
    for n, f in itertools.product((10_000, 2_000_000), (5, 63, 511)):
        yield Work((n,), (f,))
    for n, f in ((64, 3), (96, 5), (64, 9)):
        yield Work((n, n, n), (f, f, f))
    for channels, side in ((3, 512), (64, 64)):
        for f in (3, 9):
            yield Work((channels, side, side), (f, f))
    yield Work((1, 64, 56, 56), (64, 64, 3, 3))
    yield Work((4, 128, 14, 14), (128, 128, 3, 3))
    yield Work((1, 3, 224, 224), (64, 3, 7, 7), s=2)
    yield Work((1, 64, 56, 56), (128, 64, 1, 1))
    yield Work((1, 128, 56, 56), (128, 1, 3, 3), g=128)
    yield Work((1, 32, 128, 128), (8, 32, 5, 5))
    yield Work((4096, 512), (3, 3))
    yield Work((64, 30000), (7, 7))


class Way(NamedTuple):
    """How a work is done: two that are alike are measured once."""

    method: str
    tile: tuple[int, ...]
    threads: int

    def __str__(self) -> str:
        return f"{self.method}, tiles {'x'.join(map(str, self.tile))}, {self.threads} threads"


@contextlib.contextmanager
def model(cache: int, worth_threads: float) -> Iterator[None]:
    """Change two constants of the cost model."""
    with (
        mock.patch.object(numpy_engine, "_CACHE", cache),
        mock.patch.object(numpy_engine, "_WORTH_THREADS", worth_threads),
    ):
        yield


AS_IT_IS = numpy_engine._CACHE, numpy_engine._WORTH_THREADS


def runner(
    work: Work, method: str, threads: int, constants: tuple[int, float] = AS_IT_IS
) -> tuple[Way, Callable[[], object]]:
    """Make a call that does a work; returns also how."""
    rng = np.random.default_rng(0)
    x: Any = (rng.random(work.shape) * 200).astype(work.dtype)
    w: Any = named(work.filter) if isinstance(work.filter, str) else rng.random(work.filter)
    if work.dtype == "u1":
        w = (w * 9).astype(np.int64)
    elif w.dtype.kind == "f":
        w = w.astype(work.dtype)
    dims = w.ndim - 2 if w.ndim > 3 else w.ndim
    p = tuple((work.d * (n - 1) // 2,) * 2 for n in w.shape[-dims:])
    operation = resolve(
        x.shape, x.dtype, w, Window((1,), (work.s,), p, (work.d,)), groups=work.g, dims=dims
    )
    engine = NumpyEngine(threads, method, with_opencv=True)
    with model(*constants):
        job = Job(operation, engine)
        blocks = plan_blocks(operation, x.shape, 1 << 25, job.whole_tiles)
        planned = job.plan(dict(zip(operation.layout, x.shape, strict=True)).get("N", 1))
        assert planned is not None
        plan = planned[0]
        cost = plan.costs[plan.method]
        if cost > _HOPELESS * min(plan.costs.values()):
            raise ConvcliError("hopeless")
        way = Way(plan.method, plan.tile, engine.threads_for(plan.shared))
    pipeline, source = Pipeline(), InMemory("x", x)

    def run() -> None:
        with model(*constants):
            for _made in pipeline.run(job, source, blocks):
                pass

    return way, run


def measure(
    runs: dict[Any, Callable[[], object]], clock: Callable[[], float], seconds: float
) -> dict[Any, float]:
    """Take the least of many turns; what is far behind after two of them gets no more."""
    times: dict[Any, list[float]] = {key: [] for key in runs}
    begin = time.perf_counter()
    for turn in range(40):
        best = min((min(t) for t in times.values() if t), default=0.0)
        first = turn % len(runs)  # what comes after a slow one finds other data in the cache
        for key, run in [*runs.items()][first:] + [*runs.items()][:first]:
            if turn >= 2 and min(times[key]) > 3 * best:
                continue
            start = clock()
            run()
            times[key].append(clock() - start)
        if turn >= 2 and time.perf_counter() - begin > seconds:
            break
    return {key: min(found) for key, found in times.items()}


def regret(work: Work, cpu: bool) -> float:
    """Compare what `auto` does with everything else.

    The best of many is the luckiest too: it is measured again, with `auto` alone.
    """
    threads = 1 if cpu else 2
    clock = time.process_time if cpu else time.perf_counter
    chosen, auto = runner(work, "auto", threads)
    runs = {chosen: auto}
    cache = AS_IT_IS[0]
    sizes = [cache] if cpu else [2 << 20, cache, 32 << 20]
    for method, size, always in itertools.product(METHODS, sizes, {0.0, math.inf}):
        with contextlib.suppress(ConvcliError):
            way, run = runner(work, method, threads, (size, always))
            runs.setdefault(way, run)
    found = measure(runs, clock, 0.6)
    best = min(found, key=lambda way: found[way])
    if best != chosen:
        found = measure({chosen: auto, best: runs[best]}, clock, 0.6)
    ratio = max(found[chosen] / found[best], 1.0)
    emit(
        "regret",
        str(work),
        ratio=round(ratio, 3),
        chosen=str(chosen),
        best=str(best) if ratio > 1 else "",
        ms=round(found[chosen] * 1e3, 3),
    )
    return ratio


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--avx2", action="store_true")
    parser.add_argument("pattern", nargs="?", default="")
    args = parser.parse_args()
    hold_to_avx2(args.avx2)
    emit_machine()
    with keeping_memory():  # as the command does
        ratios = [regret(work, args.cpu) for work in works() if args.pattern in str(work)]
    emit(
        "facts",
        f"regret of {len(ratios)} works" + ", one thread, CPU time" * args.cpu,
        value=f"median {statistics.median(ratios):.2f}, worst {max(ratios):.2f}",
    )


if __name__ == "__main__":
    main()

"""Times convolutions inside one process, beside PyTorch's and OpenCV's functions.

    python -m tests.bench.inside [--avx2] [PATTERN]

Prints JSON lines: milliseconds, the engines with two threads and with one. Each has its runs
by itself: libraries keep their threads spinning for a while, which would slow down the next turn.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command does

import argparse
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import cv2
import numpy as np
import torch

from convcli.arrays.named.filters import named
from convcli.arrays.sources.source import InMemory
from convcli.engines import choose
from convcli.engines.base import Engine
from convcli.engines.numpy_engine import NumpyEngine
from convcli.geometry.window.axis import Window
from convcli.run.compute.blocks import Blocks, plan_blocks
from convcli.run.compute.job import Job
from convcli.run.compute.pipeline import Pipeline
from convcli.run.resolve.operation import resolve
from tests.bench.records import emit, emit_machine, hold_to_avx2

ROWS: list[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ("8², 3×3", (8, 8), (3, 3), {}),
    ("1024², 3×3", (1024, 1024), (3, 3), {}),
    ("1024², 9×9", (1024, 1024), (9, 9), {}),
    ("1024², 31×31", (1024, 1024), (31, 31), {}),
    ("4096², 3×3", (4096, 4096), (3, 3), {}),
    ("4096², 9×9", (4096, 4096), (9, 9), {}),
    ("4096², 31×31", (4096, 4096), (31, 31), {}),
    ("4096² uint8, integer 5×5", (4096, 4096), (5, 5), {"int": True}),
    ("2048² float64, 9×9", (2048, 2048), (9, 9), {"dtype": np.float64}),
    ("4096², gaussian:9", (4096, 4096), (9, 9), {"k": "gaussian:9"}),
    ("4096², gaussian:31", (4096, 4096), (31, 31), {"k": "gaussian:31"}),
    ("4096², 3×3, stride 2", (4096, 4096), (3, 3), {"s": 2}),
    ("4096², 3×3, dilation 4", (4096, 4096), (3, 3), {"d": 4}),
    ("192³, 5×5×5", (192, 192, 192), (5, 5, 5), {}),
    ("1×64×56² ⋆ 64×64×3²", (1, 64, 56, 56), (64, 64, 3, 3), {}),
    ("8×256×14² ⋆ 256×256×3²", (8, 256, 14, 14), (256, 256, 3, 3), {}),
    ("1×3×224² ⋆ 64×3×7², stride 2", (1, 3, 224, 224), (64, 3, 7, 7), {"s": 2}),
    ("1×128×112², depthwise 3×3", (1, 128, 112, 112), (128, 1, 3, 3), {"g": 128}),
    ("1×128×56², depthwise 31×31", (1, 128, 56, 56), (128, 1, 31, 31), {"g": 128}),
    ("1×64×56² ⋆ᵀ 64×32×4², stride 2", (1, 64, 56, 56), (64, 32, 4, 4), {"s": 2, "t": True}),
]


def milliseconds(run: Callable[[], object], limit: float = 2.0) -> float:
    """Take the median of 100 runs, or of as many as a limit in seconds allows, but 3."""
    times: list[float] = []
    while len(times) < 3 or (sum(times) < limit and len(times) < 100):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return median(times) * 1e3


def _exhaust(pipeline: Pipeline, job: Job, source: InMemory, blocks: Blocks) -> None:
    for _made in pipeline.run(job, source, blocks):
        pass


def main() -> None:
    """Print what each takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--avx2", action="store_true", help="as on a CPU without AVX-512")
    parser.add_argument("pattern", nargs="?", default="", help="works whose name contains this")
    args = parser.parse_args()
    hold_to_avx2(args.avx2)
    emit_machine()
    torch.set_grad_enabled(False)
    kinds: dict[str, Engine] = {
        "numpy and opencv": NumpyEngine(2, with_opencv=True),
        "the same, 1 thread": NumpyEngine(1, with_opencv=True),
        "numpy": NumpyEngine(2),
        "torch": choose.choose_engine("torch"),
    }
    for name, x_shape, w_shape, options in ROWS:
        if args.pattern not in name:
            continue
        rng = np.random.default_rng(0)
        x: Any
        w: Any
        dtype = options.get("dtype", np.float32)
        x, w = (rng.random(shape, dtype) for shape in (x_shape, w_shape))
        if "int" in options:
            x, w = rng.integers(0, 256, x_shape, np.uint8), rng.integers(-4, 5, w_shape)
        elif "k" in options:
            w = named(options["k"]).astype(np.float32)
        s, d, g = options.get("s", 1), options.get("d", 1), options.get("g", 1)
        transposed = "t" in options
        p = 1 if transposed else d * (w_shape[-1] - 1) // 2
        window = Window((1,), (s,), ((p, p),), (d,), kind="convt" if transposed else "conv")
        operation = resolve(x_shape, x.dtype, w, window, groups=g)
        runs: dict[str, Callable[[], object]] = {}
        for called, engine in kinds.items():
            job, pipeline = Job(operation, engine), Pipeline()
            blocks = plan_blocks(operation, x_shape, 1 << 25, job.whole_tiles)
            source = InMemory("x", x)
            runs[called] = partial(_exhaust, pipeline, job, source, blocks)
        dims = operation.dims
        tx, tw = (torch.from_numpy(a.astype(dtype)) for a in (x, w))
        if len(w_shape) == dims:
            tx, tw = tx[None, None], tw[None, None]
        conv = getattr(torch.nn.functional, f"conv{'_transpose' * transposed}{dims}d")
        kwargs = {"stride": s, "padding": p, "dilation": d, "groups": g}
        runs["F.conv"] = partial(conv, tx, tw, **kwargs)
        if dims == 2 and len(w_shape) == 2:
            spread = np.zeros([d * (n - 1) + 1 for n in w.shape], dtype)
            spread[::d, ::d] = w
            depth = cv2.CV_32F if dtype == np.float32 else cv2.CV_64F
            runs["OpenCV"] = partial(cv2.filter2D, x, depth, spread)
            if "k" in options:
                runs["OpenCV"] = partial(cv2.sepFilter2D, x, depth, w.sum(0), w.sum(1))
        for who, run in runs.items():
            cv2.setNumThreads(2 if who == "OpenCV" else 1)
            emit("inside", name, who=who, ms=float(f"{milliseconds(run):.3g}"))


if __name__ == "__main__":
    main()

"""What tests call inside `convcli run`: the one place that follows when its modules change."""

import io
import itertools
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from convcli.arrays.sources.npy import read_headers
from convcli.arrays.sources.source import InMemory, OnStream, Source
from convcli.engines import fft, gemm, numpy_engine, opencv, torch_engine
from convcli.engines.base import Engine
from convcli.engines.numpy_engine import NumpyEngine
from convcli.engines.torch_engine import TorchEngine
from convcli.geometry.window.axis import Window
from convcli.run.compute.blocks import plan_blocks
from convcli.run.compute.job import Job
from convcli.run.compute.pipeline import Pipeline
from convcli.run.resolve import operation as operations
from convcli.run.resolve.operation import Operation
from tests.cases import Case
from tests.conftest import npy_bytes

PLAIN = Window((1,))


def resolve(x: NDArray[Any], w: NDArray[Any], window: Window = PLAIN, **options: Any) -> Operation:
    """Resolve how an input and a filter go together; `options` as `run.operation` has them."""
    return operations.resolve(x.shape, x.dtype, w, window, **options)


def resolve_case(case: Case, **options: Any) -> Operation:
    """Resolve a drawn case, whose axes are (batch, channels, spatial...)."""
    return resolve(case.x, case.w, case.window, groups=case.g, dims=case.dims, **options)


def convolve(
    x: NDArray[Any], operation: Operation, engine: Engine, memory: int = 1 << 28
) -> NDArray[Any]:
    """Convolve an array that is in memory."""
    return convolve_source(InMemory("x", x), operation, engine, memory)[0]


def convolve_piped(
    x: NDArray[Any], operation: Operation, engine: Engine, memory: int
) -> tuple[NDArray[Any], int]:
    """Convolve an array that comes through a pipe; returns it and the number of its blocks."""
    pipe = io.BytesIO(npy_bytes(np.ascontiguousarray(x)) + b"end")
    (header,) = itertools.islice(read_headers(pipe, "pipe"), 1)
    source = OnStream("pipe", "pipe", header, pipe)
    y, count = convolve_source(source, operation, engine, memory)
    source.finish()
    assert pipe.read() == b"end"
    return y, count


def convolve_source(
    source: Source, operation: Operation, engine: Engine, memory: int
) -> tuple[NDArray[Any], int]:
    """Convolve an array block by block; returns it and the number of its blocks."""
    job = Job(operation, engine)
    blocks = plan_blocks(operation, source.shape, memory, job.whole_tiles)
    y = np.empty(operation.out_shape(source.shape), operation.out_dtype)
    pipeline = Pipeline()
    for made in pipeline.run(job, source, blocks):
        y[tuple(slice(part.start, part.stop) for part in made.block.output)] = made.y
    pipeline.close()  # or each of many cases leaves two threads
    return y, len(blocks)


def engine_of(name: str, method: str = "auto", threads: int | None = None) -> Engine:
    """Make an engine on the CPU."""
    if name == "numpy":
        return NumpyEngine(threads, method)
    return TorchEngine("cpu", threads, method=method)


METHODS = [  # of convolutions
    (name, method)
    for name, engine in (("numpy", NumpyEngine), ("torch", TorchEngine))
    for method in engine.methods
    if method != "max"
]


def make_tiles_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make tiles so small that every case has many, and threads so cheap that each has some."""
    monkeypatch.setattr(numpy_engine, "_CACHE", 1 << 11)
    monkeypatch.setattr(numpy_engine, "_WORTH_THREADS", 0.0)
    monkeypatch.setattr(fft, "WINDOW", 1 << 8)
    monkeypatch.setattr(opencv, "TILE", 1 << 10)
    monkeypatch.setattr(fft, "SHORTEST", 1 << 3)
    monkeypatch.setattr(fft, "LINE", 1 << 6)
    monkeypatch.setattr(opencv, "_MANY", 1)
    monkeypatch.setattr(gemm, "_SMALL", 1 << 9)
    monkeypatch.setattr(gemm, "_LEAST_COLUMNS", 2)
    monkeypatch.setattr(torch_engine, "_TILE", 1 << 7)


def torch_engine_on(device: str, tf32: bool = False) -> TorchEngine:
    """Make PyTorch's engine believe that it is on a device, which this machine need not have.

    It is the one place that replaces what the engine knows of its device. It then plans, chooses
    types and refuses as it would there. On ``meta``, whose tensors have shapes but no numbers,
    PyTorch also checks that all operands of a call are on the device.
    """
    engine = TorchEngine("cpu", tf32=tf32)
    engine.device = device
    engine._device = torch.device(device)
    return engine

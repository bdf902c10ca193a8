"""What convolves one padded tile; each engine imports its library when it is made."""

from importlib.util import find_spec
from typing import Protocol

import numpy as np

from convcli.arrays import Array
from convcli.errors import UsageError


class Engine(Protocol):
    """Convolves one padded slab: a valid cross-correlation."""

    name: str
    device: str
    tile_threads: int  # how many tiles to convolve at once

    def compute_dtype(self, out: np.dtype[np.generic], bound: int) -> np.dtype[np.generic]:
        """Choose the type to compute in.

        Parameters
        ----------
        out : dtype
            Of the output.
        bound : int
            Largest magnitude of an integer sum; 0 if the output is not of integers.
        """

    def convolve(
        self,
        slab: Array,
        filter_: Array,
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        groups: int,
    ) -> Array:
        """Convolve.

        Parameters
        ----------
        slab : ndarray, shape (batch, channels, spatial...)
        filter_ : ndarray, shape (out, channels/groups, f...)
        stride, dilation : tuple of int
        groups : int

        Returns
        -------
        ndarray, shape (batch, out, spatial...)
        """


ENGINES = ("auto", "numpy", "torch")


def choose(
    engine: str = "auto", device: str = "cpu", threads: int | None = None, tf32: bool = False
) -> Engine:
    """Make the engine for a device.

    ``cpu`` is NumPy unless PyTorch is asked for; any other device is PyTorch's; ``auto`` is the
    best device that PyTorch finds, else NumPy.

    Parameters
    ----------
    engine, device : str
        As ``--engine`` and ``--device`` say.
    threads : int, optional
        Threads on the CPU; all of its cores by default.
    tf32 : bool
        Let a GPU round float32 to the 10 bits of TF32.

    Raises
    ------
    UsageError
        The engine does not run on the device, or there is no such engine.
    ConvcliError
        PyTorch is not installed, or does not find the device.
    """
    if engine not in ENGINES:
        raise UsageError(f"--engine {engine!r} is not an engine; write {', '.join(ENGINES)}")
    if threads is not None and threads < 1:
        raise UsageError(f"--threads {threads} must be 1 or more; use --threads 1")
    if engine == "numpy" and device not in ("cpu", "auto"):
        raise UsageError(f"--engine numpy runs on cpu alone, not on {device}; use --engine torch")
    if engine != "numpy" and device == "auto" and (engine == "torch" or find_spec("torch")):
        from convcli.engines import torch  # noqa: PLC0415

        best = torch.best_device()
        if best != "cpu" or engine == "torch":
            return torch.TorchEngine(best, threads, tf32)
    elif engine == "torch" or device not in ("cpu", "auto"):
        from convcli.engines import torch  # noqa: PLC0415

        return torch.TorchEngine(device, threads, tf32)
    from convcli.engines import numpy  # noqa: PLC0415

    return numpy.NumpyEngine(threads)

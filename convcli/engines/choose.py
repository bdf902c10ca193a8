"""The choice of an engine; each engine imports its library when it is made."""

import sys
from importlib.util import find_spec

from convcli.engines.base import Engine
from convcli.engines.correlation import Correlation
from convcli.errors import UsageError

ENGINES = ("auto", "numpy", "torch")

_MOST_THREADS = 1024


def with_opencv(
    engine: Engine, corr: Correlation, batch: int, sizes: tuple[int, ...]
) -> Engine | None:
    """Let NumPy's engine use OpenCV if that is faster for a whole output, its import counted.

    Parameters
    ----------
    engine : Engine
    corr : Correlation
    batch : int
        Number of images.
    sizes : tuple of int
        Outputs of each spatial axis.

    Returns
    -------
    Engine or None
        None if it is not faster, or not installed.
    """
    from convcli.engines import numpy_engine, opencv  # noqa: PLC0415  another may be chosen

    if not isinstance(engine, numpy_engine.NumpyEngine):
        return None
    start = 0.0 if "cv2" in sys.modules else opencv.START
    if engine.saved_by_opencv(corr, batch, sizes) <= start or not opencv.installed():
        return None
    return engine.with_opencv()


def choose_engine(
    engine: str = "auto",
    device: str = "cpu",
    threads: int | None = None,
    tf32: bool = False,
    method: str = "auto",
) -> Engine:
    """Make the engine for a device.

    ``cpu`` is NumPy unless PyTorch is asked for. Any other device is PyTorch's. ``auto`` is the
    best accelerator that PyTorch finds, else NumPy.

    Parameters
    ----------
    engine, device : str
        As ``--engine`` and ``--device`` say.
    threads : int, optional
        Threads on the CPU; all of its cores by default.
    tf32 : bool
        Let a GPU round float32 to the 10 bits of TF32.
    method : str
        As ``--method`` says.

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
    if threads is not None and threads > _MOST_THREADS:
        raise UsageError(
            f"--threads {threads} is more than the limit of {_MOST_THREADS}; leave it out for one "
            f"thread per core"
        )
    if engine == "numpy" and device not in ("cpu", "auto"):
        raise UsageError(f"--engine numpy runs on cpu only, not on {device}; use --engine torch")
    if engine == "auto" and device == "auto":
        engine, device = _best()
    if engine == "torch" or device not in ("cpu", "auto"):
        from convcli.engines import torch_devices, torch_engine  # noqa: PLC0415  imports PyTorch

        device = torch_devices.best_device() if device == "auto" else device
        return torch_engine.TorchEngine(device, threads, tf32, method)
    from convcli.engines import numpy_engine  # noqa: PLC0415  the other one may not be needed

    return numpy_engine.NumpyEngine(threads, method)


def _best() -> tuple[str, str]:
    """Choose engine and device: an accelerator if PyTorch finds one, else NumPy."""
    if find_spec("torch") is not None:
        from convcli.engines import torch_devices  # noqa: PLC0415  imports PyTorch

        device = torch_devices.best_device()
        if device != "cpu":
            return "torch", device
    return "numpy", "cpu"

"""The devices of PyTorch: which are there, and looking one up."""

from typing import Any

from convcli.errors import ConvcliError, UsageError, install_command


def import_torch() -> Any:
    try:
        import torch  # noqa: PLC0415  takes a second: imported when an engine is made
    except ImportError:
        raise ConvcliError(
            "PyTorch is not installed, which every device but cpu and --engine torch need; "
            f"{install_command('torch')}, or use --device cpu"
        ) from None
    return torch


def best_device() -> str:
    """Name the best device that PyTorch finds: an accelerator, else ``cpu``."""
    return [*accelerators(import_torch()), "cpu"][0]


def accelerators(torch: Any) -> list[str]:
    """Name the accelerators that PyTorch finds, the best first."""
    found = []
    if torch.cuda.is_available():
        found += [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        found += [f"xpu:{i}" for i in range(torch.xpu.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps")
    return found


def available_device(torch: Any, device: str) -> Any:
    """Look up a device by name, and try it.

    Raises
    ------
    UsageError
        PyTorch knows no such device.
    ConvcliError
        The device is not available.
    """
    names = ", ".join(["cpu", *accelerators(torch)])
    try:
        found = torch.device(device)
    except RuntimeError:
        raise UsageError(f"--device {device!r} is an unknown device; use one of {names}") from None
    if found.type == "meta":
        raise UsageError("--device meta holds no numbers; use convcli shape for sizes only")
    try:
        torch.empty(1, device=found).cpu()
    except Exception:  # each backend fails in its own way: the answer is the same
        raise ConvcliError(
            f"--device {device} is not available; available: {names}. "
            f"Use one of them, or --device auto"
        ) from None
    if found.type == "cpu":
        # glibc returns large blocks to the system when they are freed, and page faults fetch them
        # again; after it has seen a larger one freed, it keeps them.
        torch.empty(31 << 20, dtype=torch.uint8)
    return found

"""What every benchmark prints: JSON lines, one for each thing measured, the machine first.

`report.py` makes the tables of RESULTS.md of them.
"""

import contextlib
import ctypes
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

# Holds each library to AVX2 on a CPU with AVX-512.
AVX2 = {
    "OPENBLAS_CORETYPE": "Haswell",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENCV_CPU_DISABLE": "AVX512-SKX,AVX512-COMMON,AVX512F",
    "OPENCV_IPP": "avx2",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL",
}
_LIBRARIES = ("numpy", "torch", "scipy", "opencv-python-headless", "typer")


def emit(table: str, work: str, **facts: Any) -> None:
    """Print what was measured of one work."""
    print(json.dumps({"table": table, "work": work, **facts}, ensure_ascii=False), flush=True)


def hold_to_avx2(asked: bool) -> None:
    """Start this script again so that its libraries use no AVX-512, if that is asked for."""
    if asked and os.environ.get("OPENBLAS_CORETYPE") != "Haswell":
        words = sys.orig_argv
        raise SystemExit(subprocess.run(words, env={**os.environ, **AVX2}, check=False).returncode)


def emit_machine() -> None:
    """Print the CPU, the versions, and the instructions that each library has taken."""
    flags = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", flags)
    held = "held to AVX2" if "ATEN_CPU_CAPABILITY" in os.environ else "native"
    emit(
        "machine",
        model[1] if model else platform.processor(),
        cores=os.cpu_count(),
        isa="AVX-512" if "avx512f" in flags else "AVX2, no AVX-512",
        run=held,
        python=platform.python_version(),
        versions={name: importlib.metadata.version(name) for name in _LIBRARIES},
        taken=_taken(),
    )


def _taken() -> dict[str, str]:
    """Ask each library for the instructions that it uses, in processes of their own."""
    asked = {
        "OpenBLAS": "from tests.bench.records import openblas_core; print(openblas_core())",
        "NumPy": "import numpy; c = numpy.show_config(mode='dicts'); "
        "print(*c['SIMD Extensions'].get('found', []))",
        "PyTorch": "import torch; print(torch.backends.cpu.get_cpu_capability())",
        "OpenCV": "import cv2; print(cv2.getCPUFeaturesLine())",
        "OpenCV's IPP": "import cv2; print(cv2.ipp.getIppVersion())",
        "oneDNN": "import torch; torch.set_grad_enabled(False); "
        "torch.conv2d(torch.ones(1, 64, 56, 56), torch.ones(64, 64, 3, 3))",
    }
    found = {}
    for name, code in asked.items():
        env = {**os.environ, "ONEDNN_VERBOSE": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True
        )
        lines = done.stdout.splitlines()
        if name == "oneDNN":
            isa = [line.partition("isa:")[2] for line in lines if "isa:" in line]
            found[name] = isa[0] if isa else "not used"
        else:
            found[name] = lines[-1] if lines else ""
    return found


def openblas_core() -> str:
    """Name the kind of CPU that NumPy's OpenBLAS has chosen."""
    import numpy as np

    folder = Path(np.__file__).parents[1] / "numpy.libs"
    for path in folder.glob("*openblas*"):
        library = ctypes.CDLL(str(path))
        for name in ("scipy_openblas_get_corename64_", "openblas_get_corename"):
            with contextlib.suppress(AttributeError):
                ask = getattr(library, name)
                ask.restype = ctypes.c_char_p
                return str(ask().decode())
    return "not found"

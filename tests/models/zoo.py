"""Imports torchvision, whose networks the built-in ones are compared with."""

import sys
from typing import Any

import pytest
import torch


def torchvision() -> Any:
    """Import torchvision, without its compiled operators where they do not fit this PyTorch."""
    try:
        import torchvision
    except ModuleNotFoundError:
        pytest.skip("torchvision is not installed")
    except RuntimeError:  # such as a build for CUDA beside a PyTorch for the CPU
        for name in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[name]
        for name in ("nms", "qnms"):
            schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{name}", schema)
        import torchvision
    return torchvision

"""Networks and weights from texts and files; geometry's graphs, and layers for `run`."""

import os

# The modules that read a model, by the ending of its file's name: its convolutions one by one.
LAYERS = {".onnx": "from_onnx.layers", ".pt2": "from_export.layers"}

# The modules that read its graph.
GRAPHS = {".onnx": "from_onnx.graph", ".pt2": "from_export.graph"}

# Files that hold weights and no graph.
WEIGHTS = (".npz", ".pt", ".pth", ".safetensors")

# PyTorch's names for what a layer keeps that is not trained.
BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def is_model(spec: str) -> bool:
    """Whether ``file::member`` names a file of a model."""
    return os.path.splitext(spec.partition("::")[0])[1].lower() in LAYERS

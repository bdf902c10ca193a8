"""Networks and weights from texts and files; geometry's graphs, and layers for `run`."""

import os

# The modules that read a model, by the ending of its file's name: its convolutions one by one.
LAYERS = {".onnx": "onnx_layers", ".pt2": "export_layers"}

# The modules that read its graph.
GRAPHS = {".onnx": "onnx_graph", ".pt2": "export_graph"}

# Files that hold weights and no graph.
WEIGHTS = (".npz", ".pt", ".pth", ".safetensors")


def is_model(spec: str) -> bool:
    """Whether ``file::member`` names a file of a model."""
    return os.path.splitext(spec.partition("::")[0])[1].lower() in LAYERS

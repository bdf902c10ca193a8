"""Networks from texts and files, made into geometry's graph; and their layers, for `run`."""

import os

# The modules that read a model, by the ending of its file's name: its convolutions one by one.
LAYERS = {".onnx": "onnx_layers", ".pt2": "export_layers"}

# The modules that read its graph.
GRAPHS = {".onnx": "onnx_graph", ".pt2": "export_graph"}


def is_model(spec: str) -> bool:
    """Whether ``file::member`` names a file of a model."""
    return os.path.splitext(spec.partition("::")[0])[1].lower() in LAYERS

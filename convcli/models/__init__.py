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


def model_format(spec: str) -> str | None:
    """Return the ending of the model that ``file::member`` names; None where that is no model.

    Only a file whose name does not say what it is is opened: inputs may be many.
    """
    path = spec.partition("::")[0]
    ending = os.path.splitext(path)[1].lower()
    if ending in ("", ".pt", ".pth") and os.path.isfile(path):
        from convcli.models.recognize import file_format  # noqa: PLC0415  seldom needed

        try:
            ending = file_format(path) or ""
        except OSError:  # reported by what opens it
            return None
    return ending if ending in LAYERS else None

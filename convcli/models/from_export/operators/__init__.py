"""PyTorch's operators, each mapped to the ONNX operator that does the same."""

from convcli.models.from_export.operators.arithmetic import ARITHMETIC
from convcli.models.from_export.operators.images import IMAGES
from convcli.models.from_export.operators.shapes import SHAPES
from convcli.models.from_export.operators.shared import Operator

OPERATORS: dict[str, Operator] = {**IMAGES, **SHAPES, **ARITHMETIC}

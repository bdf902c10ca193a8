"""PyTorch's operators, each mapped to the ONNX operator that does the same."""

from convcli.models.from_export.operators.arithmetic import ARITHMETIC
from convcli.models.from_export.operators.calls import Operator
from convcli.models.from_export.operators.images import IMAGES
from convcli.models.from_export.operators.shapes import SHAPES

OPERATORS: dict[str, Operator] = {**IMAGES, **SHAPES, **ARITHMETIC}

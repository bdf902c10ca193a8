"""Attributes of operators, as a file has them and as values that are known."""

from typing import Any

import numpy as np
import pytest
from onnx import helper, numpy_helper

from convcli.errors import ConvcliError
from convcli.models.from_onnx.attributes import NodeAttributes
from convcli.models.operators.attributes import Attributes, Known

VALUES: dict[str, Any] = {"axis": 2, "pads": [1, 2], "scales": [0.5, 2.0], "mode": "linear"}
TENSOR = np.array([3], np.int64)


def _both() -> list[Attributes]:
    made = helper.make_node("Op", [], [], value=numpy_helper.from_array(TENSOR), **VALUES)
    return [NodeAttributes("Op", made), Known(VALUES | {"value": TENSOR})]


@pytest.mark.parametrize("attrs", _both(), ids=["of a node", "known"])
def test_each_type(attrs: Attributes) -> None:
    assert "axis" in attrs
    assert "axes" not in attrs
    assert (attrs.integer("axis", 0), attrs.integer("axes", 7)) == (2, 7)
    assert (attrs.integers("pads"), attrs.integers("axes", (1,))) == ((1, 2), (1,))
    assert (attrs.numbers("scales"), attrs.numbers("axes")) == ((0.5, 2.0), ())
    assert (attrs.text("mode", "nearest"), attrs.text("axes", "none")) == ("linear", "none")
    for name, expected in (("value", np.int64(3)), ("axes", np.float32(1.5))):
        found = attrs.first_of_tensor(name, 1.5)
        assert (found, found.dtype) == (expected, expected.dtype)


def test_an_attribute_of_another_type_is_refused() -> None:
    attrs, _ = _both()
    with pytest.raises(ConvcliError, match="Op: attribute axis is not floats; export the model"):
        attrs.numbers("axis")

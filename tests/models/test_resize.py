"""Resized images of ONNX files: sizes and the pixels that are read are those of onnxruntime."""

from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from onnx import helper

from convcli.geometry.network.tensor import Tensor, image
from convcli.models.operators.attributes import Known
from convcli.models.operators.facts import Facts
from convcli.models.operators.images import FOLLOWED
from tests.models import makers

_WAYS = (
    "half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "asymmetric", "align_corners",
)  # fmt: skip
_WIDTH = 4  # onnxruntime resizes images of two axes cubically, and no others
_SIZES = st.integers(1, 25)
_SCALES = st.sampled_from([0.3, 1 / 3, 0.5, 0.6, 0.7, 1.3, 1.5, 2, 2.5])


@given(st.sampled_from(["linear", "cubic"]), st.sampled_from(_WAYS), st.integers(1, 20), st.data())
def test_a_resized_image_reads_what_onnxruntime_reads(
    mode: str, way: str, n: int, data: st.DataObject
) -> None:
    attrs: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": way}
    if data.draw(st.booleans()):
        name, value = "sizes", np.array([1, n, data.draw(_SIZES), _WIDTH])
    else:
        name, value = "scales", np.array([1, 1, data.draw(_SCALES), 1], np.float32)
    inputs = ["x", "", "scales"] if name == "scales" else ["x", "", "", "sizes"]
    made = makers.model(
        [helper.make_node("Resize", inputs, ["y"], **attrs)],
        (1, n, n, _WIDTH),
        {name: value},
        opset=19,
    )
    known = Tensor(value.shape, (), 8, value)
    assume(name == "sizes" or int(n * value[2]) not in (0, n))  # n: it is copied without a look
    y = FOLLOWED["Resize"](
        Facts("Resize", Known(attrs), 19, 1, ""), image((n, _WIDTH), n), None,
        *([known] if name == "scales" else [None, known]),
    ).outputs[0]  # fmt: skip
    one_pixel_in_each_channel = np.eye(n, dtype=np.float32)[None, :, :, None].repeat(_WIDTH, 3)
    weights = makers.run(made, one_pixel_in_each_channel)[0, :, :, 0]
    assert y.shape == (1, *weights.shape, _WIDTH)
    for output in range(weights.shape[1]):
        read = np.flatnonzero(np.abs(weights[:, output]) > 1e-4)
        first, last = y.tracks[0].reach.at(output) or (0, -1)
        assert (max(first, 0), min(last, n - 1)) == (read[0], read[-1])

"""Every operator that is followed, by ONNX's name."""

from convcli.models.operators import arrays, images

FOLLOWED = {**images.FOLLOWED, **arrays.FOLLOWED}

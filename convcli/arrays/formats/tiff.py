"""What the tags of a TIFF say about its numbers that Pillow does not regard."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from convcli.arrays.dtypes import Array
from convcli.errors import ConvcliError

# Tags, and values of them.
_BITS, _INTERPRETATION, _PLANES, _SAMPLE_FORMAT = 258, 262, 284, 339
_WHITE_IS_0, _SEPARATE, _UNSIGNED, _SIGNED = 0, 2, 1, 2

Tags = Mapping[int, Any]


def tags_of(image: Any) -> Tags:
    """Return the tags of the current page; an image of another format has none."""
    tags: Tags = image.tag_v2 if image.format == "TIFF" else {}
    return tags


def check_planes(tags: Tags, called: str) -> None:
    """Refuse colours of 16 bits in separate planes, whose bytes Pillow reads as pixels."""
    bits = tags.get(_BITS, (1,))
    if tags.get(_PLANES) == _SEPARATE and len(bits) > 1 and max(bits) > 8:
        raise ConvcliError(
            f"{called} has {max(bits)} bits a channel in separate planes, which Pillow does not "
            f"read; save it with interleaved channels, or as .npy"
        )


def as_tagged(grey: Array, tags: Tags) -> Array:
    """Give grey values the type and the order, black to white, that the tags state.

    Pillow reads all 8-bit values as unsigned and all 32-bit integers as signed, and inverts
    8-bit values whose 0 is white, but not those of 16 bits.
    """
    kinds = set(tags.get(_SAMPLE_FORMAT, (_UNSIGNED,)))
    if grey.dtype == np.uint8 and kinds == {_SIGNED}:
        return grey.view(np.int8)
    if grey.dtype == np.int32 and kinds == {_UNSIGNED}:
        return grey.view(np.uint32)
    if grey.dtype == np.uint16 and tags.get(_INTERPRETATION) == _WHITE_IS_0:
        return 65535 - grey
    return grey

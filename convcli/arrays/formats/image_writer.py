"""Images that are written: with the pixels that `pixels.to_pixels` makes of an output."""

import io
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from convcli.arrays.dtypes import Array, DType
from convcli.arrays.files.silenced import silenced
from convcli.arrays.files.transfer import write_all
from convcli.arrays.formats import pixels
from convcli.arrays.formats.pixels import Mapping, Scaling
from convcli.arrays.formats.writers import Whole
from convcli.arrays.sources.source import ImageExtras
from convcli.errors import ConvcliError

_WITH_ALPHA = (".png", ".tif", ".tiff", ".webp")
_WITH_PROFILE = (*_WITH_ALPHA, ".jpg", ".jpeg")


def writer(ending: str, stream: BinaryIO, called: str) -> "_Writer":
    """Make what writes an image."""
    return _Writer(ending, stream, called)


class _Writer:
    """Writes one image, see `pixels.to_pixels`."""

    needs_whole = True

    def __init__(self, ending: str, stream: BinaryIO, called: str) -> None:
        self._ending = ending
        self._stream = stream
        self._called = called
        self._begun = False

    def begin(self, shape: tuple[int, ...], dtype: DType, layout: str) -> None:
        """Refuse what no image holds."""
        if self._begun:
            raise ConvcliError(f"{self._called}: an image holds one output; write them as .npy")
        self._begun = True
        pixels.check_axes(shape, layout, self._called)
        if dtype.kind == "c":
            raise ConvcliError(
                f"{self._called}: an image cannot hold complex numbers; write it as .npy"
            )

        if self._ending == ".pgm" and "C" in layout and shape[layout.index("C")] > 1:
            raise ConvcliError(f"{self._called}: a .pgm has no colours; write it as .ppm")

    def write(self, part: Array) -> None:
        """Do nothing: an image is written whole."""

    def finish(self, whole: Whole | None) -> Mapping | None:
        """Encode the image and write it."""
        if whole is None:
            return None
        array = pixels.order_axes(whole.array, whole.layout)
        values, mapping = self._to_pixels(array, whole.scaling)
        values, saved, dropped = self._with_extras(values, whole.extras)
        encoded = io.BytesIO()
        try:
            with silenced():
                image = Image.fromarray(values)
                image.save(encoded, Image.registered_extensions()[self._ending], **saved)
        except (ValueError, OSError) as error:
            raise ConvcliError(f"{self._called}: {error}; write it as .png") from None
        write_all(encoded.getbuffer(), self._stream)
        return mapping._replace(dropped=dropped)

    def _to_pixels(self, array: Array, scaling: Scaling) -> tuple[Array, Mapping]:
        """Map values to those of pixels; say so where a type that holds more could be asked for."""
        types = pixels.types_of(self._ending, 1 if array.ndim == 2 else array.shape[2])
        if scaling.asked is not None and scaling.asked.kind == "f":
            return array, Mapping("kept", False)
        deep = np.dtype(np.uint16)
        of_16_bits = scaling.range == (0, 65535)
        if of_16_bits and deep in types:
            return pixels.to_pixels(array, scaling, self._called, deep)
        values, mapping = pixels.to_pixels(array, scaling, self._called)
        if of_16_bits:
            keeps = "-o y.png" if array.ndim == 2 else "-o y.npy"
            return values, mapping._replace(text=f"{mapping.text}; {keeps} keeps 16 bits")
        if scaling.floats and scaling.mode is None and np.dtype(np.float32) in types:
            return values, Mapping(f"{mapping.text}; --dtype float32 keeps floats", True)
        return values, mapping

    def _with_extras(
        self, values: Array, extras: ImageExtras
    ) -> tuple[Array, dict[str, Any], tuple[str, ...]]:
        """Add what the image that was the input holds beside its values, where there is room.

        Returns
        -------
        values : ndarray
            With transparency.
        saved : dict
            Options of Pillow's `save`.
        dropped : tuple of str
            What there is no room for.
        """
        saved: dict[str, Any] = {}
        dropped = []
        if extras.profile is not None:
            if self._ending in _WITH_PROFILE and pixels.describes(extras.profile, values):
                saved["icc_profile"] = extras.profile
            else:
                dropped.append("colour profile")
        if extras.dpi is not None:
            saved["dpi"] = extras.dpi
        if extras.alpha is not None:
            if self._has_room(values, extras.alpha):
                colours = values.reshape(*extras.alpha.shape, -1)
                values = np.concatenate((colours, extras.alpha[..., None]), axis=2)
            else:
                dropped += ["transparency"] * extras.is_transparent
        return values, saved, tuple(dropped)

    def _has_room(self, values: Array, alpha: Array) -> bool:
        """Whether transparency is of the same size, and the format has it beside such colours."""
        fits = self._ending in _WITH_ALPHA and values.shape[:2] == alpha.shape
        return fits and values.dtype == np.uint8 and values.shape[2:] in ((), (3,))

    def close(self) -> None:
        """Do nothing: an image is written whole."""

"""Images that are read: their pixels, each channel with all of its bits."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from convcli.arrays.dtypes import Array
from convcli.arrays.files.silenced import silenced
from convcli.arrays.formats import Note, tiff
from convcli.arrays.formats.pixels import describes
from convcli.arrays.sources.npy import check_numbers
from convcli.arrays.sources.source import ImageExtras, InMemory, Source
from convcli.errors import ConvcliError, UsageError

_MOST_DPI = 30000  # fits in every format

# Modes of Pillow whose bands are not grey or red, green and blue as they stand: what to convert to.
_CONVERTED = {
    "1": "L",  # black and white are 0 and 255, as in every other image
    "LA": "L",
    "La": "L",
    **dict.fromkeys(("P", "PA", "CMYK", "YCbCr", "LAB", "HSV", "RGBX", "RGBA", "RGBa"), "RGB"),
}


def read(
    spec: str, path: str, page: str | None, note: Note, file: BinaryIO | None = None
) -> Iterator[Source]:
    """Read an image, or one page of a file that holds several.

    It is turned as its EXIF orientation says. Transparency, ICC profile and resolution are not
    convolved, but go with the colours to an image that is written.
    """
    called = repr(path) if file is None else path
    try:
        with silenced() as said:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # it is read anyway
            array, extras, white = _decode(file or path, called, spec, page)
    except UnidentifiedImageError:
        raise ConvcliError(f"{called} {_why_not_read(file or path)}") from None
    except Image.DecompressionBombError:
        raise ConvcliError(
            f"{called} has more pixels than are read from an image, as a small file could fill "
            f"the memory; convert it to .npy, or split it"
        ) from None
    except (ConvcliError, MemoryError):
        raise
    except Exception as error:  # a damaged image can fail anywhere in Pillow
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise ConvcliError(f"{called} is a broken image ({reason}); save it again") from None
    check_numbers(array.dtype, called)
    if said:
        note(f"{called} may be damaged: {' '.join(said[0].split()).rstrip('.')}")
    if white is not None:
        note(f"{called}: its white, {white}, is read as {255 if white < 256 else 65535}")
    if extras.is_transparent:
        note(f"{called}: its transparency is not convolved")
    yield InMemory(spec, array, "HWC" if array.ndim == 3 else "HW", extras)


def _why_not_read(file: BinaryIO | str) -> str:
    """Say why Pillow knows no image of such a file, and what to save instead."""
    unknown = "is not an image that Pillow can read; save it as .png"
    if isinstance(file, str) and not os.path.isfile(file):  # a named pipe can be opened once
        return unknown
    with open(file, "rb") if isinstance(file, str) else nullcontext(file) as stream:
        stream.seek(0)
        head = stream.read(12)
    if not head:
        return "is empty; save it again"
    if head.startswith(b"RIFF") and head[8:] != b"WEBP":
        return "holds sound or video, not an image; save its numbers as .npy or .txt"
    if head.startswith((b"II", b"MM")):
        return (
            "is a TIFF of a kind that Pillow does not read; save it as .npy, which keeps all bits"
        )
    return unknown


def _decode(
    file: BinaryIO | str, called: str, spec: str, page: str | None
) -> tuple[Array, ImageExtras, int | None]:
    """Read a page.

    Returns
    -------
    colours : ndarray
    extras : ImageExtras
    white : int or None
        Its white, where Pillow reads that as 255 or 65535.
    """
    with Image.open(file) as image:
        # After a camera's picture (MPO) come its previews.
        pages = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        number = _page_number(called, spec.partition("::")[0], page, pages)
        image.seek(number)
        tags = tiff.tags_of(image)
        tiff.check_planes(tags, called)
        low_bytes, white = _swapped_bytes(image, called), _white(image)
        colours, alpha = _to_arrays(image)
        if image.format == "PPM" and colours.dtype == np.int32:  # Pillow's type of 16 bits there
            colours = colours.astype(np.uint16)
        profile = image.info.get("icc_profile")
        if profile is not None and not describes(profile, colours):  # of CMYK that became RGB
            profile = None
        extras = ImageExtras(alpha, profile, _dpi(image))
    if low_bytes is None:
        return tiff.as_tagged(colours, tags), extras, white
    with Image.open(file) as image:
        image.seek(number)
        image.tile = low_bytes
        return colours.astype(np.uint16) << 8 | _to_arrays(image)[0], extras, white


def _page_number(called: str, path: str, page: str | None, pages: int) -> int:
    if pages == 1:
        if page not in (None, "0"):
            raise UsageError(f"{called} is an image, which has no members; leave ::{page} out")
        return 0
    named = f"name one, from {path}::0 to {path}::{pages - 1}"
    if path == "-":
        named = "save it to a file, and name one, such as x.tif::0"
    if page is None:
        raise UsageError(f"{called} holds {pages} pages; {named}")
    if not (page.isdecimal() and len(page) < 10 and int(page) < pages):
        raise ConvcliError(f"{called} has no page {page!r}; {named}")
    return int(page)


def _to_arrays(image: Image.Image) -> tuple[Array, Array | None]:
    """Return the colours of an image that is turned upright, and its transparency."""
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "RGBA":  # views: a large image is not copied
        array = np.asarray(image)
        return array[..., :3], array[..., 3]
    alpha = None
    if image.has_transparency_data:
        alpha = np.asarray(image.convert("RGBA").getchannel("A"))
    if image.mode in _CONVERTED:
        image = image.convert(_CONVERTED[image.mode])
    return np.asarray(image), alpha


def _dpi(image: Image.Image) -> tuple[int, int] | None:
    """Return the resolution of an image that states a plausible one."""
    x, y = image.info.get("dpi", (0, 0))
    if not (1 <= x <= _MOST_DPI and 1 <= y <= _MOST_DPI):  # NaN is not
        return None
    return round(x), round(y)


def _white(image: Image.Image) -> int | None:
    """Return the largest value of a PGM or PPM, where that is not the largest of its type."""
    for decoder, _, _, args in image.tile:  # type: ignore[attr-defined]
        if decoder.startswith("ppm") and int(args[-1]) not in (1, 255, 65535):
            return int(args[-1])
    return None


def _swapped_bytes(image: Image.Image, called: str) -> list[Any] | None:
    """Describe how to decode the lower bytes of an image with 16 bits a colour.

    Pillow keeps the upper byte of each colour. Decoded in the other byte order, it keeps
    the lower one.

    Returns
    -------
    list or None
        None if the image has no colours of 16 bits, or Pillow reads all of them.
    """
    if image.mode.startswith(("I", "F")):
        return None
    tiles: list[Any] = image.tile  # type: ignore[attr-defined]
    swapped = []
    for tile in tiles:
        decoder, box, offset, args = tile
        details: Any = (args,) if isinstance(args, str) else args
        deep = decoder.startswith("ppm") and details[-1] > 255
        rawmode = str(details[0]) if details else ""
        if not deep and ";16" not in rawmode:
            return None
        if deep or image.mode not in ("RGB", "RGBA") or rawmode.startswith(("LA", "RGBa")):
            raise ConvcliError(
                f"{called} has 16 bits a channel, of which Pillow reads 8 in this kind of image; "
                f"save it as a 16-bit PNG without transparency, or as .npy"
            )
        native = "L" if sys.byteorder == "little" else "B"
        order = native if rawmode[-1] == "N" else rawmode[-1]
        rawmode = rawmode[:-1] + ("B" if order == "L" else "L")
        args = rawmode if isinstance(args, str) else (rawmode, *args[1:])
        described = (decoder, box, offset, args)
        swapped.append(tile._make(described) if hasattr(tile, "_make") else described)
    return swapped or None

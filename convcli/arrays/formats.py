"""Formats other than ``.npy``. A new one is a reader or a writer, and an entry in its table."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from convcli.arrays.dtypes import Array, shape_text
from convcli.arrays.npy import check_numbers, read_body, read_headers
from convcli.errors import ConvcliError, UsageError


class Loaded(NamedTuple):
    """An array, and a letter for each axis where the format tells."""

    array: Array
    layout: str | None = None


def suffix(path: str) -> str:
    """Ending of a path's name, in lower case."""
    return Path(path).suffix.lower()


def load(path: str, member: str | None) -> Loaded:
    """Read an array from a file of a known format.

    Parameters
    ----------
    path : str
    member : str, optional
        Which array of a file that holds several.
    """
    return READERS[suffix(path)](path, member)


def _need(module: str, extra: str, what: str) -> None:
    if find_spec(module) is None:
        raise ConvcliError(
            f"{what} needs {module}, which is not installed; pip install 'convcli[{extra}]'"
        )


def _choose(path: str, member: str | None, names: list[str]) -> str:
    """Find the member asked for, or the only one there is."""
    if member is None and len(names) == 1:
        return names[0]
    if member in names:
        return member
    listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    if member is None:
        raise UsageError(
            f"{path!r} holds {len(names)} arrays; name one as {path}::NAME of {listed}"
        )
    import difflib  # noqa: PLC0415  for mistakes alone

    close = difflib.get_close_matches(member, names, n=1)
    hint = f"did you mean {close[0]}? It" if close else "it"
    raise ConvcliError(f"{path!r} has no member {member!r}; {hint} holds {listed}")


def _load_npz(path: str, member: str | None) -> Loaded:
    import zipfile  # noqa: PLC0415

    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            name = _choose(path, member, names)
            called = f"{path}::{name}"
            with archive.open(archive.namelist()[names.index(name)]) as stream:
                for header in read_headers(stream, repr(called)):  # type: ignore[arg-type]
                    return Loaded(read_body(header, stream, repr(called)))  # type: ignore[arg-type]
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise ConvcliError(f"{path!r} is not a whole .npz file ({error}); save it anew") from None
    raise AssertionError("read_headers yields or raises")


def _load_image(path: str, member: str | None) -> Loaded:
    _need("PIL", "images", f"{path!r}, an image,")
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415

    if member is not None:
        raise UsageError(f"{path!r} is an image, which has no members; leave ::{member} out")
    try:
        with Image.open(path) as image:
            palette = image.mode in ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV")
            array = np.asarray(image.convert("RGB") if palette else image)
    except UnidentifiedImageError:
        raise ConvcliError(f"{path!r} is not an image that Pillow can read; save it anew") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ConvcliError(f"{path!r} is a broken image ({error}); save it anew") from None
    check_numbers(array.dtype, repr(path))
    return Loaded(array, "HWC" if array.ndim == 3 else "HW")


def _load_safetensors(path: str, member: str | None) -> Loaded:
    _need("safetensors", "safetensors", f"{path!r}")
    import safetensors  # noqa: PLC0415

    try:
        with safetensors.safe_open(path, framework="np") as tensors:
            name = _choose(path, member, list(tensors.keys()))
            array = tensors.get_tensor(name)
    except (safetensors.SafetensorError, TypeError, AttributeError) as error:
        raise ConvcliError(
            f"{path!r} cannot be read as safetensors ({error}); save it anew, as float32"
        ) from None
    return Loaded(array)


def _load_torch(path: str, member: str | None) -> Loaded:
    _need("torch", "torch", f"{path!r}, a PyTorch file,")
    import torch  # noqa: PLC0415

    try:
        # Weights alone: a pickle with anything else in it could run code.
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a mutilated pickle can fail anywhere
        raise ConvcliError(
            f"{path!r} cannot be read as weights ({type(error).__name__}: it is broken, or holds "
            f"more than tensors); save a state_dict with torch.save"
        ) from None
    tensors = dict(_tensors(content, ""))
    if not tensors:
        raise ConvcliError(f"{path!r} holds no tensor; save a state_dict with torch.save")
    tensor = tensors[_choose(path, member, list(tensors))]
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()  # exact: NumPy has no bfloat16
    return Loaded(tensor.detach().resolve_conj().numpy())


def _tensors(content: Any, name: str) -> Any:
    """Find the tensors of a nested dictionary, by names joined with dots."""
    if hasattr(content, "detach"):
        yield name or "tensor", content
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from _tensors(value, f"{name}.{key}" if name else str(key))


_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")

READERS: dict[str, Callable[[str, str | None], Loaded]] = {
    ".npz": _load_npz,
    ".safetensors": _load_safetensors,
    ".pt": _load_torch,
    ".pth": _load_torch,
    **dict.fromkeys(_IMAGES, _load_image),
}


def save_image(
    array: Array, layout: str, path: str, stream: Any, from_integers: bool = False
) -> str:
    """Write an array as an image of 8 bits, and say how its values were mapped to them.

    Whole numbers from 0 to 255 are kept, and floats within it rounded; floats from 0 to 1 are
    multiplied by 255, unless they were made from integers, as an image's are; everything else is
    scaled so that its minimum is black and its maximum white. Nothing is clipped.

    Returns
    -------
    str
        How the values were mapped.
    """
    _need("PIL", "images", f"{path!r}, an image,")
    from PIL import Image  # noqa: PLC0415

    pixels, mapping = to_pixels(_image_axes(array, layout, path), path, from_integers)
    kind = Image.registered_extensions()[suffix(path)]
    try:
        Image.fromarray(pixels).save(stream, kind)
    except (ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ConvcliError(f"{path!r}: {error}; write it as .png") from None
    return mapping


def _image_axes(array: Array, layout: str, path: str) -> Array:
    """Order axes as an image has them: rows, columns, and 1, 3 or 4 colours."""
    sizes = dict(zip(layout, array.shape, strict=True))
    if "D" in sizes or "H" not in sizes or sizes.get("N", 1) != 1:
        raise ConvcliError(
            f"{path!r}: an image has rows and columns, and the output is {shape_text(array.shape)} "
            f"({layout}); write it as .npy"
        )
    if sizes.get("C", 1) not in (1, 3, 4):
        raise ConvcliError(
            f"{path!r}: an image has 1, 3 or 4 channels, and the output {sizes['C']}; "
            f"write it as .npy, or say with --layout which axis holds them"
        )
    order = [layout.index(letter) for letter in "NHWC" if letter in layout]
    array = array.transpose(order)
    if "N" in sizes:
        array = array[0]
    return array[..., 0] if sizes.get("C") == 1 else array


_SLIP = 1e-6


def to_pixels(array: Array, path: str, from_integers: bool = False) -> tuple[Array, str]:
    """Map values to bytes, see `save_image`."""
    if array.dtype.kind == "c" or not np.isfinite(array).all():
        what = "complex numbers" if array.dtype.kind == "c" else "NaN or infinity"
        raise ConvcliError(f"{path!r}: an image cannot hold {what}; write it as .npy")
    low, high = array.min(), array.max()
    values = array.astype(np.float64)
    # The rounding of floats may take a value just beyond the range that its exact one lies in.
    if low >= -_SLIP and high <= 1 + _SLIP and array.dtype.kind == "f" and not from_integers:
        scaled, mapping = values * 255, "0..1 scaled to 0..255"
    elif low > -0.5 and high < 255.5:
        scaled, mapping = values, "0..255 kept" if array.dtype.kind != "f" else "0..255 rounded"
    else:
        room = float(high) - float(low)
        scaled = (values - float(low)) * (255 / room) if room else np.zeros(array.shape)
        mapping = f"{low:.6g}..{high:.6g} scaled to 0..255"
    return np.rint(scaled).astype(np.uint8), mapping


WRITERS = dict.fromkeys(_IMAGES, save_image)

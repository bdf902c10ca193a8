"""Formats other than ``.npy``. A new one is a reader or a writer, and an entry in its table."""

import contextlib
import io
import os
import stat
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from convcli.arrays.dtypes import Array, shape_text
from convcli.arrays.memory import check_memory
from convcli.arrays.npy import check_numbers
from convcli.arrays.sources import InMemory, Source, stream_sources
from convcli.arrays.transfer import FullReads
from convcli.errors import ConvcliError, UsageError, install_command


class Loaded(NamedTuple):
    """An array, and a letter for each axis where the format tells."""

    array: Array
    layout: str | None = None


def suffix(path: str) -> str:
    """Ending of a path's name, in lower case."""
    return Path(path).suffix.lower()


def read(name: str, path: str, member: str | None) -> Iterator[Source]:
    """Open the arrays of a file of a known format.

    Parameters
    ----------
    name : str
        What reports call it.
    path : str
    member : str, optional
        Which array of a file that holds several.
    """
    # A file that is not there is found before a library is imported; a pipe can be opened once.
    if not stat.S_ISFIFO(os.stat(path).st_mode):
        with open(path, "rb"):
            pass
    if suffix(path) == ".npz":
        yield from open_npz(name, path, member)
    else:
        yield InMemory(name, *_LOADERS[suffix(path)](path, member))


def _need(module: str, package: str, what: str) -> None:
    if find_spec(module) is None:
        raise ConvcliError(
            f"{what} needs {package}, which is not installed; {install_command(package)}"
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


class _Member(io.RawIOBase):
    """A member of an archive, decompressed as it is read; its faults name it."""

    def __init__(self, stream: Any, name: str) -> None:
        self._stream = stream
        self._name = name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        try:
            data = self._stream.read(min(len(view), 1 << 20))
        except (OSError, MemoryError) as error:
            if isinstance(error, MemoryError) or error.errno is not None:
                raise
            raise _broken_npz(self._name, error) from None
        except Exception as error:  # each compression has errors of its own
            raise _broken_npz(self._name, error) from None
        view[: len(data)] = data
        return len(data)


def _broken_npz(name: str, error: Exception) -> ConvcliError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return ConvcliError(f"{name} is not a whole .npz file ({reason}); save it again")


def open_npz(name: str, path: str, member: str | None) -> Iterator[Source]:
    """Read a member of an archive as a stream: it need not fit into memory."""
    import zipfile  # noqa: PLC0415

    try:
        archive = zipfile.ZipFile(path)
        names = [name.removesuffix(".npy") for name in archive.namelist()]
    except MemoryError:
        raise
    except Exception as error:  # a damaged directory can fail anywhere
        raise _broken_npz(repr(path), error) from None
    with archive:
        chosen = _choose(path, member, names)
        called = repr(f"{path}::{chosen}")
        try:
            stream = archive.open(archive.namelist()[names.index(chosen)])
        except MemoryError:
            raise
        except Exception as error:
            raise _broken_npz(called, error) from None
        with stream:
            whole = FullReads(_Member(stream, called), called)
            yield from stream_sources(whole, name, called)  # type: ignore[arg-type]


def _load_image(path: str, member: str | None) -> Loaded:
    _need("PIL", "pillow", f"{path!r}, an image,")
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415

    try:
        with _silenced(), Image.open(path) as image:
            _choose_page(image, path, member)
            _check_depth(image, path)
            array = _pixels(image)
    except UnidentifiedImageError:
        raise ConvcliError(
            f"{path!r} is not an image that Pillow can read; save it again"
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ConvcliError(f"{path!r} is a broken image ({error}); save it again") from None
    check_numbers(array.dtype, repr(path))
    return Loaded(array, "HWC" if array.ndim == 3 else "HW")


def _choose_page(image: Any, path: str, member: str | None) -> None:
    pages = getattr(image, "n_frames", 1)
    if image.format == "MPO":  # a camera's JPEG: what follows the picture are its previews
        pages = 1
    if pages == 1 and member is not None:
        raise UsageError(f"{path!r} is an image, which has no members; leave ::{member} out")
    if pages > 1 and member is None:
        raise UsageError(
            f"{path!r} holds {pages} pages; name one, from {path}::0 to {path}::{pages - 1}"
        )
    if member is not None:
        if not (member.isdecimal() and len(member) < 10 and int(member) < pages):
            raise ConvcliError(
                f"{path!r} has no page {member!r}; pages are {path}::0 to {path}::{pages - 1}"
            )
        image.seek(int(member))


def _check_depth(image: Any, path: str) -> None:
    """Refuse what Pillow would round to 8 bits: several channels of 16."""
    detail = str(image.tile[0][3]) if image.tile else ""
    if ";16" in detail and image.mode in ("RGB", "RGBA", "LA", "CMYK"):
        raise ConvcliError(
            f"{path!r} has 16 bits for each of several channels, and Pillow reads 8; "
            f"convert it to .npy, or to 8 bits"
        )


def _pixels(image: Any) -> Array:
    """Read pixels upright, as 8 bits for black and white, and as colours for a palette."""
    from PIL import ImageOps  # noqa: PLC0415

    image = ImageOps.exif_transpose(image)
    if image.mode == "1":  # 0 and 255, not False and True: an output would be all black
        image = image.convert("L")
    elif image.mode in ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV"):
        image = image.convert("RGB")
    return np.asarray(image)


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Keep other libraries' lines off standard error, those of C libraries too."""
    with warnings.catch_warnings(), contextlib.ExitStack() as undo:
        warnings.simplefilter("ignore")
        with contextlib.suppress(OSError):  # standard error may be closed
            sys.stderr.flush()
            kept = os.dup(2)
            undo.callback(os.close, kept)
            undo.callback(os.dup2, kept, 2)
            null = os.open(os.devnull, os.O_WRONLY)
            undo.callback(os.close, null)
            os.dup2(null, 2)
        yield


def _load_safetensors(path: str, member: str | None) -> Loaded:
    _need("safetensors", "safetensors", f"{path!r}")
    import safetensors  # noqa: PLC0415

    try:
        with safetensors.safe_open(path, framework="np") as tensors:
            name = _choose(path, member, list(tensors.keys()))
            convert = _WIDENED.get(tensors.get_slice(name).get_dtype())
            array = tensors.get_tensor(name) if convert is None else convert(_raw(path, name))
    except (safetensors.SafetensorError, TypeError, AttributeError) as error:
        raise ConvcliError(
            f"{path!r} cannot be read as safetensors ({error}); save it again, as float32"
        ) from None
    return Loaded(array)


def _raw(path: str, name: str) -> tuple[bytes, list[int]]:
    """Read the bytes and the shape of a tensor, of a file that the library has checked."""
    import json  # noqa: PLC0415  slow to load, and seldom needed

    with open(path, "rb") as file:
        start = 8 + int.from_bytes(file.read(8), "little")
        entry = json.loads(file.read(start - 8))[name]
        first, last = entry["data_offsets"]
        file.seek(start + first)
        return file.read(last - first), entry["shape"]


def _bfloat16(raw: tuple[bytes, list[int]]) -> Array:
    """Widen to float32, of which it is the upper half."""
    bits = np.frombuffer(raw[0], "<u2").astype(np.uint32) << 16
    return bits.view(np.float32).reshape(raw[1])


def _float8_e5m2(raw: tuple[bytes, list[int]]) -> Array:
    """Widen to float16, of which it is the upper half, and on to float32."""
    bits = np.frombuffer(raw[0], np.uint8).astype(np.uint16) << 8
    return bits.view(np.float16).astype(np.float32).reshape(raw[1])


def _float8_e4m3(raw: tuple[bytes, list[int]]) -> Array:
    """Look up the value of each byte: 1 sign bit, 4 of exponent, 3 of mantissa, no infinity."""
    code = np.arange(128)
    exponent, mantissa = code >> 3, code & 7
    normal = np.ldexp(1 + mantissa / 8, exponent - 7)
    values = np.where(exponent == 0, np.ldexp(mantissa / 8, -6), normal)
    values[127] = np.nan
    table = np.concatenate([values, -values]).astype(np.float32)
    return table[np.frombuffer(raw[0], np.uint8)].reshape(raw[1])


# Types that NumPy lacks, each read exactly as float32.
_WIDENED = {"BF16": _bfloat16, "F8_E5M2": _float8_e5m2, "F8_E4M3": _float8_e4m3}


def _load_torch(path: str, member: str | None) -> Loaded:
    _need("torch", "torch", f"{path!r}, a PyTorch file,")
    import torch  # noqa: PLC0415

    try:
        # Weights alone: a pickle with anything else in it could run code.
        with _silenced():
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
    try:
        return Loaded(_dense(torch, path, tensor).numpy())
    except (RuntimeError, TypeError, NotImplementedError, ValueError):
        raise ConvcliError(
            f"{path!r} holds a tensor that NumPy cannot hold ({tensor.dtype}, {tensor.layout}, on "
            f"{tensor.device}); save it as float32 on the CPU"
        ) from None


def _dense(torch: Any, path: str, tensor: Any) -> Any:
    """Convert a tensor to what NumPy has, exactly."""
    with _silenced():
        if tensor.is_quantized:
            tensor = tensor.dequantize()
        if tensor.layout != torch.strided:
            check_memory(f"{path!r}, made dense,", tensor.numel() * tensor.element_size())
            tensor = tensor.to_dense()
        if tensor.is_floating_point() and tensor.dtype not in (
            torch.float16,
            torch.float32,
            torch.float64,
        ):
            tensor = tensor.float()  # exact: bfloat16 and float8, which NumPy lacks
        return tensor.detach().resolve_conj().resolve_neg()


def _tensors(content: Any, name: str) -> Any:
    """Find the tensors of a nested dictionary, by names joined with dots."""
    if hasattr(content, "detach"):
        yield name or "tensor", content
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from _tensors(value, f"{name}.{key}" if name else str(key))
    elif isinstance(content, list | tuple):
        for i, value in enumerate(content):
            yield from _tensors(value, f"{name}.{i}" if name else str(i))


_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")

# Formats that are read whole.
_LOADERS: dict[str, Callable[[str, str | None], Loaded]] = {
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
    multiplied by 255, unless they were made from integers, as an image's are, and so by less where
    some of them reach a little further; everything else is
    scaled so that its minimum is black and its maximum white. Nothing is clipped.

    Returns
    -------
    str
        How the values were mapped.
    """
    _need("PIL", "pillow", f"{path!r}, an image,")
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
_DARK = 16  # bytes below it are all but black: floats below it are not meant as bytes


def to_pixels(array: Array, path: str, from_integers: bool = False) -> tuple[Array, str]:
    """Map values to bytes, see `save_image`."""
    if array.dtype.kind == "c" or not np.isfinite(array).all():
        what = "complex numbers" if array.dtype.kind == "c" else "NaN or infinity"
        raise ConvcliError(f"{path!r}: an image cannot hold {what}; write it as .npy")
    low, high = array.min(), array.max()
    values = array.astype(np.float64)
    # The rounding of floats may take a value just beyond the range that its exact one lies in.
    fractions = array.dtype.kind == "f" and not from_integers and low >= -_SLIP
    if fractions and high <= 1 + _SLIP:
        scaled, mapping = values * 255, "0..1 scaled to 0..255"
    elif fractions and high < _DARK:
        scaled, mapping = values * (255 / float(high)), f"0..{high:.6g} scaled to 0..255"
    elif low > -0.5 and high < 255.5:
        scaled, mapping = values, "0..255 kept" if array.dtype.kind != "f" else "0..255 rounded"
    else:
        room = float(high) - float(low)
        scaled = (values - float(low)) * (255 / room) if room else np.zeros(array.shape)
        mapping = f"{low:.6g}..{high:.6g} scaled to 0..255"
    return np.rint(scaled).astype(np.uint8), mapping


READERS = {".npz", *_LOADERS}
WRITERS = dict.fromkeys(_IMAGES, save_image)

"""Weights in ``.safetensors`` files."""

import contextlib
import json
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from convcli.arrays import members
from convcli.arrays.dtypes import Array
from convcli.arrays.formats import Note
from convcli.arrays.sources.source import InMemory, Source
from convcli.errors import ConvcliError, reason


def members_of(path: str) -> list[members.Member]:
    """List the tensors of a file, of which nothing but the header is read."""
    import safetensors  # noqa: PLC0415  an optional library

    with _reporting_damage(path), safetensors.safe_open(path, framework="np") as tensors:
        slices = [(name, tensors.get_slice(name)) for name in tensors.keys()]  # noqa: SIM118
        return [members.Member(n, tuple(s.get_shape()), s.get_dtype()) for n, s in slices]


@contextlib.contextmanager
def _reporting_damage(path: str) -> Iterator[None]:
    import safetensors  # noqa: PLC0415  an optional library

    try:
        yield
    except safetensors.SafetensorError as error:
        raise ConvcliError(
            f"{path!r} cannot be read as safetensors ({reason(error)}); save it again"
        ) from None


def read(
    spec: str, path: str, member: str | None, note: Note, file: BinaryIO | None = None
) -> Iterator[Source]:
    """Read a tensor."""
    del note, file  # it is read from a file that has a name
    import safetensors  # noqa: PLC0415  an optional library

    try:
        with _reporting_damage(path), safetensors.safe_open(path, framework="np") as tensors:
            name = members.choose(path, member, list(tensors.keys()))
            kind = tensors.get_slice(name).get_dtype()
            if kind == "BF16" or kind in _FLOAT8:
                array = _read_small_floats(path, name)
            else:
                array = tensors.get_tensor(name)
    except (TypeError, AttributeError):  # what it raises where NumPy lacks the type
        raise ConvcliError(
            f"{path}::{name} holds {kind}, a type that NumPy does not have; save it as float32"
        ) from None
    yield InMemory(spec, array)


def _read_small_floats(path: str, name: str) -> Array:
    """Read a tensor of a type that NumPy lacks, as float32, which holds each of its values.

    The library has validated the file: its header tells where the numbers are.
    """
    with open(path, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        facts = json.loads(stream.read(length))[name]
        begin, end = facts["data_offsets"]
        stream.seek(8 + length + begin)
        data = stream.read(end - begin)
    kind = facts["dtype"]
    if kind == "BF16":  # the upper half of a float32
        values = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    else:
        values = _FLOAT8[kind][np.frombuffer(data, np.uint8)]
    array: Array = values.reshape(facts["shape"])
    return array


def _float8(exponent_bits: int, bias: int) -> Array:
    """List the 256 values of a float with a sign, an exponent and a mantissa in 8 bits."""
    mantissa_bits = 7 - exponent_bits
    codes = np.arange(256)
    exponents = codes >> mantissa_bits & (1 << exponent_bits) - 1
    fractions = (codes & (1 << mantissa_bits) - 1) / (1 << mantissa_bits)
    normal = exponents > 0
    magnitudes = np.ldexp(fractions + normal, np.maximum(exponents, 1) - bias)
    signed: Array = np.where(codes < 128, magnitudes, -magnitudes).astype(np.float32)
    return signed


def _values_of_float8() -> dict[str, Array]:
    """List the values of each type; NaN and infinity are where the type says."""
    e4m3, e5m2 = _float8(4, 7), _float8(5, 15)
    e4m3[[0x7F, 0xFF]] = np.nan
    e5m2[[0x7C, 0xFC]] = np.inf, -np.inf
    e5m2[[0x7D, 0x7E, 0x7F, 0xFD, 0xFE, 0xFF]] = np.nan
    e4m3fnuz, e5m2fnuz = _float8(4, 8), _float8(5, 16)
    e4m3fnuz[0x80] = e5m2fnuz[0x80] = np.nan
    e8m0 = np.ldexp(1.0, np.arange(256) - 127)  # nothing but an exponent
    e8m0[0xFF] = np.nan
    return {
        "F8_E4M3": e4m3,
        "F8_E5M2": e5m2,
        "F8_E4M3FNUZ": e4m3fnuz,
        "F8_E5M2FNUZ": e5m2fnuz,
        "F8_E8M0": e8m0.astype(np.float32),
    }


_FLOAT8 = _values_of_float8()

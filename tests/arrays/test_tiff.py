"""TIFF whose tags give numbers a meaning of their own, written by their specification."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import run_command

ONE = ("-k", "[[1]]")
WHITE_IS_0, BLACK_IS_0, RGB = 0, 1, 2
UNSIGNED, SIGNED = 1, 2
TOGETHER, SEPARATE = 1, 2


def _write(
    x: NDArray[Any], interpretation: int, kind: int, planes: int = TOGETHER, order: str = "<"
) -> None:
    """Write x.tif, without compression, of an array of rows, columns and maybe channels."""
    rows, columns, *more = x.shape
    channels = more[0] if more else 1
    data = (x.transpose(2, 0, 1) if planes == SEPARATE else x).astype(order + x.dtype.str[1:])
    part = data.nbytes // channels if planes == SEPARATE else data.nbytes
    strips = [8 + i * part for i in range(data.nbytes // part)]
    values: dict[int, list[int]] = {
        256: [columns], 257: [rows], 258: [8 * x.itemsize] * channels, 259: [1],
        262: [interpretation], 273: strips, 277: [channels], 278: [rows],
        279: [part] * len(strips), 284: [planes], 339: [kind] * channels,
    }  # fmt: skip
    entries, tail = b"", b""
    for tag, numbers in values.items():
        value = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            at = 8 + data.nbytes + len(tail)
            tail, value = tail + value, struct.pack(f"{order}I", at)
        entries += struct.pack(f"{order}HHI", tag, 4, len(numbers)) + value
    head = struct.pack(f"{order}HI", 42, 8 + data.nbytes + len(tail))
    count = struct.pack(f"{order}H", len(values))
    mark = b"II" if order == "<" else b"MM"
    Path("x.tif").write_bytes(mark + head + data.tobytes() + tail + count + entries + bytes(4))


def _random(shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    info: Any = np.iinfo(dtype)
    return np.random.default_rng(0).integers(info.min, info.max, shape, dtype, endpoint=True)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bits_in_separate_planes_are_refused(
    channels: int, order: str, in_tmp: Path
) -> None:
    x = _random((4, 5, channels), "uint16")
    _write(x, RGB, UNSIGNED, SEPARATE, order)
    done = run_command("run", "x.tif", *ONE, stdin=b"")
    assert (done.status, done.data) == (1, b"")
    assert done.err == (
        "convcli: error: 'x.tif' has 16 bits a channel in separate planes, which Pillow does not "
        "read; save it with interleaved channels, or as .npy\n"
    )
    _write(x, RGB, UNSIGNED, TOGETHER, order)
    assert np.array_equal(run_command("run", "x.tif", *ONE, stdin=b"").array, x[..., :3])


def test_eight_bits_in_separate_planes_are_read(in_tmp: Path) -> None:
    x = _random((4, 5, 3), "uint8")
    _write(x, RGB, UNSIGNED, SEPARATE)
    assert np.array_equal(run_command("run", "x.tif", *ONE, stdin=b"").array, x)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_grey_whose_0_is_white_is_inverted(dtype: str, in_tmp: Path) -> None:
    x = _random((4, 5), dtype)
    _write(x, WHITE_IS_0, UNSIGNED)
    expected = np.iinfo(x.dtype).max - x
    assert np.array_equal(run_command("run", "x.tif", *ONE, stdin=b"").array, expected)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint8", "uint16"])
def test_integers_have_the_sign_that_the_file_states(dtype: str, order: str, in_tmp: Path) -> None:
    x = _random((4, 5), dtype)
    _write(x, BLACK_IS_0, UNSIGNED if dtype.startswith("u") else SIGNED, order=order)
    assert np.array_equal(run_command("run", "x.tif", *ONE, stdin=b"").array, x)

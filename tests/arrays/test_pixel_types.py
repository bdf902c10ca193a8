"""Types of images that are written, and which of their values is white: 8 and 16 bits, floats."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.conftest import run_command


def _written(*args: str, name: str = "y.png") -> tuple[NDArray[Any], str]:
    """Run, and return the pixels that were written and what was said."""
    done = run_command("run", *args, "-o", name, stdin=b"")
    assert done.status == 0, done.err
    with Image.open(name) as image:
        return np.array(image), done.err


def test_sixteen_bits_of_grey_stay(in_tmp: Path) -> None:
    deep = np.arange(0, 60000, 5000, dtype=np.uint16).reshape(3, 4)
    Image.fromarray(deep).save("deep.png")
    found, said = _written("deep.png", "-k", "[[1]]")
    assert np.array_equal(found, deep)
    assert said == ""
    found, _ = _written("deep.png", "-k", "[[2]]", "--scale", "clip")
    assert np.array_equal(found, np.minimum(deep.astype(int) * 2, 65535))
    found, _ = _written("deep.png", "-k", "[[1]]", name="y.jpg")
    assert found.dtype == np.uint8


@pytest.mark.parametrize(
    ("x", "pixels", "note"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255], ""),
        ([0.0, 0.5, 1.5], [0, 128, 255], "0..1.5 clipped to 0..1 scaled to 0..255, 33.3% of them"),
        ([0.0, 2.0, 10.0], [0, 51, 255], "0..10 scaled to 0..255"),
        ([0.0, 10.0, 50.0], [0, 51, 255], "0..50 scaled to 0..255"),
        ([0.0, 0.5, 70.0], [0, 0, 70], ""),
        ([0.0, 1e-3], [0, 0], "0..1 scaled to 0..255, none above 0.001: nearly black"),
        ([0.0, 0.0], [0, 0], ""),
        ([0.0, 51.0, 510.0], [0, 26, 255], "0..510 scaled to 0..255"),
        ([-1.0, 0.0, 1.0], [0, 128, 255], "-1..1 scaled to 0..255"),
    ],
)
def test_floats_are_from_0_to_1_or_bytes(
    x: list[float], pixels: list[int], note: str, in_tmp: Path
) -> None:
    np.save("x.npy", [x])
    found, said = _written("x.npy", "-k", "[[1]]")
    assert found.tolist() == [pixels]
    assert said == (note and f"convcli: note: 'y.png': values {note}; see --scale\n")


def test_clipping_keeps_the_white_of_signed_floats(in_tmp: Path) -> None:
    np.save("x.npy", [[-0.96, 0.5, 0.98]])
    found, said = _written("x.npy", "-k", "[[1]]", "--scale", "clip")
    assert found.tolist() == [[0, 128, 250]]
    assert "values -0.96..0.98 clipped to 0..1 scaled to 0..255" in said


@pytest.mark.parametrize("ending", ["png", "tif", "jpg", "bmp"])
def test_colours_are_not_written_with_16_bits(ending: str, in_tmp: Path) -> None:
    args = f"arange:4x5x3 --layout HWC -k [[1]] --dtype uint16 -o y.{ending}"
    done = run_command("run", *args.split(), stdin=b"")
    assert done.status == 2
    assert done.err == (
        f"convcli: error: --dtype uint16 is not a pixel type of a .{ending} with 3 channels "
        f"(uint8); omit it, or write -o y.npy\n"
    )
    assert not Path(f"y.{ending}").exists()


def test_a_type_that_leaves_an_image_nearly_black_is_noted(in_tmp: Path) -> None:
    np.save("x.npy", np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4))
    found, said = _written("x.npy", "-k", "[[1]]", "--dtype", "uint16", "--scale", "clip")
    assert set(np.unique(found)) == {0, 1}
    assert "0..65535 kept as --dtype uint16 asks, none above 1: nearly black; see" in said
    found, said = _written("x.npy", "-k", "[[60000]]", "--dtype", "uint16", "--scale", "clip")
    assert (found.max(), said) == (60000, "")


def test_a_tiff_holds_floats_where_they_are_asked_for(in_tmp: Path) -> None:
    x = np.random.default_rng(0).random((6, 5), np.float32)
    Image.fromarray(x).save("x.tif")
    found, said = _written("x.tif", "-k", "[[-3]]", "--dtype", "float32", name="y.tif")
    assert np.array_equal(found, -3 * x)
    assert said == ""
    found, said = _written("x.tif", "-k", "[[1]]", name="y.tif")
    assert np.array_equal(found, np.rint(x * 255))
    assert "0..1 scaled to 0..255; --dtype float32 keeps floats; see --scale" in said
    args = ("x.tif", "-k", "[[1]]", "--dtype", "float32", "--scale", "minmax", "-o", "y.tif")
    done = run_command("run", *args, stdin=b"")
    assert "--scale minmax is for pixels of 8 or 16 bits; omit it, or omit --dtype" in done.err

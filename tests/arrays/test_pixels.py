"""Values as pixels: what is kept, clipped or scaled, compared with OpenCV and Pillow."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from convcli.arrays.formats.pixels import SCALES, Scaling, to_pixels
from tests.conftest import DATA, run_command

PHOTO = np.load(DATA / "photo.npy")
REFLECT = ("-p", "same", "--pad-mode", "reflect")
SHARPEN = [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]


@pytest.fixture
def photo(in_tmp: Path) -> Path:
    """Write the photograph as an image."""
    Image.fromarray(PHOTO).save("photo.png")
    return in_tmp


def _written(*args: str, name: str = "y.png") -> tuple[NDArray[Any], str]:
    done = run_command("run", *args, "-o", name, stdin=b"")
    assert done.status == 0, done.err
    return np.asarray(Image.open(name)), done.err


def test_sharpening_is_that_of_pillow(photo: Path) -> None:
    found, said = _written("photo.png", "-k", "sharpen")
    kernel = ImageFilter.Kernel((3, 3), np.ravel(SHARPEN).tolist(), 1)
    expected = np.asarray(Image.fromarray(PHOTO).filter(kernel))
    assert np.array_equal(found, expected[1:-1, 1:-1])
    assert said.startswith("convcli: note: 'y.png': values -454..756 clipped to 0..255, ")
    assert said.count("\n") == 1


def test_smoothing_and_sharpening_are_those_of_opencv(photo: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    axis = cv2.getGaussianKernel(9, 0)
    for name, kernel in (("sharpen", np.array(SHARPEN)), ("gaussian:9", axis * axis.T)):
        found, _ = _written("photo.png", "-k", name, *REFLECT)
        expected = cv2.filter2D(
            PHOTO, -1, kernel.astype(np.float32), borderType=cv2.BORDER_REFLECT_101
        )
        assert np.array_equal(found, expected), name


def test_abs_is_convert_scale_abs_of_opencv(photo: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    found, _ = _written("photo.png", "-k", "sobel-x", *REFLECT, "--scale", "abs")
    edges = cv2.Sobel(PHOTO, cv2.CV_32F, 1, 0, borderType=cv2.BORDER_REFLECT_101)
    assert np.array_equal(found, cv2.convertScaleAbs(edges))


def test_signed_puts_0_at_mid_grey(photo: Path) -> None:
    edges = run_command("run", "photo.png", "-k", "sobel-x", stdin=b"").array
    found, said = _written("photo.png", "-k", "sobel-x", "--scale", "signed")
    assert set(np.unique(found[edges == 0])) == {128}
    most = np.abs(edges).max()
    assert np.abs(found - (edges / most + 1) * 127.5).max() <= 0.5
    assert f"{-most}..{most} scaled to 0..255, 0 at mid-grey" in said


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ("-k gaussian:3", False),
        ("-k identity", False),
        ("-k [[0.5]]", False),
        ("-k sharpen", True),
        ("-k sobel-x", True),
        ("-k sobel-x --scale abs", True),
        ("-k [[2]]", True),
        ("-k sobel-x -q", False),
    ],
)
def test_a_note_tells_what_changed_the_values(args: str, told: bool, photo: Path) -> None:
    _, said = _written("photo.png", *args.split())
    assert (said.count("convcli: note: "), said.count("\n")) == (told, told)


def test_a_report_tells_it_in_place_of_the_note(photo: Path) -> None:
    done = run_command(
        "run", "photo.png", "-k", "sharpen", "-o", "y.png", "--format", "json", stdin=b""
    )
    assert done.err == ""
    assert "clipped to 0..255" in json.loads(done.out)["mapping"]


def test_one_note_for_a_batch(photo: Path) -> None:
    Image.fromarray(PHOTO // 2).save("dark.png")
    done = run_command("run", "photo.png", "dark.png", "-k", "sobel-x", "-o", "out/", stdin=b"")
    assert done.err.count("\n") == 1
    assert "1 more" in done.err


def test_the_filter_decides_for_each_output_and_phase(in_tmp: Path) -> None:
    """A bilinear upsampling sums to 4 as a whole, and to 1 in each of its phases."""
    x = np.array([[0, 255, 0], [255, 0, 255]], np.uint8)
    Image.fromarray(x).save("x.png")
    bilinear = "[[0.25,0.5,0.25],[0.5,1,0.5],[0.25,0.5,0.25]]"
    args = ("x.png", "-k", bilinear, "--transposed", "-s", "2", "-p", "1", "--bias", "40")
    done = run_command("run", *args, "-o", "y.png", "--format", "json", stdin=b"")
    assert "clipped to 0..255" in json.loads(done.out)["mapping"]
    grey = "[[[[0.299]],[[0.587]],[[0.114]]]]"
    Image.fromarray(PHOTO).save("photo.png")
    found, said = _written("photo.png", "-k", grey, "--bias", "99")
    expected = np.rint(PHOTO @ np.array([0.299, 0.587, 0.114]) + 99).clip(0, 255)
    assert np.abs(found - expected).max() <= 1
    assert "clipped" in said


@pytest.mark.parametrize(
    ("x", "pixel"),
    [
        (np.full((2, 2), True), 255),
        (np.array([[0, 0.5], [1, 1]]), 255),
        (np.array([[0, 200.0], [20, 30]]), 200),
        (np.array([[0, 200], [20, 30]], np.int64), 200),
        (np.array([[0, 200], [20, 30]], np.uint16), 1),  # 200 of 65535
    ],
)
def test_the_range_is_the_inputs(x: Any, pixel: int, in_tmp: Path) -> None:
    np.save("x.npy", x)
    found, said = _written("x.npy", "-k", "[[1]]", name="y.bmp")
    assert found.max() == pixel
    if x.dtype == np.uint16:
        text = (
            "values 0..65535 scaled to 0..255, none above 200: nearly black; -o y.png keeps 16 bits"
        )
        assert said == f"convcli: note: 'y.bmp': {text}; see --scale\n"
    else:
        assert said == ""


@given(
    values=st.lists(st.integers(-1000, 1000), min_size=1, max_size=9),
    mode=st.sampled_from(SCALES),
)
def test_modes_by_their_definition(values: list[int], mode: str) -> None:
    x = np.array(values)
    found, said = to_pixels(x, Scaling(mode, (0.0, 255.0)), "x.png")
    low, high, most = x.min(), x.max(), np.abs(x).max()
    exact = {
        "clip": x.clip(0, 255),
        "abs": np.abs(x).clip(0, 255),
        "minmax": (x - low) / max(high - low, 1) * 255,
        "signed": (x / most + 1) * 127.5 if most else np.zeros(x.shape),
    }[mode]
    assert np.abs(found - exact).max() <= 0.5 + 1e-9
    assert said.altered or np.array_equal(found, x)


def test_dtype_saturates_only_when_asked(photo: Path) -> None:
    args = ("photo.png", "-k", "sharpen", "--dtype", "uint8")
    refused = run_command("run", *args, stdin=b"")
    assert (refused.status, refused.data) == (1, b"")
    assert refused.err.endswith("omit --dtype, or add --scale clip\n")
    found = run_command("run", *args, "--scale", "clip", "--verify", stdin=b"").array
    exact = run_command("run", "photo.png", "-k", "sharpen", stdin=b"").array
    assert found.dtype == np.uint8
    assert np.array_equal(found, exact.clip(0, 255))
    blurred = run_command(
        "run", "photo.png", "-k", "box:2", "--dtype", "uint8", "--scale", "clip", stdin=b""
    ).array
    exact = run_command("run", "photo.png", "-k", "box:2", stdin=b"").array
    assert np.array_equal(blurred, np.rint(exact))  # halves to even


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint64", "uint8"])
def test_saturation_at_the_ends_of_a_type(dtype: str, in_tmp: Path) -> None:
    np.save("x.npy", np.array([[-1e30, -1.5, 0.5, 2.5, 1e30, np.inf, -np.inf]]))
    done = run_command(
        "run", "x.npy", "-k", "[[1]]", "--dtype", dtype, "--scale", "clip", "--verify", stdin=b""
    )
    info: Any = np.iinfo(dtype)
    low = max(int(info.min), -2)
    expected = [info.min, low, 0, 2, info.max, info.max, info.min]
    assert done.array.tolist() == [expected]
    np.save("x.npy", np.array([[np.nan]]))
    done = run_command(
        "run", "x.npy", "-k", "[[1]]", "--dtype", dtype, "--scale", "clip", stdin=b""
    )
    assert done.err == (
        f"convcli: error: results hold NaN, which --dtype {dtype} cannot; use a float type\n"
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("--scale huh -o y.png", "--scale 'huh' is not a scale; write one of clip, minmax, abs"),
        ("--scale abs -o y.npy", "--scale abs is for images; omit it, or write -o y.png"),
        ("--scale clip -o y.csv", "add --dtype uint8 to clip numbers"),
        ("--scale minmax --dtype uint8", "--scale minmax is for images"),
    ],
)
def test_scales_that_do_not_apply(args: str, message: str, photo: Path) -> None:
    done = run_command("run", "photo.png", "-k", "box", *args.split(), stdin=b"")
    assert (done.status, done.data) == (2, b"")
    assert message in done.err


@pytest.mark.parametrize("shape", ["5x9x8", "2x3x9x8"])
def test_what_no_image_holds_is_refused_before_the_work(
    shape: str, in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convcli.run.compute.pipeline.Pipeline.run", None)
    done = run_command("run", f"rand:{shape}", "-k", "box", "-o", "y.png", stdin=b"")
    assert done.status == 1
    assert "'y.png': an image has " in done.err


def test_images_through_pipes(photo: Path) -> None:
    data = Path("photo.png").read_bytes()
    done = run_command("run", "-k", "identity", "-o", "-", "--output-format", "png", stdin=data)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(done.data))), PHOTO[1:-1, 1:-1])


@pytest.mark.parametrize(
    "kind", ["PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP", "PPM"]
)  # fmt: skip
def test_a_pipe_says_which_image_it_holds(kind: str, in_tmp: Path) -> None:
    made = io.BytesIO()
    grey = kind == "GIF"
    Image.fromarray(PHOTO[..., 0] if grey else PHOTO).save(made, kind)
    expected = np.asarray(Image.open(made).convert("L" if grey else "RGB"))
    done = run_command("run", "-k", "[[1]]", stdin=made.getvalue())
    assert done.status == 0, done.err
    assert np.array_equal(done.array, expected)
    Path("no-ending").write_bytes(made.getvalue())
    assert np.array_equal(run_command("run", "no-ending", "-k", "[[1]]", stdin=b"").array, expected)


def test_of_several_in_a_pipe_none_can_be_named(in_tmp: Path) -> None:
    pages = [Image.fromarray(np.full((3, 3), i, np.uint8)) for i in range(3)]
    pages[0].save("x.tif", save_all=True, append_images=pages[1:])
    data = Path("x.tif").read_bytes()
    done = run_command("run", "-k", "[[1]]", stdin=data)
    assert "standard input holds 3 pages; save it to a file, and name one, such as" in done.err
    np.savez("x.npz", a=np.eye(3), b=np.eye(3))
    done = run_command("run", "-k", "[[1]]", stdin=Path("x.npz").read_bytes())
    assert "holds 2 arrays (a, b); save it to a file, and name one, such as x.npz::a" in done.err
    assert done.status == 2


def test_a_damaged_image_in_a_pipe_is_one_line(photo: Path) -> None:
    data = Path("photo.png").read_bytes()
    done = run_command("run", "-k", "[[1]]", stdin=data[:3000])
    assert (done.status, done.data) == (1, b"")
    assert done.err.startswith("convcli: error: standard input is a broken image (")

"""Inputs: pipes that give little at a time, and arrays that nothing can hold."""

import io
import os
import struct
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray
from PIL import Image

from convcli.arrays.named.filters import named
from tests.conftest import npy_bytes, run_command, shell

ONE = ("-k", "[[1]]")


def test_a_pipe_may_give_little_at_a_time(in_tmp: Path) -> None:
    np.save("x.npy", np.ones((3, 3)))
    done = shell("(head -c 3 x.npy; sleep 0.3; tail -c +4 x.npy) | convcli run -k '[[1]]'")
    assert done.stdout == Path("x.npy").read_bytes(), done.stderr


def test_standard_streams_may_be_non_blocking(in_tmp: Path) -> None:
    np.save("x.npy", np.ones((300, 300)))
    Path("set.py").write_text(
        "import os, sys\nos.set_blocking(0, False)\nos.set_blocking(1, False)\n"
        "from convcli.cli import main\nsys.exit(main(sys.argv[1:]))\n"
    )
    done = shell(
        "(head -c 3 x.npy; sleep 0.3; tail -c +4 x.npy) | python3 set.py run -k '[[1]]' "
        "| (sleep 1; cat)"
    )
    assert done.stdout == Path("x.npy").read_bytes(), done.stderr


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="it reads as a broken disk does")
def test_a_read_error_names_the_input() -> None:
    done = shell("convcli run -k box < /proc/self/mem; convcli run /proc/self/mem -k box")
    assert done.returncode == 1
    assert b"standard input cannot be read: Input/output error" in done.stderr
    assert b"'/proc/self/mem' cannot be read: Input/output error" in done.stderr


def _header(shape: str) -> bytes:
    text = "{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + "}"
    text = text.ljust(1013) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    "args",
    [
        ("axes.npy", *ONE),
        ("ones:3x3", "-k", "axes.npy"),
        ("huge.npy", *ONE),
        ("ones:3x3", "-k", "huge.npy"),
        ("ones:3x3", "-f", "x".join("1" * 65)),
        ("ones:" + "x".join("1" * 65), *ONE),
        ("ones:3x3", "-k", "[" * 65 + "1" + "]" * 65),
        ("ones:3x3", *ONE, "--bias", "9" * 5000),
        ("ones:3x3", *ONE, "--bias", "²"),
    ],
)
def test_what_no_array_can_be_is_one_line(args: tuple[str, ...], in_tmp: Path) -> None:
    Path("axes.npy").write_bytes(_header("(" + "1," * 65 + ")") + bytes(8))
    Path("huge.npy").write_bytes(_header(f"(0, {10**21})"))
    done = run_command("run", *args, stdin=b"")
    assert done.status in (1, 2)
    assert done.err.startswith("convcli: error: ")
    assert done.err.count("\n") == 1


def test_a_file_that_python_2_wrote_is_read_in_silence(in_tmp: Path) -> None:
    Path("x.npy").write_bytes(_header("(2L, 2L)") + np.ones(4).tobytes())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = run_command("run", "x.npy", *ONE, stdin=b"")
    assert (done.status, done.err, done.array.tolist()) == (0, "", [[1, 1], [1, 1]])


@pytest.mark.parametrize(
    "kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_flipped_byte_of_an_archive_is_one_line(kind: int, in_tmp: Path) -> None:
    x = np.random.default_rng(0).integers(0, 9, (40, 40))
    with zipfile.ZipFile("x.npz", "w", kind) as archive:
        archive.writestr("x.npy", npy_bytes(x))
    assert np.array_equal(run_command("run", "x.npz", *ONE, stdin=b"").array, x)
    whole = Path("x.npz").read_bytes()
    for place in range(35, len(whole), 7):
        data = bytearray(whole)
        data[place] ^= 255
        Path("y.npz").write_bytes(data)
        done = run_command("run", "y.npz", *ONE, "-q", "-o", "out.npy", stdin=b"")
        if done.status:
            assert done.err.startswith("convcli: error: ")
            assert "y.npz" in done.err
            assert done.err.count("\n") == 1


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_small_floats_are_read_exactly(name: str, in_tmp: Path) -> None:
    kind = getattr(torch, name)
    bits = torch.arange(256, dtype=torch.uint8)
    w = bits.view(kind) if kind.itemsize == 1 else torch.arange(-128.0, 128).to(kind)
    safetensors.torch.save_file({"w": w.reshape(16, 16)}, "w.safetensors")
    torch.save({"w": w.reshape(16, 16)}, "w.pt")
    expected = w.float().reshape(16, 16).numpy()
    for file in ("w.safetensors", "w.pt"):
        found = run_command("run", file, *ONE, stdin=b"").array
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_tensors_that_numpy_lacks(in_tmp: Path) -> None:
    x = torch.arange(9.0).reshape(3, 3)
    torch.save(
        {
            "sparse": x.to_sparse(),
            "quantized": torch.quantize_per_tensor(x, 0.5, 0, torch.qint8),
            "negative": torch._neg_view(-x),
            "meta": torch.empty(3, 3, device="meta"),
            "nested": torch.nested.nested_tensor([x[0], x[0, :2]]),
            "list": [x, x + 1],
        },
        "t.pt",
    )
    for name in ("sparse", "quantized", "negative", "list.0"):
        done = run_command("run", f"t.pt::{name}", *ONE, stdin=b"")
        assert done.status == 0, done.err
        np.testing.assert_array_equal(done.array, x.numpy())
    for name in ("meta", "nested"):
        done = run_command("run", f"t.pt::{name}", *ONE, stdin=b"")
        assert done.status == 1
        assert f"'t.pt::{name}' is " in done.err
        assert done.err.count("\n") == 1


def test_a_sparse_tensor_with_indices_outside_it_is_refused(in_tmp: Path) -> None:
    """PyTorch would write outside its memory."""
    indices, values = torch.tensor([[5, -(2**60)]]), torch.ones(2)
    bad = torch.sparse_coo_tensor(indices, values, (3,), check_invariants=False)
    torch.save(bad, "bad.pt")
    done = shell("convcli run bad.pt -k '[1]'", in_tmp)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"convcli: error: 'bad.pt' cannot be read as weights")


def test_a_missing_file_needs_no_library(in_tmp: Path) -> None:
    probe = "import sys; from convcli.cli import main; main(sys.argv[1:])"
    probe += "; print('torch' in sys.modules)"
    done = shell(f'python3 -c "{probe}" run nosuch.pt -k box')
    assert done.stdout == b"False\n"
    assert b"'nosuch.pt': No such file" in done.stderr


def test_black_and_white_images_stay_so(in_tmp: Path) -> None:
    Image.fromarray(np.eye(5, dtype=bool)).save("bw.png")
    run_command("run", "bw.png", *ONE, "-o", "y.png", stdin=b"")
    assert np.asarray(Image.open("y.png")).tolist() == (np.eye(5) * 255).tolist()


def test_images_are_read_upright(in_tmp: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    x = np.arange(12, dtype=np.uint8).reshape(3, 4)
    Image.fromarray(x).save("x.png", exif=exif)
    found = run_command("run", "x.png", *ONE, stdin=b"").array
    assert np.array_equal(found, np.rot90(x, -1))


def test_pages_are_named(in_tmp: Path) -> None:
    pages = [Image.fromarray(np.full((3, 3), i, np.uint8)) for i in range(3)]
    pages[0].save("x.tif", save_all=True, append_images=pages[1:])
    done = run_command("run", "x.tif", *ONE, stdin=b"")
    assert done.status == 2
    assert "holds 3 pages; name one, from x.tif::0 to x.tif::2" in done.err
    assert run_command("run", "x.tif::2", *ONE, stdin=b"").array.max() == 2
    assert run_command("run", "x.tif::3", *ONE, stdin=b"").status == 1


def _png(x: NDArray[Any], kind: int) -> bytes:
    """Encode 16-bit samples as PNG, in rows with and without PNG's filter."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    rows, columns, channels = x.shape
    size = 2 * channels
    lines = x.astype(">u2").reshape(rows, -1).view(np.uint8).astype(int)
    left = np.hstack([np.zeros((rows, size), int), lines[:, :-size]])
    data = b""
    for i, line in enumerate(lines):  # filters 0 and 1: none, and the difference to the left
        data += bytes([i % 2]) + bytes(((line - left[i] * (i % 2)) % 256).tolist())
    head = struct.pack(">IIBBBBB", columns, rows, 16, kind, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _tiff(x: NDArray[Any], order: str) -> bytes:
    """Encode 16-bit colours as TIFF without compression, in either byte order."""
    rows, columns, _ = x.shape
    data = x.astype(f"{order}u2").tobytes()
    depths = struct.pack(f"{order}3H", 16, 16, 16)
    tags = {
        256: (4, 1, columns), 257: (4, 1, rows), 258: (3, 3, 8 + len(data)), 259: (3, 1, 1),
        262: (3, 1, 2), 273: (4, 1, 8), 277: (3, 1, 3), 278: (4, 1, rows), 279: (4, 1, len(data)),
    }  # fmt: skip
    entries = b""
    for tag, (kind, count, value) in tags.items():
        entries += struct.pack(f"{order}HHI", tag, kind, count)
        short = kind == 3 and count == 1
        entries += struct.pack(f"{order}H2x" if short else f"{order}I", value)
    mark = b"II" if order == "<" else b"MM"
    start = struct.pack(f"{order}HI", 42, 8 + len(data) + len(depths))
    entry_count = struct.pack(f"{order}H", len(tags))
    return mark + start + data + depths + entry_count + entries + bytes(4)


@pytest.mark.parametrize("kind", ["png", "png with alpha", "tiff <", "tiff >"])
def test_colours_of_sixteen_bits_are_read_exactly(kind: str, in_tmp: Path) -> None:
    channels = 4 if "alpha" in kind else 3
    x = np.random.default_rng(0).integers(0, 65536, (5, 4, channels), np.uint16)
    if kind.startswith("png"):
        Path("deep").write_bytes(_png(x, 6 if channels == 4 else 2))
    else:
        Path("deep").write_bytes(_tiff(x, kind[-1]))
    os.rename("deep", "deep.png")  # the content says which it is
    done = run_command("run", "deep.png", *ONE, stdin=b"")
    assert done.status == 0, done.err
    assert np.array_equal(done.array, x[..., :3])


def test_sixteen_bits_that_pillow_does_not_read_are_refused(in_tmp: Path) -> None:
    Path("deep.png").write_bytes(_png(np.ones((2, 2, 2), np.uint16), 4))  # grey and transparency
    Path("deep.ppm").write_bytes(b"P6 2 2 65535\n" + bytes(24))
    for name in ("deep.png", "deep.ppm"):
        done = run_command("run", name, *ONE, stdin=b"")
        assert done.status == 1
        assert f"'{name}' has 16 bits a channel, of which Pillow reads 8" in done.err


def test_transparency_is_not_convolved(in_tmp: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (4, 5, 4), np.uint8)
    Image.fromarray(x).save("x.png")
    done = run_command("run", "x.png", *ONE, stdin=b"")
    assert np.array_equal(done.array, x[..., :3])
    assert done.err == "convcli: note: 'x.png': its transparency is not convolved\n"


@pytest.mark.parametrize(("p", "kept"), [("same", True), ("0", False)])
def test_an_image_of_the_same_size_keeps_the_transparency(p: str, kept: bool, in_tmp: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (4, 5, 4), np.uint8)
    Image.fromarray(x).save("x.png")
    assert run_command("run", "x.png", "-k", "box:3", "-p", p, "-o", "y.png", stdin=b"").status == 0
    y = np.asarray(Image.open("y.png"))
    assert y.shape[2] == (4 if kept else 3)
    if kept:
        assert np.array_equal(y[..., 3], x[..., 3])
    assert run_command("run", "x.png", *ONE, "-o", "y.jpg", stdin=b"").status == 0


def test_small_floats_below_zero_do_not_come_out_black(in_tmp: Path) -> None:
    np.save("x.npy", np.array([[-0.5, 0.25, 1.0]], np.float32))
    run_command("run", "x.npy", *ONE, "-o", "y.png", stdin=b"")
    assert np.asarray(Image.open("y.png")).tolist() == [[0, 128, 255]]


def test_one_value_above_1_does_not_darken_an_image(in_tmp: Path) -> None:
    x = np.full((4, 4), 0.5, np.float32)
    x[0, 0] = 1.01
    np.save("x.npy", x)
    run_command("run", "x.npy", *ONE, "-o", "y.png", stdin=b"")
    assert np.asarray(Image.open("y.png")).min() > 120


@pytest.mark.parametrize("compression", ["tiff_lzw", "jpeg"])
def test_what_other_libraries_say_is_one_line_of_ours(compression: str, in_tmp: Path) -> None:
    encoded = io.BytesIO()
    x = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    Image.fromarray(x).save(encoded, "TIFF", compression=compression)
    whole = encoded.getvalue()
    said = set()
    for place in range(20, len(whole) - 40, len(whole) // 20):
        data = bytearray(whole)
        data[place : place + 40] = bytes(40)
        Path("x.tif").write_bytes(data)
        done = shell("convcli run x.tif -k box:1 -o y.npy -q")
        assert done.stderr.count(b"\n") <= 1
        said.add(done.stderr[:15])
        assert done.returncode == (1 if done.stderr.startswith(b"convcli: error:") else 0)
    assert said <= {b"", b"convcli: error:", b"convcli: note: "}


def test_a_warning_of_pillow_is_a_note(in_tmp: Path) -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0"  # of five entries there is none
    Image.fromarray(np.eye(9, dtype=np.uint8)).save("x.jpg", exif=exif)
    done = shell("convcli run x.jpg -k box:1 -o y.npy -q")
    assert done.returncode == 0
    assert done.stderr.startswith(b"convcli: note: 'x.jpg' may be damaged: Corrupt EXIF data")
    assert done.stderr.count(b"\n") == 1


def test_what_a_c_library_writes_is_taken(capfd: pytest.CaptureFixture[str]) -> None:
    from convcli.arrays.files.silenced import silenced

    with silenced() as said:
        os.write(2, b"TIFFReadDirectory: Warning\n")
    assert said == ["TIFFReadDirectory: Warning"]
    assert capfd.readouterr().err == ""


def test_too_many_pixels_are_refused(in_tmp: Path) -> None:
    Image.new("1", (20000, 10000)).save("x.png")
    done = run_command("run", "x.png", *ONE, stdin=b"")
    assert "more pixels than are read from an image" in done.err


def test_a_member_of_an_archive_is_one_array(in_tmp: Path) -> None:
    with zipfile.ZipFile("x.npz", "w") as archive:
        archive.writestr("x.npy", npy_bytes(np.eye(3)) + b"what follows is ignored, as by NumPy")
    assert np.array_equal(run_command("run", "x.npz", *ONE, stdin=b"").array, np.eye(3))


@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_wrong_checksum_is_found_before_the_report(kind: int, in_tmp: Path) -> None:
    with zipfile.ZipFile("x.npz", "w", kind) as archive:
        archive.writestr("x.npy", npy_bytes(np.eye(30)))
        right = archive.getinfo("x.npy").CRC.to_bytes(4, "little")
    Path("x.npz").write_bytes(Path("x.npz").read_bytes().replace(right, b"none"))
    done = run_command("run", "x.npz", *ONE, "-o", "y.npy", stdin=b"")
    assert (done.status, done.out) == (1, "")
    assert "Bad CRC-32" in done.err


# cv2.getGaussianKernel(size, 0), OpenCV 5.0.0
_OPENCV = {
    3: [0.25, 0.5, 0.25],
    5: [0.0625, 0.25, 0.375, 0.25, 0.0625],
    7: [0.03125, 0.109375, 0.21875, 0.28125, 0.21875, 0.109375, 0.03125],
}


def test_gaussian_is_that_of_opencv() -> None:
    for size, kernel in _OPENCV.items():
        np.testing.assert_allclose(named(f"gaussian:{size}", 1), kernel, rtol=1e-12)
    cv2 = pytest.importorskip("cv2")
    for size in range(1, 35, 2):
        expected = cv2.getGaussianKernel(size, 0).ravel()
        np.testing.assert_allclose(named(f"gaussian:{size}", 1), expected, rtol=1e-12)


@pytest.mark.parametrize(
    "args",
    [
        ("-k", "gaussian:4:1e-300"),
        ("-k", "log:3:1e200"),
        ("-k", "box:" + "9" * 5000),
        ("-k", "box:10000x10000x10000"),
        ("-k", "[[" + "9" * 5000 + "]]"),
        ("-k", "[[1]]", "--bias", "1e999"),
    ],
)
def test_numbers_that_no_filter_can_have(args: tuple[str, ...]) -> None:
    done = run_command("run", "ones:8x8", *args, stdin=b"")
    assert (done.status, done.data) in ((1, b""), (2, b""))
    assert done.err.startswith("convcli: error: ")
    assert done.err.count("\n") == 1
    assert len(done.err) < 500


def test_a_narrow_gaussian_of_even_size_is_finite() -> None:
    """The two middle pixels share the weight, though the bell is 0 in float64 at both."""
    np.testing.assert_array_equal(named("gaussian:4:0.001", 1), [0, 0.5, 0.5, 0])


def test_without_pillow_nothing_is_convolved_for_an_image(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = run_command("run", "nosuch.npy", *ONE, "-o", "y.png", stdin=b"")
    assert "'y.png', an image, needs pillow, which is not installed" in done.err


def test_float8_tables_are_those_of_pytorch() -> None:
    from convcli.arrays.formats.safetensors_files import _FLOAT8

    bits = torch.arange(256, dtype=torch.uint8)
    names = {
        "F8_E4M3": "float8_e4m3fn",
        "F8_E5M2": "float8_e5m2",
        "F8_E4M3FNUZ": "float8_e4m3fnuz",
        "F8_E5M2FNUZ": "float8_e5m2fnuz",
        "F8_E8M0": "float8_e8m0fnu",
    }
    for ours, theirs in names.items():
        expected = bits.view(getattr(torch, theirs)).float().numpy()
        np.testing.assert_array_equal(_FLOAT8[ours], expected, ours)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("x.npy", "-k", "[[1e400]]"), "-k '[[1e400]]' has numbers beyond the largest float64"),
        (("[[-1e999]]", *ONE), "INPUT '[[-1e999]]' has numbers beyond the largest float64"),
        (("none::x", *ONE), "'none': No such file"),
        (("x.npy::x", *ONE), "'x.npy' is one array; leave ::x out"),
        (("layer::x", *ONE), "rename 'layer', or leave ::x out"),
        (("m.onnx::up", *ONE), "the input 'm.onnx::up' is a model, whose layers are filters"),
        (("more.npy", *ONE), "'more.npy' has trailing bytes that are not another array"),
        (
            ("no_axis.npy", *ONE),
            "needs 2 to 4; use an input with more axes",
        ),
        (
            ("x.npy", *ONE, "-s", "a"),
            "write a size such as 8 or 8x6\n",
        ),
        (("x.npy", *ONE, "-q", "--format", "json"), "-q hides what --format json shows"),
        (("rand:9x", *ONE), "'rand:9x': size '9x' is not a whole number; write a size such as 8"),
        (("x.npy", "-k", "sobel", "--dims", "1"), "-k sobel has 2 axes, not --dims 1"),
        (("x.npy", "-k", "."), "-k '.' is a directory; name a file in it"),
        (("x.npy", *ONE, "--bias", "."), "--bias '.' is a directory; name a file in it"),
        (("x.npy", "-k", "1,2,3"), "numbers are written in brackets, such as -k [1,2,1]"),
        (("x.npy", "-k", "3x3"), "a filter of that size with random numbers use -f 3x3"),
        (("more.npz", "-k", "layer.npz::c"), "write such as layer.npz::c.weight"),
        (("x.npy", *ONE, "-o", "y.npy.gz"), "write -o y.npy, or add --output-format npy"),
    ],
)
def test_errors_name_the_cause(args: tuple[str, ...], message: str, in_tmp: Path) -> None:
    Path("x.npy").write_bytes(npy_bytes(np.ones((3, 3))))
    Path("more.npy").write_bytes(npy_bytes(np.ones((3, 3))) + b"xx")
    layer: Any = {"c.bias": np.ones(1), "c.weight": np.ones((1, 1, 3, 3))}
    np.savez("layer.npz", **layer)
    Path("layer").write_bytes(Path("layer.npz").read_bytes())
    Path("no_axis.npy").write_bytes(npy_bytes(np.ones(())))
    run = run_command("run", *args)
    assert run.status in (1, 2)
    assert run.err.count("\n") == 1
    assert message in run.err


def test_infinity_and_nan_may_be_written_as_python_does() -> None:
    run = run_command("run", "[[1,2]]", "-k", "[[-inf,NaN,Infinity]]", "-p", "0x1", "-q")
    np.testing.assert_array_equal(run.array, [[np.nan, np.nan]])
    run = run_command("run", "[[1,inf,-Inf,nan]]", *ONE, "-q")
    np.testing.assert_array_equal(run.array, [[1, np.inf, -np.inf, np.nan]])


def test_digits_may_be_left_out_as_python_does() -> None:
    run = run_command("run", "[[1.,.5,-.25,2.e1,.5e-1]]", *ONE, "-q")
    np.testing.assert_array_equal(run.array, [[1, 0.5, -0.25, 20, 0.05]])


def test_a_file_may_have_two_colons_in_its_name(in_tmp: Path) -> None:
    Path("a::b.npy").write_bytes(npy_bytes(np.eye(3)))
    np.testing.assert_array_equal(run_command("run", "a::b.npy", *ONE, "-q").array, np.eye(3))


def test_colours_of_lab_have_no_transparency(in_tmp: Path) -> None:
    Image.new("LAB", (9, 9), (50, 0, 0)).save("lab.tif")
    run = run_command("run", "lab.tif", *ONE, "-o", "y.png")
    assert "transparency" not in run.err
    with Image.open("y.png") as image:
        assert image.mode == "RGB"


@pytest.mark.parametrize(
    ("kind", "values"),
    [(None, [3_000_000_000, 2**32 - 1]), (1, [7, 2**31]), (2, [-3, 2**31 - 1])],
)
def test_integers_of_a_tiff_have_a_sign_if_it_says_so(
    kind: int | None, values: list[int], in_tmp: Path
) -> None:
    data = np.array(values, np.int64).astype("<u4").tobytes()
    tags = {256: 2, 257: 1, 258: 32, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: 8}
    if kind is not None:
        tags[339] = kind
    entries = b"".join(struct.pack("<HHIHxx", tag, 3, 1, value) for tag, value in tags.items())
    head = struct.pack("<2sHI", b"II", 42, 16) + data + struct.pack("<H", len(tags))
    Path("x.tif").write_bytes(head + entries + bytes(4))
    assert run_command("run", "x.tif", *ONE, "-q").array.tolist() == [values]


@pytest.mark.parametrize(("white", "full"), [(100, 255), (1023, 65535)])
def test_a_white_that_is_not_the_largest_value_is_noted(
    white: int, full: int, in_tmp: Path
) -> None:
    values = np.array([[0, 7, white]])
    body = values.astype("u1" if white < 256 else ">u2").tobytes()
    Path("x.pgm").write_bytes(f"P5\n3 1\n{white}\n".encode() + body)
    run = run_command("run", "x.pgm", *ONE)
    assert run.err == f"convcli: note: 'x.pgm': its white, {white}, is read as {full}\n"
    np.testing.assert_allclose(run.array, values * full / white, atol=0.5)
    Path("y.pgm").write_bytes(f"P5\n3 1\n{full}\n".encode() + bytes(6 if full > 255 else 3))
    assert run_command("run", "y.pgm", *ONE).err == ""


def test_colours_of_sixteen_bits_that_are_written_with_eight_are_noted(in_tmp: Path) -> None:
    x = np.random.default_rng(0).integers(0, 65536, (5, 4, 3), np.uint16)
    Path("x.png").write_bytes(_png(x, 2))
    run = run_command("run", "x.png", *ONE, "-o", "y.png")
    assert "0..65535 scaled to 0..255; -o y.npy keeps 16 bits" in run.err

"""Inputs: pipes that give little at a time, and arrays that nothing can hold."""

import io
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from convcli.arrays.filters import named
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
def test_tensors_that_numpy_lacks(in_tmp: Path) -> None:
    x = torch.arange(9.0).reshape(3, 3)
    torch.save(
        {
            "sparse": x.to_sparse(),
            "quantized": torch.quantize_per_tensor(x, 0.5, 0, torch.qint8),
            "negative": torch._neg_view(-x),
            "meta": torch.empty(3, 3, device="meta"),
            "list": [x, x + 1],
        },
        "t.pt",
    )
    for name in ("sparse", "quantized", "negative", "list.0"):
        done = run_command("run", f"t.pt::{name}", *ONE, stdin=b"")
        assert done.status == 0, done.err
        np.testing.assert_array_equal(done.array, x.numpy())
    done = run_command("run", "t.pt::meta", *ONE, stdin=b"")
    assert done.status == 1
    assert done.err.count("\n") == 1


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


def test_colours_of_sixteen_bits_are_not_rounded_in_silence(in_tmp: Path) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    rows = b"".join(b"\0" + bytes(range(12)) for _ in range(2))
    head = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    Path("deep.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    done = run_command("run", "deep.png", *ONE, stdin=b"")
    assert done.status == 1
    assert "16 bits for each of several channels" in done.err


def test_one_value_above_1_does_not_darken_an_image(in_tmp: Path) -> None:
    x = np.full((4, 4), 0.5, np.float32)
    x[0, 0] = 1.01
    np.save("x.npy", x)
    run_command("run", "x.npy", *ONE, "-o", "y.png", stdin=b"")
    assert np.asarray(Image.open("y.png")).min() > 120


def test_other_libraries_write_nothing(in_tmp: Path) -> None:
    encoded = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).save(
        encoded, "TIFF", compression="tiff_lzw"
    )
    data = bytearray(encoded.getvalue())
    for place in range(20, 400, 3):
        data[place] ^= 0x55
    Path("x.tif").write_bytes(data)
    done = shell("convcli run x.tif -k box:1 -o y.npy -q")
    assert done.stderr.count(b"\n") == (1 if done.returncode else 0)
    assert done.stderr[:16] in (b"", b"convcli: error: ")


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

"""Formats: archives, images, weights; what is read, written, and said of broken ones."""

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from PIL import Image

from convcli.arrays.formats.pixels import Scaling, own_range, to_pixels
from tests.conftest import DATA, npy_bytes, run_command

ONE = ("-k", "[[1]]")


def _run(*args: str, **more: Any) -> Any:
    done = run_command("run", *args, **more)
    assert done.status == 0, done.err
    return done.array


def test_npz_members(in_tmp: Path) -> None:
    np.savez("two.npz", a=np.arange(4).reshape(2, 2), b=np.ones((3, 3)))
    np.savez_compressed("one.npz", np.arange(6).reshape(2, 3))
    assert _run("two.npz::a", *ONE, stdin=b"").tolist() == [[0, 1], [2, 3]]
    assert _run("two.npz::b", "-k", "two.npz::a", stdin=b"").tolist() == [[6, 6], [6, 6]]
    assert _run("one.npz", *ONE, stdin=b"").shape == (2, 3)


def test_weights_of_pytorch_and_safetensors(in_tmp: Path) -> None:
    pnet = str(DATA / "pnet.pt")
    state = torch.load(pnet, weights_only=True)
    safetensors.numpy.save_file(
        {k: np.ascontiguousarray(v) for k, v in state.items()}, "pnet.safetensors"
    )
    x = np.random.default_rng(0).random((3, 9, 8), np.float32)
    expected = torch.nn.functional.conv2d(
        torch.from_numpy(x), state["conv1.weight"], state["conv1.bias"]
    )
    for file in (pnet, "pnet.safetensors"):
        found = _run(
            "-", "-k", f"{file}::conv1.weight", "--bias", f"{file}::conv1.bias", stdin=npy_bytes(x)
        )
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)


def test_nested_and_bfloat16_weights(in_tmp: Path) -> None:
    torch.save({"model": {"w": torch.tensor([[1.5, 2]], dtype=torch.bfloat16)}, "epoch": 3}, "m.pt")
    assert _run("ones:1x2", "-k", "m.pt::model.w", stdin=b"").tolist() == [[3.5]]
    torch.save(torch.nn.Parameter(torch.ones(2, 2)), "tensor.pth")
    assert _run("ones:2x2", "-k", "tensor.pth", stdin=b"").tolist() == [[4]]


def test_images_in_have_their_axes_known(in_tmp: Path) -> None:
    photo = np.load(DATA / "photo.npy")
    Image.fromarray(photo).save("photo.png")
    Image.fromarray(photo[..., 0]).save("grey.png")
    assert np.array_equal(_run("photo.png", *ONE, stdin=b""), photo)
    assert np.array_equal(_run("grey.png", *ONE, stdin=b""), photo[..., 0])
    by_hand = _run(str(DATA / "photo.npy"), "--layout", "HWC", "-k", "sobel-x", stdin=b"")
    assert np.array_equal(_run("photo.png", "-k", "sobel-x", stdin=b""), by_hand)


def test_sixteen_bit_and_palette_images(in_tmp: Path) -> None:
    deep = np.arange(0, 60000, 5000, dtype=np.uint16).reshape(3, 4)
    Image.fromarray(deep).save("deep.png")
    assert np.array_equal(_run("deep.png", *ONE, stdin=b""), deep)
    Image.fromarray(np.load(DATA / "photo.npy")).quantize(16).save("palette.png")
    assert _run("palette.png", *ONE, stdin=b"").shape == (128, 160, 3)


def test_images_out_say_how_values_were_scaled(in_tmp: Path) -> None:
    Image.fromarray(np.load(DATA / "photo.npy")).save("photo.png")
    done = run_command(
        "run", "photo.png", "-k", "sobel-x", "-o", "edges.png", "--format", "json", stdin=b""
    )
    record = json.loads(done.out)
    edges = _run("photo.png", "-k", "sobel-x", stdin=b"")
    assert record["mapping"] == f"{edges.min()}..{edges.max()} scaled to 0..255"
    written = np.asarray(Image.open("edges.png")).astype(float)
    exact = (edges - edges.min()) / (edges.max() - edges.min()) * 255
    assert np.abs(written - exact).max() <= 0.5
    assert (written.min(), written.max()) == (0, 255)


def test_a_blurred_photograph_keeps_its_brightness(in_tmp: Path) -> None:
    photo = np.load(DATA / "photo.npy")
    Image.fromarray(photo).save("photo.png")
    table = run_command(
        "run", "photo.png", "-k", "identity", "-p", "1", "-o", "same.png", "--format", "table",
        stdin=b"",
    )  # fmt: skip
    assert "0..255 kept" in table.out
    assert np.array_equal(np.asarray(Image.open("same.png")), photo)


@pytest.mark.parametrize(
    ("values", "pixels", "mapping"),
    [
        ([0, 7, 255], [0, 7, 255], "0..255 kept"),
        ([0.0, 7.4, 255.0], [0, 7, 255], "0..255 rounded"),
        ([-1e-5, 7.4, 255.00002], [0, 7, 255], "0..255 rounded"),
        ([-1e-8, 0.5, 1.0000001], [0, 128, 255], "0..1 scaled to 0..255"),
        ([0.0, 0.5, 1.0], [0, 128, 255], "0..1 scaled to 0..255"),
        ([-1, 0, 1], [0, 128, 255], "-1..1 scaled to 0..255"),
        ([0, 256, 512], [0, 128, 255], "0..512 scaled to 0..255"),
        ([-5, -5], [0, 0], "-5..-5 scaled to 0..255"),
    ],
)
def test_values_to_bytes(values: list[float], pixels: list[int], mapping: str) -> None:
    x = np.array(values)
    found, said = to_pixels(x, Scaling(None, *own_range(x)), "x.png")
    assert (found.tolist(), said.text) == (pixels, mapping)


def test_channel_first_and_single_channels_become_images(in_tmp: Path) -> None:
    run_command("run", "rand:3x9x8", *ONE, "-o", "rgb.png", stdin=b"")
    run_command("run", "rand:1x9x8", *ONE, "-o", "grey.png", stdin=b"")
    assert np.asarray(Image.open("rgb.png")).shape == (9, 8, 3)
    assert np.asarray(Image.open("grey.png")).shape == (9, 8)


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        ("two.npz", 2, "'two.npz' holds 2 arrays (a, b); name one, such as two.npz::a"),
        ("two.npz::bb", 1, "no member 'bb' (it holds a, b); write such as two.npz::b\n"),
        ("two.npz::objects", 1, "no member 'objects'"),
        ("pickled.npz", 1, "pickled Python objects"),
        ("broken.npz", 1, "is damaged"),
        ("broken.png", 1, "is not an image that Pillow can read"),
        ("empty.png", 1, "'empty.png' is empty; save it again\n"),
        (
            "x.wav",
            1,
            "'x.wav' holds sound or video, not an image; save its numbers as .npy or .txt",
        ),
        ("double.tif", 1, "is a TIFF of a kind that Pillow does not read; save it as .npy"),
        ("cut.png", 1, "broken image"),
        ("photo.png::x", 2, "is an image, which has no members"),
        ("x.npy::a", 2, "is one array; leave ::a out"),
        ("broken.pt", 1, "cannot be read as weights"),
        ("code.pt", 1, "cannot be read as weights"),
        ("empty.pt", 1, "holds no tensor"),
        ("broken.safetensors", 1, "cannot be read as safetensors"),
        ("rand:5x9x8 -o y.png", 1, "an image has 1, 3 or 4 channels, and the output 5"),
        ("rand:9 -k [1] -o y.png", 1, "an image has rows and columns"),
        ("nan.npy -o y.png", 1, "cannot hold NaN or infinity"),
        ("nope.png", 1, "'nope.png': No such file"),
        ("nope.pt", 1, "'nope.pt': No such file"),
        ("nope.safetensors", 1, "No such file"),
        ("nope.npz", 1, "'nope.npz': No such file"),
    ],
)
def test_mistakes_with_files(args: str, status: int, message: str, in_tmp: Path) -> None:
    np.savez("two.npz", a=np.arange(4).reshape(2, 2), b=np.ones((3, 3)))
    np.savez("pickled.npz", np.array([[print]], object))
    np.save("x.npy", np.ones((3, 3)))
    np.save("nan.npy", np.full((3, 3), np.nan))
    Image.fromarray(np.load(DATA / "photo.npy")).save("photo.png")
    Path("cut.png").write_bytes(Path("photo.png").read_bytes()[:3000])
    for ending in ("npz", "png", "pt", "safetensors"):
        Path(f"broken.{ending}").write_bytes(b"this is none")
    Path("empty.png").touch()
    Path("x.wav").write_bytes(b"RIFF\x24\0\0\0WAVEfmt " + bytes(28))
    Path("double.tif").write_bytes(b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIH6x", 258, 3, 1, 64))
    torch.save({"f": print}, "code.pt")
    torch.save({"epoch": 3}, "empty.pt")
    more: tuple[str, ...] = () if "-k" in args else ONE
    done = run_command("run", *args.split(), *more, stdin=b"")
    assert (done.status, done.data) == (status, b""), done.err
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not Path("y.png").exists()
    assert not list(Path().glob(".*.part"))


def test_many_inputs_go_to_a_directory(in_tmp: Path) -> None:
    for name in ("a", "b", "c"):
        np.save(f"{name}.npy", np.full((3, 3), ord(name)))
    Image.fromarray(np.load(DATA / "photo.npy")).save("photo.png")
    done = run_command(
        "run", "a.npy", "b.npy", "c.npy", "photo.png", "rand:4x4", "-k", "box:1", "-o", "out/",
        tty=True,
    )  # fmt: skip
    assert done.status == 0
    names = sorted(path.name for path in Path("out").iterdir())
    assert names == ["a.npy", "b.npy", "c.npy", "photo.png", "rand-4x4.npy"]
    assert np.load("out/b.npy").tolist() == np.full((3, 3), 98.0).tolist()
    assert done.out.count("out/") == 5
    again = run_command("run", "a.npy", "out/a.npy", "-k", "box:1", "-o", "out/", stdin=b"")
    assert (again.status, again.err) == (
        2,
        "convcli: error: 2 inputs would be written to 'out/a.npy'; run them into different "
        "directories\n",
    )
    one = run_command("run", "a.npy", "b.npy", "-k", "box:1", "-o", "one.npy", stdin=b"")
    assert (one.status, Path("one.npy").exists()) == (2, False)


def test_a_page_of_an_image_goes_to_a_directory_as_an_image(in_tmp: Path) -> None:
    pages = [Image.fromarray(np.full((3, 3), i, np.uint8)) for i in (0, 9)]
    pages[0].save("x.tif", save_all=True, append_images=pages[1:])
    np.savez("x.npz", a=np.eye(3))
    done = run_command("run", "x.tif::0", "x.tif::1", "x.npz::a", *ONE, "-o", "d/", stdin=b"")
    assert done.status == 0, done.err
    assert sorted(path.name for path in Path("d").iterdir()) == ["x-0.tif", "x-1.tif", "x-a.npy"]
    with Image.open("d/x-1.tif") as image:
        assert np.asarray(image).max() == 9


def test_a_stream_of_arrays_is_convolved_each_in_turn(in_tmp: Path) -> None:
    arrays: list[Any] = [
        np.arange(9).reshape(3, 3),
        np.ones((2, 4), np.float32),
        np.ones((2, 2), np.uint8),
    ]
    done = run_command("run", "-k", "[[2]]", stdin=npy_bytes(*arrays))
    stream = io.BytesIO(done.data)
    for array in arrays:
        assert np.array_equal(np.load(stream), array * 2)
    assert stream.read() == b""
    broken = run_command("run", "-k", "[[2]]", stdin=npy_bytes(*arrays) + b"junk")
    assert broken.status == 1
    assert "not another array (b'junk')" in broken.err


def test_without_pillow_the_error_says_how_to_get_it(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("x.png").touch()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = run_command("run", "x.png", *ONE, stdin=b"")
    assert done.status == 1
    assert "needs pillow, which is not installed; " in done.err


def test_a_dark_image_stays_dark(in_tmp: Path) -> None:
    dark = np.zeros((9, 9), np.uint8)
    dark[4, 4] = 1
    Image.fromarray(dark).save("dark.png")
    run_command("run", "dark.png", "-k", "box:3", "-o", "blurred.png", stdin=b"")
    assert np.asarray(Image.open("blurred.png")).max() <= 1


@pytest.mark.parametrize("name", ["y.pt", "y.safetensors", ""])
def test_formats_that_are_read_alone_are_not_written(name: str, in_tmp: Path) -> None:
    done = run_command("run", "ones:3x3", *ONE, "-o", name, stdin=b"")
    assert done.status == 2
    assert not list(Path().iterdir())


def test_many_inputs_say_how_images_were_mapped(in_tmp: Path) -> None:
    Image.fromarray(np.load(DATA / "photo.npy")).save("photo.png")
    done = run_command("run", "photo.png", "rand:4x4", "-k", "box:1", "-o", "out/", tty=True)
    assert "0..255 kept" in " ".join(done.out.split())

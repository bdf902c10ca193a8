"""What an image holds beside its values: transparency, colour profile, resolution."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import DATA, run_command

BLUR = ("-k", "box:3", "-p", "same")
COLOURS = Image.fromarray(np.load(DATA / "photo.npy"))


def _profile(space: bytes) -> bytes:
    """Make the header of an ICC profile: what Pillow copies without looking at it."""
    return bytes(16) + space + bytes(108)


def _info(image: Image.Image, ending: str, *args: str) -> tuple[object, object, str]:
    image.save("x.tif", icc_profile=image.info["icc_profile"], dpi=(300, 300))
    done = run_command("run", "x.tif", *(args or BLUR), "-o", f"y.{ending}", stdin=b"")
    assert done.status == 0, done.err
    with Image.open(f"y.{ending}") as made:
        dpi = made.info.get("dpi")
        return made.info.get("icc_profile"), dpi and tuple(map(round, dpi)), done.err


@pytest.mark.parametrize("ending", ["png", "jpg", "tif"])
@pytest.mark.parametrize(("mode", "space"), [("RGB", b"RGB "), ("L", b"GRAY")])
def test_profile_and_resolution_are_kept(
    mode: str, space: bytes, ending: str, in_tmp: Path
) -> None:
    image = COLOURS.convert(mode)
    image.info["icc_profile"] = _profile(space)
    assert _info(image, ending) == (_profile(space), (300, 300), "")


@pytest.mark.parametrize(
    ("mode", "space", "ending", "kernel", "noted"),
    [
        ("RGB", b"RGB ", "bmp", "box:3", True),
        ("RGB", b"RGB ", "png", "[[[[0.3]],[[0.6]],[[0.1]]]]", True),  # grey of colours
        ("CMYK", b"CMYK", "png", "box:3", False),  # converted to RGB
    ],
)
def test_a_profile_of_other_channels_is_not_kept(
    mode: str, space: bytes, ending: str, kernel: str, noted: bool, in_tmp: Path
) -> None:
    image = COLOURS.convert(mode)
    image.info["icc_profile"] = _profile(space)
    found, _, said = _info(image, ending, "-k", kernel)
    assert found is None
    assert said == noted * (
        f"convcli: note: 'y.{ending}' does not keep the colour profile of 'x.tif'; "
        f"{'write a .png' if ending == 'bmp' else 'a .png with as many channels does'}\n"
    )


@pytest.mark.parametrize(
    ("ending", "padding", "kept"),
    [("png", "same", True), ("webp", "same", True), ("png", "0", False)]
    + [(ending, "same", False) for ending in ("jpg", "bmp", "gif", "ppm")],
)
def test_a_note_says_where_transparency_is_dropped(
    ending: str, padding: str, kept: bool, in_tmp: Path
) -> None:
    image = COLOURS.copy()
    image.putalpha(100)
    image.save("x.png")
    done = run_command("run", "x.png", "-k", "box:3", "-p", padding, "-o", f"y.{ending}", stdin=b"")
    remedy = "add -p same" if ending == "png" else "write a .png"
    dropped = f"convcli: note: 'y.{ending}' does not keep the transparency of 'x.png'; {remedy}\n"
    assert (dropped in done.err) is not kept
    with Image.open(f"y.{ending}") as made:
        assert made.has_transparency_data is kept


def test_an_opaque_image_has_no_transparency_to_note(in_tmp: Path) -> None:
    image = COLOURS.copy()
    image.putalpha(255)
    image.save("x.png")
    for ending in ("png", "jpg"):
        args = ("x.png", "-k", "box:3", "-p", "same", "-o", f"y.{ending}")
        assert run_command("run", *args, stdin=b"").err == ""


def test_what_several_images_do_not_keep_is_one_note(in_tmp: Path) -> None:
    image = COLOURS.copy()
    image.putalpha(100)
    for name in "abc":
        image.save(f"{name}.png")
    args = ("a.png", "b.png", "c.png", "-k", "box:3", "-o", "out/", "--output-format", "bmp")
    notes = run_command("run", *args, stdin=b"").err.splitlines()
    (note,) = [line for line in notes if "does not keep" in line]
    assert "the transparency of 'a.png' (2 more images likewise); write a .png, and add -p" in note


def test_grey_of_16_bits_is_that_in_every_format(in_tmp: Path) -> None:
    deep = np.arange(0, 60000, 5000, dtype=np.uint16).reshape(3, 4)
    Path("x.pgm").write_bytes(b"P5 4 3 65535\n" + deep.astype(">u2").tobytes())
    done = run_command("run", "x.pgm", "-k", "[[1]]", "-o", "y.png", stdin=b"")
    assert (done.status, done.err) == (0, "")
    with Image.open("y.png") as made:
        assert np.array_equal(np.array(made), deep)


def test_the_only_page_may_be_named(in_tmp: Path) -> None:
    COLOURS.save("x.png")
    named, unnamed = (run_command("run", x, "-k", "[[1]]").data for x in ("x.png::0", "x.png"))
    assert named == unnamed
    assert run_command("run", "x.png::1", "-k", "[[1]]").status == 2

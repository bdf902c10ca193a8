"""`--plot`: pictures with a scale, side by side where they fit, in colours that mean something."""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convcli.run.pictures.heat_map import Scale, bar, picture, scale_of, shrink
from convcli.run.pictures.plot import _side_by_side
from tests.conftest import run_command

GOLDENS = Path(__file__).parents[1] / "goldens"
CASES = {
    "plot": "arange:8x8 -k sobel-x -p 1",
    "plot-image": "photo.png -k sobel-x -p same",
    "plot-line": "arange:60 -k [-1,0,1] -s 2",
    "plot-pool": "arange:2x12x40 --pool avg -f 2",
}


def _photo() -> None:
    y, x = np.mgrid[:48, :64]
    photo = np.stack([x * 4, y * 5, 255 - x * 4], -1).astype(np.uint8)
    photo[10:30, 20:40] = (255, 40, 40)
    Image.fromarray(photo).save("photo.png")


def _plot(case: str, width: int, coloured: bool, patch: pytest.MonkeyPatch) -> str:
    patch.setenv("COLUMNS", str(width))
    for name, value in {"TERM": "xterm-256color", "COLORTERM": "truecolor"}.items():
        patch.setenv(name, value)
    for name, wanted in {"FORCE_COLOR": coloured, "NO_COLOR": not coloured}.items():
        patch.setenv(name, "1") if wanted else patch.delenv(name, raising=False)
    done = run_command("run", *case.split(), "--plot", "-o", "/dev/null", tty=True)
    assert done.status == 0
    return done.out[done.out.index("╰") :].partition("\n")[2].lstrip("\n")


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("coloured", [False, True])
def test_pictures(
    name: str,
    width: int,
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    in_tmp: Path,
) -> None:
    """Rewrite them with ``pytest --rewrite-goldens``, and read the difference."""
    _photo()
    text = _plot(CASES[name], width, coloured, monkeypatch)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert max(map(len, plain.splitlines())) <= width
    text = text if coloured else plain
    lines = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    golden = GOLDENS / f"{name}-{width}{'-colour' if coloured else ''}.txt"
    if request.config.getoption("--rewrite-goldens"):
        golden.write_text(lines.replace("\x1b", "␛"))
    assert lines.replace("\x1b", "␛") == golden.read_text()


def test_no_ink_is_the_least_and_a_question_mark_no_number() -> None:
    values = np.array([[0.0, 1], [0.5, np.nan]])
    assert picture(values, scale_of(values, signed=False), 4, False).plain == "  @@\n==??"


def _styles(values: Any, scale: Scale) -> list[str]:
    return [str(span.style) for span in picture(np.array(values), scale, 2, True).spans]


def test_two_pixels_make_a_line_of_colours() -> None:
    assert _styles([[0.0, 1], [1, 0]], Scale(0, 1, "amounts")) == [
        "rgb(38,54,110) on rgb(244,196,66)",
        "rgb(244,196,66) on rgb(38,54,110)",
    ]


def test_zero_is_the_middle_of_signed_numbers() -> None:
    scale = scale_of(np.array([-1.0, 0, 4]), signed=True)
    assert (scale.low, scale.high) == (-4, 4)
    blue, grey, red = "rgb(59,76,192)", "rgb(221,221,221)", "rgb(180,4,38)"
    assert _styles([[-4.0, 0], [4, np.inf]], scale) == [
        f"{blue} on {red}",
        f"{grey} on rgb(255,0,255)",
    ]
    assert bar(scale, 21, False).plain.splitlines()[1].split() == ["-4", "0", "4"]


def test_three_channels_are_drawn_as_colours() -> None:
    above, below = [[255.0, 0, 51]] * 2, [[0.0, 255, 0]] * 2
    styles = _styles([above, below], Scale(0, 255, "light"))
    assert styles == ["rgb(255,0,51) on rgb(0,255,0)"] * 2


def test_a_large_picture_is_averaged_down() -> None:
    x = np.arange(20.0).reshape(4, 5)
    found = shrink(x, 2)
    assert found.shape == (2, 3)
    assert found[0, 0] == x[:2, :2].mean()
    assert found[1, 2] == x[2:, 4:].mean()
    colours = shrink(np.stack([x, x + 1, x + 2], -1), 2)
    assert np.allclose(colours - found[..., None], [0, 1, 2])


def test_the_widest_pictures_give_way_until_they_are_too_narrow() -> None:
    assert _side_by_side([64, 22, 64], 160) == [64, 22, 64]
    assert _side_by_side([64, 22, 64], 80) == [27, 22, 27]
    assert _side_by_side([22, 22, 22], 70) == [22, 22, 22]
    assert _side_by_side([22, 22, 22], 69) is None


def test_plot_says_which_part_it_draws(monkeypatch: pytest.MonkeyPatch, in_tmp: Path) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    out = run_command("run", "rand:2x4x8x8", "-f", "3", "-c", "3", "--plot", tty=True).out
    assert "the first of N and C" in out  # a layer's three outputs are not colours
    assert "as brightness" not in out
    assert "as colours" not in out
    z = np.array([[3 + 4j, 0], [0, 1]])
    np.save("z.npy", z)
    assert "magnitudes" in run_command("run", "z.npy", "-k", "[[1]]", "--plot", tty=True).out
    np.save("c.npy", np.full((3, 8, 8), np.nan))
    odd = run_command("run", "c.npy", "-k", "[[1]]", "--plot", tty=True)
    assert odd.status == 0


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_a_picture_does_not_replace_what_it_shows(in_tmp: Path, ending: str) -> None:
    _photo()
    Path("photo.png").rename(f"x.{ending}")
    before = Path(f"x.{ending}").read_bytes()
    os.link(f"x.{ending}", f"y.{ending}")
    for shown in ("--plot", "--explain"):
        run = run_command("run", f"x.{ending}", "-k", "box:3", shown, "-o", f"y.{ending}")
        assert run.status == 2
        assert f"-o y.{ending} is also the input 'x.{ending}'" in run.err
    run = run_command("run", "rand:9x9", "-k", f"x.{ending}", "--plot", "-o", f"y.{ending}")
    assert run.status == 2
    assert Path(f"x.{ending}").read_bytes() == before


def test_both_filters_of_a_gradient_are_drawn(in_tmp: Path) -> None:
    np.save("x.npy", np.random.default_rng(0).random((9, 9)))
    shown = run_command("run", "x.npy", "-k", "sobel", "--plot", tty=True).out
    for name in ("filter 1", "filter 2", "output: magnitude of both"):
        assert name in shown
    assert run_command("run", "x.npy", "-k", "sobel", "--plot", "-o", "y.svg").status == 0
    assert "filter 2 3x3 int64" in Path("y.svg").read_text()
    assert "filter 1" not in run_command("run", "x.npy", "-k", "sobel-x", "--plot", tty=True).out

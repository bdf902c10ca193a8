"""`-o` with `--explain`, `--animate` and `--plot`: which file is written, and what goes wrong."""

import io
import json
import re
import subprocess
import xml.etree.ElementTree as ET
from base64 import b64decode
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from convcli.pictures import files
from tests.conftest import npy_bytes, run_command, run_without
from tests.models import makers
from tests.pictures.test_scenes import SVG, check_layout, groups, texts

ROOT = Path(__file__).parent.parent.parent
LAYER = "shape -n 8 -f 3 -p 1 -s 2"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_picture_of_the_readme_is_what_its_command_makes() -> None:
    done = run_command(*f"{LAYER} --explain -o conv.svg".split())
    assert (done.status, done.out, done.err) == (0, "", "")
    assert Path("conv.svg").read_bytes() == (ROOT / ".github" / "conv.svg").read_bytes()


def test_the_animation_of_the_readme_is_what_its_command_makes() -> None:
    run_command(*f"{LAYER} --animate -o conv.svg".split())
    kept = (ROOT / ".github" / "conv-animated.svg").read_bytes()
    assert Path("conv.svg").read_bytes() == kept


@pytest.mark.parametrize(
    ("args", "start"),
    [
        ("--explain -o conv.svg", b"<svg "),
        ("--explain -o CONV.SVG", b"<svg "),
        ("--explain -o conv.png", b"\x89PNG"),
        ("--explain -o conv.tex", b"% Convolution, 8x8 to 4x4\n"),
        ("--explain -o conv.html", b"<!"),
        ("--animate -o conv.gif", b"GIF89a"),
        ("--animate -o conv.svg", b"<svg "),
        ("--animate --frame 3 -o conv.png", b"\x89PNG"),
        ("--animate --frame 3 -o conv.tex", b"% Convolution"),
    ],
)
def test_the_ending_says_the_format(args: str, start: bytes) -> None:
    done = run_command(*LAYER.split(), *args.split())
    assert (done.status, done.out, done.err) == (0, "", "")
    assert Path(args.rsplit(maxsplit=1)[-1]).read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ("--explain -o conv.gif", "svg, png, tex, html; write -o conv.svg"),
        ("--explain -o conv.pdf", "svg, png, tex, html; write -o conv.svg"),
        ("--explain -o conv", "write -o conv.svg"),
        ("--explain -o -", "write -o conv.svg"),
        ("--explain -o out/", "write -o out/conv.svg"),
        ("--explain -o out/.svg", "write -o out/conv.svg"),
        ("--explain -o /dev/stdout", "write -o conv.svg"),
        ("-o -", "leave out -o -, as text goes to standard output"),
        ("--animate -o conv.mp4", "gif, svg; write -o conv.gif"),
        ("--animate -o conv.png", "add --frame 1 for one frame of it, or write -o conv.gif"),
        ("--animate -o conv.html", "write -o conv.gif"),
        ("-o conv.svg", "add --explain"),
        ("-o sizes.txt", "write text with > sizes.txt"),
        ("--frame 1", "add --animate -o conv.svg"),
        ("--explain --frame 1 -o conv.svg", "write --animate in place of --explain"),
        ("--animate --frame 0 -o conv.svg", "use --frame 1"),
        ("--animate --frame 17 -o conv.svg", "use --frame 16"),
        ("--animate --explain -o conv.svg", "leave out one of the two"),
        ("--explain -o conv.svg --format json", "leave out one of the two"),
    ],
)
def test_what_is_wrong_is_one_line(args: str, line: str) -> None:
    done = run_command(*LAYER.split(), *args.split())
    assert done.status == 2
    assert done.err.startswith("convcli: error: ")
    assert done.err.endswith(f"{line}\n")
    assert done.err.count("\n") == 1
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("shape -n 8,9 -f 3 --explain -o c.svg", "shows one case, not a sweep"),
        ("shape -n 8..99 -f 3 --animate -o c.svg", "shows one case, not a sweep"),
        ("shape lenet5 -n 32,64 --explain -o c.svg", "shows one case, not a sweep"),
        ("shape lenet5 --frame 1", "the animation of a single layer; leave it out"),
        ("shape -n 8 -l f --frame 1 --explain -o c.svg", "of a single layer; leave it out"),
        ("shape lenet5 --animate -o c.svg", "cannot be combined with --animate"),
        ("shape -n 224 -f 3 --animate -o c.gif", "49284 are more than 400"),
        ("shape --solve n -f 3 --output 12", "the wanted output size is --out 12"),
        ("run rand:3x3 rand:4x4 -k box --plot -o c.svg", "a picture of one input, and 2"),
        ("run rand:9x9 -k box --plot --explain -o c.svg", "leave out all but one"),
        ("run rand:9x9 -k box -o c.svg", "add --explain, --animate or --plot"),
        ("run rand:9x9 -k box --plot -o c.tex", "png, svg; write -o c.png"),
        ("run rand:9x9 -k box --plot -o c.html", "png, svg; write -o c.png"),
        ("run rand:9x9 -k box --frame 2", "add --animate -o conv.svg"),
    ],
)
def test_what_cannot_be_drawn_is_refused(command: str, line: str) -> None:
    done = run_command(*command.split())
    assert done.status == 2
    assert line in done.err
    assert not list(Path().iterdir())


@pytest.mark.parametrize("command", ["shape lenet5", "run arange:5x5 -k box"])
def test_a_page_of_what_does_not_compute_holds_the_picture(command: str) -> None:
    for ending in ("svg", "html"):
        assert run_command(*command.split(), "--explain", "-o", f"c.{ending}").status == 0
    page, picture = Path("c.html").read_text(), Path("c.svg").read_text()
    assert page.startswith("<!doctype html>")
    assert picture in page
    title = ElementTree.fromstring(picture).findtext("{http://www.w3.org/2000/svg}title")
    assert f"<title>{title}</title>" in page


def test_a_directory_that_is_missing_is_named_before_any_work() -> None:
    done = run_command(*LAYER.split(), "--explain", "-o", "no/conv.svg")
    assert done.status == 1
    assert done.err.endswith("there is no directory 'no'; make it: mkdir -p no\n")


def test_without_pillow_the_install_command_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "PIL" else found(name)
    )
    done = run_command(*LAYER.split(), "--explain", "-o", "conv.png")
    assert done.status == 1
    assert "'conv.png', an image, needs pillow, which is not installed; " in done.err
    assert done.err.endswith("install pillow\n")
    assert run_command(*LAYER.split(), "--explain", "-o", "conv.svg").status == 0


def test_a_failure_leaves_the_old_file_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("conv.svg").write_text("old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("convcli.arrays.files.transfer.write_all", fail)
    done = run_command(*LAYER.split(), "--explain", "-o", "conv.svg")
    assert done.status == 1
    assert Path("conv.svg").read_text() == "old"
    assert [path.name for path in Path().iterdir()] == ["conv.svg"]


@pytest.mark.parametrize(
    ("modules", "args"),
    [
        ("numpy,PIL,torch", f"{LAYER} --explain -o conv.svg"),
        ("numpy,PIL,torch", f"{LAYER} --explain -o conv.tex"),
        ("numpy,PIL,torch", f"{LAYER} --animate -o conv.svg"),
        ("numpy,torch", f"{LAYER} --explain -o conv.png"),
        ("convcli.pictures,rich,numpy,PIL", LAYER),
        ("convcli.pictures.scene,PIL", "run rand:8x8 -k rand:3x3 -o y.npy"),
        ("PIL", "run rand:8x8 -k rand:3x3 --plot -o y.svg"),
    ],
)
def test_nothing_is_imported_that_a_picture_does_not_need(modules: str, args: str) -> None:
    done = run_without(modules, *args.split())
    assert done.returncode == 0, done.stderr.decode()


def test_the_test_of_imports_can_fail() -> None:
    done = run_without("PIL", *f"{LAYER} --explain -o conv.png".split())
    assert done.returncode == 1
    assert "imported: ['PIL']" in done.stderr.decode()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n=st.integers(2, 9), f=st.integers(1, 4), s=st.integers(1, 3), p=st.integers(0, 2),
    d=st.integers(1, 2), transposed=st.booleans(),
)  # fmt: skip
def test_the_formula_of_a_picture_is_that_of_shape(
    n: int, f: int, s: int, p: int, d: int, transposed: bool
) -> None:
    words = f"shape -n {n} -f {f} -s {s} -p {p} -d {d} --explain".split()
    words += ["--transposed"] * transposed
    record = run_command(*words, "--format", "json")
    drawn = run_command(*words, "-o", "conv.svg")
    assert (drawn.status == 0) == (record.status == 0)
    if record.status:
        assert drawn.err == record.err
        return
    found = json.loads(record.out)
    parts = groups(Path("conv.svg").read_text())
    assert texts(parts["formula"]) == [found["formula"][0]]
    out = "x".join(map(str, found["output"]))
    assert f"output {out}" in texts(parts["captions"])
    counts = [int(text) for text in texts(parts["coverage"])]
    line = found["coverage"][0]
    if len(counts) == len(line) ** 2:
        assert counts == [a * b for a in line for b in line]


def test_run_writes_its_numbers_into_the_cells() -> None:
    x = np.array([[1, -2, 3], [4, 5, -6], [7, 8, 9]])
    np.save("x.npy", x)
    done = run_command(*"run x.npy -k [[0,1],[2,3]] -p 1 --explain -o conv.svg".split())
    assert (done.status, done.out) == (0, "4x4\n")
    found = groups(Path("conv.svg").read_text())
    padded = np.pad(x, 1)
    assert [int(text) for text in texts(found["input"])] == padded.ravel().tolist()
    taps = np.lib.stride_tricks.sliding_window_view(padded, (2, 2))
    expected = (taps * np.array([[0, 1], [2, 3]])).sum(axis=(2, 3))
    assert [int(text) for text in texts(found["output"])] == expected.ravel().tolist()
    assert [int(text) for text in texts(found["window"])] == padded[:2, :2].ravel().tolist()
    numbers = [int(t) for t in re.findall(r"-?\d+", " ".join(texts(found["sum"])))]
    assert numbers == [0, 0, 0, 1, 3, 0, 1, 2, 3]  # row by row, the result after the first


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular", "symmetric"])
def test_padding_holds_what_its_mode_says(mode: str) -> None:
    np.save("x.npy", np.arange(9).reshape(3, 3))
    run_command(
        *f"run x.npy -k box:3 -p 2 --dtype float64 --pad-mode {mode} --explain -o c.svg".split()
    )
    found = groups(Path("c.svg").read_text())
    names = {"replicate": "edge", "circular": "wrap"}
    padded = np.pad(np.arange(9).reshape(3, 3), 2, names.get(mode, mode))  # type: ignore[call-overload]
    assert [float(text) for text in texts(found["input"])] == padded.ravel().tolist()


@pytest.mark.parametrize("options", ["", "-s 2", "-s 2 -p 1", "-s 3 -d 2 --output-padding 1"])
def test_each_frame_of_a_transposed_run_adds_up(options: str) -> None:
    x = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    np.save("x.npy", x)
    words = f"run x.npy -k [[1,2],[3,4]] --transposed {options}".split()
    y = np.load(io.BytesIO(run_command(*words).data))
    run_command(*words, "--animate", "-o", "c.svg")
    root = ET.fromstring(Path("c.svg").read_text())
    places = [g for g in root.iter(f"{SVG}g") if g.get("class", "").startswith("place ")]
    assert len(places) == y.size
    for at, group in enumerate(places):
        _, *lines = texts(list(group))
        left = [int(n) for line in lines for n in re.findall(r"\d+", line[:6])]
        right = [int(n) for line in lines for n in re.findall(r"\d+", line[6:].partition("=")[0])]
        total = int(re.findall(r"= (\d+)", " ".join(lines))[0])
        assert total == y.ravel()[at]
        assert sum(a * b for a, b in zip(left, right, strict=True)) == total


def test_a_stream_of_several_arrays_has_no_picture() -> None:
    data = npy_bytes(np.ones((4, 4)), np.ones((4, 4)))
    done = run_command(*"run - -k box:2 --explain -o c.svg".split(), stdin=data)
    assert done.status == 1
    assert "-o c.svg is a picture of one array, and - holds several; save one" in done.err
    assert not Path("c.svg").exists()


def test_pooling_says_its_maximum() -> None:
    run_command(*"run arange:4x4 --pool max -f 2 --animate --frame 4 -o c.svg".split())
    found = groups(Path("c.svg").read_text())
    assert "max = 15" in " ".join(texts(found["place"]))
    assert texts(found["projection"]) == ["15"]


def test_a_plot_has_the_numbers_of_its_scales_and_its_pixels() -> None:
    x = np.linspace(-2, 6, 30 * 40, dtype=np.float32).reshape(30, 40)
    np.save("x.npy", x)
    done = run_command(*"run x.npy -k box:3 --plot -o plot.svg".split())
    assert (done.status, done.out) == (0, "28x38\n")
    found = groups(Path("plot.svg").read_text())
    assert texts(found["input"])[-3:] == ["-6", "0", "6"]
    assert texts(found["filter"])[-1] == "all 0.111"
    image = next(e for e in found["input"] if e.tag == f"{SVG}image")
    data = b64decode(image.get("href", "").partition(",")[2])
    with Image.open(io.BytesIO(data)) as pixels:
        assert pixels.size == (40, 30)
        values = np.asarray(pixels).astype(int)
    assert values[0, 0, 2] > values[0, 0, 0]  # negative is blue
    assert values[-1, -1, 0] > values[-1, -1, 2]


def test_a_plot_of_colours_shows_the_image() -> None:
    x = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(x).save("x.png")
    run_command(*"run x.png -k identity --plot -o plot.svg".split())
    found = groups(Path("plot.svg").read_text())
    image = next(e for e in found["input"] if e.tag == f"{SVG}image")
    with Image.open(io.BytesIO(b64decode(image.get("href", "").partition(",")[2]))) as pixels:
        assert np.array_equal(np.asarray(pixels), x)


def test_a_png_beside_plot_is_the_plot_unless_a_format_is_named() -> None:
    np.save("x.npy", np.arange(64, dtype=np.uint8).reshape(8, 8))
    run_command(*"run x.npy -k identity --plot -o y.png".split())
    with Image.open("y.png") as image:
        assert image.width == 1280
    run_command(*"run x.npy -k identity --plot -o y.png --output-format png".split())
    with Image.open("y.png") as image:
        assert image.size == (6, 6)
    run_command(*"run x.npy -k identity --plot -o y.npy".split())
    assert np.load("y.npy").shape == (6, 6)


def test_beside_a_picture_standard_output_carries_no_array() -> None:
    done = run_command(*"run arange:3x3 -k box:2 --explain -o c.svg --format json".split())
    assert json.loads(done.out)["output_shape"] == [2, 2]


@pytest.mark.parametrize(
    "command", ["run rand:3x5x5 -c 3:2 -f 3 --seed 1", "run rand:9 -f 3 --dims 1"]
)
@pytest.mark.parametrize("what", ["--explain", "--animate", "--plot"])
def test_pictures_of_runs_are_laid_out(
    command: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "save", lambda scene, file: check_layout(scene.still(0)))
    done = run_command(*command.split(), what, "-o", "c.svg")
    assert done.status == 0, done.err


@pytest.mark.parametrize("ending", ["svg", "html", "tex", "png"])
def test_a_name_cannot_break_a_picture(ending: str) -> None:
    name = 'a<b>&"c"\n\\input{x}\n</title><script>\r\n\n\x1b'
    made = makers.layer("Conv", (1, 1, 8, 8), np.ones((1, 1, 3, 3), np.float32), name=name)
    file = f"\n{name.replace('/', '')}.onnx"
    Path(file).write_bytes(made.SerializeToString())
    done = run_command("shape", file, "--explain", "-o", f"c.{ending}")
    assert (done.status, done.out, done.err) == (0, "", "")
    drawn = Path(f"c.{ending}").read_bytes().decode(errors="ignore")
    if ending == "svg":
        ET.fromstring(drawn)
    elif ending == "html":
        assert "<script" not in drawn
        assert drawn.count("</title>") == 2
    elif ending == "tex":
        assert not re.search(r"^(?!%).*\\input\{", drawn, re.MULTILINE)


def test_the_command_line_works_in_a_process(tmp_path: Path) -> None:
    import sys

    words = [sys.executable, "-m", "convcli", *LAYER.split(), "--animate", "-o", "conv.svg"]
    done = subprocess.run(
        words, capture_output=True, check=False, env={"PYTHONPATH": str(ROOT)}, cwd=tmp_path
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

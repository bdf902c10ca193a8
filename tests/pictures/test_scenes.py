"""Pictures read back: sizes, windows, counts and formulas are those of the program."""

import io
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from itertools import combinations, product
from math import prod
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from convcli.errors import DoesNotFit, UsageError
from convcli.explain.figures import EXPLAINED
from convcli.geometry.network.layer import Layer, apply
from convcli.geometry.window.axis import Axis, Kind, Window, fit
from convcli.pictures import board, raster
from convcli.pictures.animation_picture import MOST_FRAMES, animation_picture
from convcli.pictures.layer_picture import layer_picture
from convcli.pictures.palette import ROLES, ink_on, rgb
from convcli.pictures.scene import Group, Pixels, Rect, Scene, Shade, Text
from convcli.pictures.strip import strip
from convcli.pictures.svg import svg
from convcli.pictures.tikz import tikz
from tests.conftest import run_command

SVG = "{http://www.w3.org/2000/svg}"
KINDS: tuple[Kind, ...] = ("conv", "convt", "maxpool", "avgpool")


@st.composite
def layers(draw: st.DrawFn, most: int = 9, dims: Sequence[int] = (1, 2, 3)) -> tuple[Axis, ...]:
    """Draw the axes of a layer that fits."""
    kind = draw(st.sampled_from(KINDS))
    ceil = "pool" in kind and draw(st.booleans())
    axes = []
    for _ in range(draw(st.sampled_from(dims))):
        f, d = draw(st.integers(1, 4)), draw(st.integers(1, 3))
        pads = draw(st.tuples(*[st.integers(0, f // 2 if "pool" in kind else 3)] * 2))
        s = draw(st.integers(1, 3))
        op = draw(st.integers(0, max(s, d) - 1)) if kind == "convt" else 0
        try:
            axes.append(fit(draw(st.integers(1, most)), f, s, pads, d, op, kind, ceil))
        except (DoesNotFit, UsageError):
            assume(False)
    return tuple(axes)


def naive_reads(axis: Axis, output: int) -> set[int]:
    """Find the input pixels that one output depends on, by the definition."""
    if axis.kind == "convt":
        return {
            i for i in range(axis.n) for t in range(axis.f)
            if i * axis.s + t * axis.d - axis.pb == output
        }  # fmt: skip
    taps = [output * axis.s - axis.pb + t * axis.d for t in range(axis.f)]
    return {tap for tap in taps if 0 <= tap < axis.n}


def naive_counts(axis: Axis) -> list[int]:
    """Count for each pixel how many windows read it, or how many inputs write it."""
    if axis.kind == "convt":
        return [len(naive_reads(axis, o)) for o in range(axis.out)]
    return [sum(i in naive_reads(axis, o) for o in range(axis.out)) for i in range(axis.n)]


def groups(text: str) -> dict[str, list[ET.Element]]:
    """Read the shapes of an SVG by the group that they are in."""
    root = ET.fromstring(text)
    return {g.get("class", "").split()[0]: list(g) for g in root.iter(f"{SVG}g")}


def texts(shapes: list[ET.Element]) -> list[str]:
    """Read the texts among shapes."""
    return [shape.text or "" for shape in shapes if shape.tag == f"{SVG}text"]


def spans(shape: ET.Element) -> tuple[float, float, float, float]:
    """Read where a rectangle is."""
    x, y, width, height = (float(shape.get(k, "")) for k in ("x", "y", "width", "height"))
    return x, y, width, height


def solid_taps(axes: Sequence[Axis], scene: Scene, frame: int = 0) -> set[tuple[int, int]]:
    """Read from a picture which pixels the window reads: rows and columns."""
    grid = board.board(axes, None, filled=True).input
    found = next(g for g in scene.still(frame).groups if g.name == "window").shapes
    rows, columns = board.strips(axes)
    pixels = set()
    for shape in found:
        assert isinstance(shape, Rect)
        if shape.fill == "window":
            column = round((shape.x - grid.x) / grid.cell) + columns.cells.start
            row = round((shape.y - grid.y) / grid.cell) + rows.cells.start
            pixels.add((rows.pixel(row), columns.pixel(column)))
    assert all(None not in pixel for pixel in pixels)
    return pixels  # type: ignore[return-value]


@given(layers())
def test_counts_formula_and_sizes_of_a_layer(axes: tuple[Axis, ...]) -> None:
    found = groups(svg(layer_picture(axes)))
    counts = [naive_counts(axis) for axis in axes]
    deep = prod(count[len(count) // 2] for count in counts[:-2])
    rows = counts[-2] if len(axes) > 1 else [1]
    said = " ".join(texts(found["coverage-words"]))
    for part, whole, what in re.findall(r"first (\d+) of (\d+) (rows|columns)", said):
        cut = rows if what == "rows" else counts[-1]
        assert len(cut) == int(whole)
        del cut[int(part) :]
    expected = [deep * r * c for r, c in product(rows, counts[-1])]
    assert [int(text) for text in texts(found["coverage"])] == expected
    figures = EXPLAINED["formula"](apply(Layer(_window(axes)), tuple(a.n for a in axes)))
    written = "".join(texts(found["formula"])).replace(" ", "")
    assert all(line.replace(" ", "") in written for line in figures)
    frame = spans([s for s in found["output"] if s.tag == f"{SVG}rect"][-1])
    cell = board.board(axes, None, filled=True).output.cell
    height = axes[-2].out if len(axes) > 1 else 1
    assert (round(frame[2] / cell), round(frame[3] / cell)) == (axes[-1].out, height)
    assert solid_taps(axes, layer_picture(axes)) == _reads(axes, (0, 0))


def _window(axes: Sequence[Axis]) -> Window:
    parts = [tuple(getattr(a, k) for a in axes) for k in ("f", "s", "d", "op")]
    pads = tuple((a.pb, a.pe) for a in axes)
    return Window(parts[0], parts[1], pads, parts[2], parts[3], axes[0].kind, axes[0].ceil)


def _reads(axes: Sequence[Axis], place: tuple[int, int]) -> set[tuple[int, int]]:
    rows = naive_reads(axes[-2], place[0]) if len(axes) > 1 else {0}
    return set(product(rows, naive_reads(axes[-1], place[1])))


@settings(max_examples=30)
@given(layers(most=6))
def test_each_frame_shows_what_its_output_reads(axes: tuple[Axis, ...]) -> None:
    sizes = [a.out for a in board.planar(axes)]
    assume(prod(sizes) <= 60)
    scene = animation_picture(axes)
    assert scene.frames == prod(sizes)
    for frame, place in enumerate(product(*map(range, sizes))):
        assert solid_taps(axes, scene, frame) == _reads(axes, place)  # type: ignore[arg-type]
        done = sum(group.name == "done" for group in scene.still(frame).groups)
        assert done == frame + 1


# Its formula is long: it says that a window would start past the input.
LONG = Window((2, 1), (2, 1), ((0, 1), (0, 0)), kind="maxpool", ceil=True)


@settings(max_examples=30)
@given(layers(most=7))
@example(LONG.on((2, 1)))
def test_nothing_overlaps_and_nothing_is_cut(axes: tuple[Axis, ...]) -> None:
    assume(prod(a.out for a in board.planar(axes)) <= MOST_FRAMES)
    check_layout(layer_picture(axes))
    check_layout(animation_picture(axes).still(0))


@pytest.mark.parametrize(
    "window_and_size",
    [
        (Window((7,), (2,), ((3, 3),)), (224, 224)),
        (Window((3,), p=((1, 1),)), (1000, 3)),
        (Window((3,), p=((1, 1),)), (3, 1000)),
        (Window((3,), (4,), ((1, 0),), (5,)), (500,)),
        (Window((11,), (4,)), (2000, 1500)),
        (Window((3,), p=((1, 1),)), (16, 112, 112)),
        (Window((4,), (2,), ((1, 1),), kind="convt"), (64, 64)),
        (Window((1,)), (1, 1)),
    ],
)
def test_large_and_odd_inputs_fit_the_picture(
    window_and_size: tuple[Window, tuple[int, ...]],
) -> None:
    window, size = window_and_size
    scene = layer_picture(window.on(size))
    check_layout(scene)
    assert len(svg(scene)) < 200_000


def check_layout(scene: Scene) -> None:
    """Check that shapes are on the canvas, that texts overlap no text, and that all can be read."""
    boxes = []
    for shape in scene.shapes:
        if isinstance(shape, Text):
            box = (shape.left, shape.y - 0.75 * shape.size, shape.width, shape.size)
            assert shape.size >= 9, shape
            boxes.append((box, shape.text))
        elif isinstance(shape, Rect | Pixels):
            box = (shape.x, shape.y, shape.width, shape.height)
            if isinstance(shape, Pixels) or shape.fill is not None:
                boxes = [other for other in boxes if not within(other[0], box)]  # hidden
        else:
            continue
        assert box[0] >= -0.01, shape
        assert box[1] >= -0.01, shape
        assert box[0] + box[2] <= scene.width + 0.01, shape
        assert box[1] + box[3] <= scene.height + 0.01, shape
    for (a, first), (b, second) in combinations(boxes, 2):
        apart = (
            a[0] + a[2] <= b[0] + 0.1 or b[0] + b[2] <= a[0] + 0.1
            or a[1] + a[3] <= b[1] + 0.1 or b[1] + b[3] <= a[1] + 0.1
        )  # fmt: skip
        assert apart, (first, second)


def within(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether a box lies in another one."""
    return (
        a[0] >= b[0] and a[1] >= b[1] and a[0] + a[2] <= b[0] + b[2] and a[1] + a[3] <= b[1] + b[3]
    )


def test_the_check_of_overlaps_can_fail() -> None:
    at = [Text(10, 30, "first"), Text(20, 32, "second")]
    with pytest.raises(AssertionError):
        check_layout(Scene(100, 100, "", "", (Group("text", tuple(at)),)))


@pytest.mark.parametrize(
    "network",
    [
        *("resnet50 -n 224", "unet -n 256 -c 3", "lenet5", "wavenet -n 2000", "c3d"),
        *("densenet121 -n 224", "inception_v3 -n 299", "resnet152 -n 224 -c 3"),
    ],
)
def test_networks_are_drawn_to_scale(network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from convcli.pictures import files

    kept: list[Scene] = []
    monkeypatch.setattr(files, "save", lambda scene, file: kept.append(scene))
    done = run_command("shape", *network.split(), "--explain", "-o", "net.svg")
    assert (done.status, done.err.count("error")) == (0, 0)
    check_layout(kept[0])
    found = groups(svg(kept[0]))
    whole = run_command("shape", *network.split(), "--format", "json")
    records = [json.loads(line) for line in whole.out.splitlines()]
    last = [record for record in records if "receptive_field" in record][-1]
    fields = [text.lstrip("≤") for text in texts(found["layers"])]
    assert str(last["receptive_field"][-1]) in fields
    heights = [spans(shape)[3] for shape in found["boxes"] if shape.tag == f"{SVG}rect"]
    assert max(heights) == pytest.approx(150)


def test_a_skip_of_a_unet_is_an_arc() -> None:
    layers = ["conv f=3 p=1 c=8 name=a", "maxpool f=2 name=b", "conv f=3 p=1 c=16 name=c"]
    layers += ["upsample scale=2 name=d", "concat with=a name=e", "conv f=3 p=1 c=2 name=f"]
    words = [word for layer in layers for word in ("-l", layer)]
    path = Path("unet.svg")
    done = run_command("shape", "-n", "32", "-c", "3", *words, "--explain", "-o", str(path))
    assert (done.status, done.err) == (0, "")
    found = groups(path.read_text())
    assert sum(shape.tag == f"{SVG}polygon" for shape in found["branches"]) == 1


def test_the_last_layer_has_a_box_of_its_own() -> None:
    """Of many layers those of one size share a box, but not with the network's output."""
    assert run_command(*"shape unet --explain -o net.svg".split()).status == 0
    assert "13: dec1.do…1.conv1 to double1.conv2, 388x388 · 64; 14: classes, 388x388 · 2<" in (
        Path("net.svg").read_text()
    )


def test_the_shortcuts_of_residual_blocks_are_arcs() -> None:
    """Arcs lead over the two convolutions of each block, to the layer that is added."""
    network = Path(__file__).parent.parent / "data" / "net.layers"
    run_command("shape", str(network), "--explain", "-o", "net.svg")
    found = groups(Path("net.svg").read_text())
    centres = [round(float(s.get("x", ""))) for s in found["numbers"]]
    paths = [s.get("d", "") for s in found["branches"] if "C" in s.get("d", "")]
    ends = [
        (float(re.findall(r"[\d.]+", d)[0]), float(re.findall(r"[\d.]+", d)[-2])) for d in paths
    ]
    arcs = [tuple(centres.index(round(x)) for x in each) for each in ends]
    assert arcs == [(1, 4), (4, 7), (7, 10)]


AXES = Window((3,), (2,), ((1, 1),)).on((8, 8))


def test_an_animated_svg_shows_each_frame_once_and_runs_no_script() -> None:
    scene = animation_picture(AXES)
    text = svg(scene)
    root = ET.fromstring(text)
    assert not list(root.iter(f"{SVG}script"))
    assert "on" not in {key[:2] for e in root.iter() for key in e.attrib}
    shown = [g.get("class", "").split() for g in root.iter(f"{SVG}g")]
    only = [names[1] for names in shown if names[0] == "window"]
    assert only == [f"from{i}to{i}" for i in range(scene.frames)]
    for name in only:
        rule = re.search(rf"@keyframes {name}\{{(.*?\}})\}}", text)
        assert rule is not None
    # Where nothing may move, the last frame is seen, and no other.
    resting = {n for n in only if f".{n}{{visibility:visible}}" in text}
    assert resting == {only[-1]}
    assert "prefers-reduced-motion:no-preference" in text


def test_the_times_of_frames_follow_each_other() -> None:
    text = svg(animation_picture(AXES))
    for at in range(1, 15):
        rule = re.search(rf"@keyframes from{at}to{at}\{{(.*)\}}\n", text)
        assert rule is not None
        times = [float(t) for t in re.findall(r"([\d.]+)%", rule[1])]
        assert times[:3] == pytest.approx([0, 100 * at / 16, 100 * (at + 1) / 16])


def test_a_gif_has_a_frame_for_each_place_and_they_differ() -> None:
    scene = animation_picture(AXES)
    frames = set()
    with Image.open(io.BytesIO(raster.gif(scene))) as image:
        assert getattr(image, "n_frames", 1) == scene.frames == 16
        assert image.info["loop"] == 0
        for at in range(16):
            image.seek(at)
            frame = image.convert("RGB")
            frames.add(frame.tobytes())
            for group in scene.still(at).groups:
                if group.name in ("window", "projection"):
                    for rect in group.shapes:
                        if isinstance(rect, Rect) and rect.fill in ("window", "window-pale"):
                            middle = rect.x + rect.width / 2, rect.y + rect.height / 2
                            found = frame.getpixel((round(middle[0]), round(middle[1])))
                            assert found == pytest.approx(tuple(rgb(rect.fill)), abs=30)
    assert len(frames) == 16


def test_a_png_has_two_pixels_for_each_of_the_picture() -> None:
    scene = layer_picture(AXES)
    with Image.open(io.BytesIO(raster.png(scene))) as image:
        assert image.size == (1280, 2 * round(scene.height))
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 24) or []}
    assert {tuple(rgb(role)) for role in ("input", "window", "output", "paper")} <= colours


@settings(max_examples=20)
@given(layers(most=6))
def test_tex_is_well_formed_and_has_the_same_counts(axes: tuple[Axis, ...]) -> None:
    scene = layer_picture(axes)
    tex = tikz(scene)
    code = "\n".join(line for line in tex.splitlines() if not line.startswith("%"))
    assert code.isascii()
    bare = re.sub(r"\\[&%$#_{}]", "", code)
    depth = 0
    for letter in bare:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0
    assert bare.count("$") % 2 == 0
    assert not re.search(r"[&#^_]", re.sub(r"\\\w+", "", bare))
    assert re.findall(r"\\begin\{(\w+)\}", tex) == ["document", "tikzpicture"]
    assert re.findall(r"\\end\{(\w+)\}", tex) == ["tikzpicture", "document"]
    begin = code.index(r"\begin{tikzpicture}")
    body = code[begin : code.index(r"\end{tikzpicture}")].splitlines()[1:]
    number = r"-?\d+(\.\d+)?"
    place = rf"\({number},{number}\)"
    options = r"\[[^\]]*\]"
    path = rf"\\path{options} {place} (rectangle|--) {place};"
    node = rf"\\node{options} at {place} \{{.*\}};"
    assert all(re.fullmatch(rf"{path}|{node}", line) for line in body if line)
    known = set(re.findall(r"\\definecolor\{([\w-]+)\}", tex))
    assert set(re.findall(r"(?:draw|text|fill|pattern color)=([a-z-]+)", tex)) <= known
    part = tex.split("% coverage\n")[1].split("\n%")[0]
    counts = re.findall(r"\{(\d+)\};", part)
    assert counts == texts(groups(svg(scene))["coverage"])


@pytest.mark.parametrize("dark", [False, True])
def test_texts_can_be_read_on_their_colours(dark: bool) -> None:
    for ink in ("ink", "soft"):
        assert contrast(ROLES[ink][dark], ROLES["paper"][dark]) >= 4.5
    for role in ("input", "padding", "cell", "output", "window-pale"):
        assert contrast(ROLES["ink"][dark], ROLES[role][dark]) >= 4.5
    assert contrast(ROLES["on-window"][dark], ROLES["window"][dark]) >= 4.5
    for share in range(101):
        for signed in (False, True):
            shade = Shade(share / 100, signed)
            fill = "#{:02x}{:02x}{:02x}".format(*rgb(shade))
            assert contrast(ROLES[ink_on(shade)][dark], fill) >= 3.9


def contrast(first: str, second: str) -> float:
    """Compute the contrast of two colours as WCAG defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (
            p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_the_ramp_of_amounts_grows_lighter_throughout() -> None:
    lightness = [contrast("#000000", "#{:02x}{:02x}{:02x}".format(*rgb(Shade(i / 50))))
                 for i in range(51)]  # fmt: skip
    assert lightness == sorted(lightness)


@given(layers(dims=(1,)))
def test_a_strip_holds_every_pixel_and_every_tap(axes: tuple[Axis, ...]) -> None:
    one = strip(axes[0])
    pixels = [one.pixel(position) for position in one.cells]
    assert [p for p in pixels if p is not None] == list(range(axes[0].n))
    for place in range(one.places):
        assert set(one.taps(place)) <= set(one.cells)
    for fine in (True, False):
        runs = one.kinds(fine)
        assert [p for _, run in runs for p in run] == list(one.cells)


def test_the_svg_says_what_it_shows() -> None:
    root = ET.fromstring(svg(layer_picture(AXES)))
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "Convolution, 8x8 to 4x4"
    assert "floor((8 + 2·1 - 3)/2) + 1 = 4" in (root.findtext(f"{SVG}desc") or "")
    style = root.findtext(f"{SVG}style") or ""
    assert "prefers-color-scheme:dark" in style


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_one_frame_is_that_of_the_animation() -> None:
    whole = animation_picture(AXES)
    for frame in (0, 3, whole.frames - 1):
        assert svg(animation_picture(AXES, frame=frame).still(frame)) == svg(whole.still(frame))

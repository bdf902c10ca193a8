"""The page in a real browser: what it shows is what `shape` says, and anybody can use it."""

import json
import re
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli.errors import ConvcliError
from convcli.explain import words
from convcli.geometry.network.layer import Layer, Step, apply
from convcli.geometry.window.axis import PADDING_WORDS, Axis, Kind, Padding, Window
from convcli.geometry.window.coverage import reads
from convcli.pictures.page import page
from tests.conftest import run_command

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

Place = tuple[int, ...]

# Sets every control as a user does, which needs the control to be visible.
SET = """
const wanted = arguments[0];
const at = (id) => document.getElementById(id);
const visible = (control) => {
  if (control.offsetParent === null) throw new Error(control.id + " is not visible");
  return control;
};
const check = (id, value) => at(id).checked === value || visible(at(id)).click();
const set = (id, value, event) => {
  if (visible(at(id)).value === String(value)) return;
  at(id).value = value;
  if (at(id).value !== String(value)) throw new Error(id + " has no " + value);
  at(id).dispatchEvent(new Event(event, { bubbles: true }));
};
visible(document.querySelector(`[name=kind][value=${wanted.kind}]`)).click();
if (wanted.kind.endsWith("pool")) check("ceil", wanted.ceil);
if (wanted.axes.length > 1) check("linked", wanted.linked);
set("word", wanted.word || "", "change");
if (!wanted.word) check("even", wanted.even);
wanted.axes.slice(0, wanted.linked ? 1 : 3).forEach((axis, i) => {
  const keys = ["n", "f", "s", "d"];
  if (!wanted.word) keys.push(...(wanted.even ? [] : ["pe"]), "pb");
  if (wanted.kind === "convt") keys.push("op");
  for (const key of keys) set(`${key}-${i}`, axis[key], "input");
});
for (const slider of document.querySelectorAll("[id^=slice]")) {  // of three axes
  if (slider.offsetParent === null) continue;  // there is no output
  const [low, high] = [Number(slider.min), Number(slider.max)];
  set(slider.id, low + (wanted.slice % (high - low + 1)), "input");
}
"""
READ = """
const ifVisible = (each) => each.offsetParent && each.textContent;
const text = (id) => ifVisible(document.getElementById(id));
const ids = ["problem", "size", "formula", "steps", "loss", "coverage", "command"];
const cells = [...document.querySelectorAll(".grid .cell")];
return {
  ...Object.fromEntries(ids.map((id) => [id, text(id)])),
  cells: text("grids") ? cells.map((cell) => [cell.ariaLabel, cell.textContent]) : [],
};
"""
MOVE = """
const n = document.getElementById("n-0");
n.value = 12;
n.dispatchEvent(new Event("input"));
"""
# Points at some cells; returns the labels of those that are lit for each, and what is said.
POINT = """
const cells = [...document.querySelectorAll(".grid .cell")];
return arguments[0].map((number) => {
  const cell = cells[number % cells.length];
  cell.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
  const lit = [...document.querySelectorAll(".grid .lit")].map((each) => each.ariaLabel);
  const kept = document.querySelectorAll(".grid .selected");
  const sentence = document.getElementById("reading").textContent;
  return [cell.ariaLabel, lit, kept.length === 1 && kept[0] === cell, sentence];
});
"""


def _step(n: Place, f: Place, p: Padding = ((0, 0),), kind: Kind = "conv", **more: Any) -> Step:
    return apply(Layer(Window(f, p=p, kind=kind, **more)), n)


def _open(browser: "Chrome", folder: Path, step: Step) -> None:
    file = folder / "conv.html"
    file.write_text(page(step), encoding="utf-8")
    browser.get(file.as_uri())


def _js(browser: "Chrome", script: str, *arguments: Any) -> Any:
    return browser.execute_script(script, *arguments)


def _complaints(browser: "Chrome") -> list[Any]:
    return [entry["message"] for entry in browser.get_log("browser")]  # type: ignore[no-untyped-call]


# ---- it says what `shape` says ----


@dataclass(frozen=True)
class Settings:
    """What the page is set to; the keys of an axis are those of its sliders."""

    kind: Kind
    ceil: bool
    word: Any
    linked: bool
    even: bool
    axes: list[dict[str, int]]

    @property
    def step(self) -> Step:
        """The layer that `shape` makes of the same numbers."""
        f, s, d, op = ([axis[key] for axis in self.axes] for key in ("f", "s", "d", "op"))
        p = self.word or tuple((axis["pb"], axis["pe"]) for axis in self.axes)
        ops = tuple(op) if self.kind == "convt" else (0,)
        ceil = self.ceil and self.kind.endswith("pool")
        window = Window(tuple(f), tuple(s), p, tuple(d), ops, self.kind, ceil)
        return apply(Layer(window), tuple(axis["n"] for axis in self.axes))


@st.composite
def every_setting(draw: st.DrawFn, dims: int) -> Settings:
    """Draw settings, some of which do not fit."""
    kind: Kind = draw(st.sampled_from(("conv", "convt", "maxpool", "avgpool")))
    linked = dims == 1 or draw(st.booleans())
    even = draw(st.booleans())
    word = draw(st.sampled_from((None, None, None, None, *PADDING_WORDS)))
    most = {"n": 12, "f": 4, "pb": 3, "pe": 3, "s": 4, "d": 3, "op": 2}
    axes = []
    for _ in range(1 if linked else dims):
        axis = {key: draw(st.integers(key in "nfsd", top)) for key, top in most.items()}
        axes.append({**axis, "pe": axis["pb"]} if even else axis)
    return Settings(kind, draw(st.booleans()), word, linked, even, axes * (dims if linked else 1))


def _place(label: str) -> Place:
    """Read the place in the label of a cell."""
    return tuple(
        map(int, re.findall(r"-?\d+", label.partition(", read")[0].partition(", writ")[0]))
    )


def _is_output(label: str) -> bool:
    return label.startswith(("output", "cropped"))


def _reads(axes: tuple[Axis, ...], output: Place, place: Place) -> bool:
    """Whether an output reads a place of the input, both inside or outside."""
    return all(i in reads(axis, o) for axis, o, i in zip(axes, output, place, strict=True))


@pytest.mark.parametrize(("dims", "examples"), [(1, 50), (2, 100), (3, 50)])
def test_sizes_highlights_and_coverage_are_those_of_shape(
    dims: int, examples: int, browser: "Chrome", tmp_path: Path
) -> None:
    _open(browser, tmp_path, _step((5,) * dims, (3,)))
    fitting = 0

    @settings(max_examples=max(examples, settings().max_examples if dims > 1 else 0))
    @given(every_setting(dims), st.lists(st.integers(0, 10**6), min_size=6, max_size=6))
    def check(wanted: Settings, pointed: list[int]) -> None:
        nonlocal fitting
        shown = _js(browser, SET + READ, asdict(wanted) | {"slice": pointed[0]})
        assert shown["command"].startswith("convcli shape ")
        done = run_command(*shown["command"].split()[1:], "--format", "json")
        if done.status:
            assert shown["problem"] in done.err
            assert done.err == f"convcli: error: {shown['problem']}\n"
            assert (shown["size"], shown["formula"]) == ("There is no output", "")
            assert shown["cells"] == []
            with pytest.raises(ConvcliError):
                wanted.step  # noqa: B018
            return
        fitting += 1
        assert shown["problem"] is None
        _check_numbers(shown, wanted.step, json.loads(done.out))
        lights = _js(browser, POINT, pointed)
        _check_lights([label for label, _ in shown["cells"]], lights, wanted.step.axes)

    check()
    assert fitting > examples // 3
    assert _complaints(browser) == []


def _check_numbers(shown: dict[str, Any], step: Step, record: dict[str, Any]) -> None:
    axes = step.axes
    assert record["output"] == list(step.out)
    by_x = "×".join
    n, out = (by_x(map(str, sizes)) for sizes in (step.n, step.out))
    assert shown["size"] == f"input {n} → output {out}"
    for line in record["formula"]:
        assert line in shown["formula"]
    assert shown["steps"].splitlines() == words.step_by_step(step)
    assert shown["loss"] == words.loss(axes)
    assert shown["coverage"] == " ".join(words.coverage_words(axes))
    convt = axes[0].kind == "convt"
    for label, text in shown["cells"]:
        place = _place(label)
        if label.startswith(("padding", "cropped")) or _is_output(label) != convt:
            assert text == ""
            continue
        counts = zip(record["coverage"], place, strict=True)
        assert text == str(prod(axis[i] for axis, i in counts))
        assert label.endswith((f" {text} times", " never", " once", " twice"))


def _check_lights(labels: list[str], lights: list[Any], axes: tuple[Axis, ...]) -> None:
    """Compare what is lit with the definition of what an output reads."""
    assert sum(map(_is_output, labels)) not in (0, len(labels))
    for cell, lit, selected, sentence in lights:
        assert selected
        expected = set()
        for label in labels:
            if _is_output(label) == _is_output(cell):
                continue
            output, place = (cell, label) if _is_output(cell) else (label, cell)
            if _reads(axes, _place(output), _place(place)):
                expected.add(label)
        assert set(lit) == expected
        assert _counts(sentence) == _expected_counts(cell, axes)


def _counts(sentence: str) -> list[int]:
    """Read how many there are of each kind in a sentence, before it says where."""
    found = re.search(r"(?:reads|writes|(?:read|written) by) (.*?)[:.]", sentence)
    assert found is not None, sentence
    return [int(number) for number in re.findall(r"\d+", found[1])]


def _expected_counts(cell: str, axes: tuple[Axis, ...]) -> list[int]:
    """Count what a cell reaches, drawn or not: what is real, and for a window what is outside."""
    output, convt = _is_output(cell), axes[0].kind == "convt"
    inside = 1
    for axis, i in zip(axes, _place(cell), strict=True):
        others = range(axis.n) if output else range(axis.out)
        inside *= sum(j in reads(axis, i) if output else i in reads(axis, j) for j in others)
    if output == convt:  # a pixel
        return [inside] if inside else []
    outside = prod(axis.f for axis in axes) - inside
    return [inside, outside] if outside else [inside]


@pytest.mark.parametrize(
    "command",
    [
        "-n 5 -f 3 -p 1 -s 2",
        "-n 8x6 -f 5x3 -p 2x0:1 -s 3x4 -d 1x2",
        "-n 9 -f 4 -p same --dims 1",
        "-n 4x5x6 -f 2 --dims 3",
        "-n 3 -f 3 -p 1 -s 2 --transposed --output-padding 1",
        "-n 7 -f 3 -s 2 --pool max --ceil",
        "-n 224 -f 7 -p 3 -s 2",
    ],
)
def test_it_starts_at_the_numbers_of_the_command_and_goes_back_to_them(
    command: str, browser: "Chrome", in_tmp: Path
) -> None:
    done = run_command("shape", *command.split(), "--explain", "-o", "conv.html")
    assert (done.status, done.out, done.err) == (0, "", "")
    browser.get((in_tmp / "conv.html").as_uri())
    start = _js(browser, READ)
    assert start["command"] == f"convcli shape {command} --explain"
    _js(browser, MOVE)
    assert _js(browser, READ) != start
    _js(browser, "document.getElementById('reset').click()")
    assert _js(browser, READ) == start
    assert _complaints(browser) == []


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (
            "-n 2000x8 -f 3",
            "-n 2000 is too large for a page, which takes 1000 at most; use -n 1000",
        ),
        ("-n 8 -f 3 -p 1500", "-p 1500 is too large for a page, "),
        (
            "-n 2 -f 3",
            "filter 3 does not fit input 2 with padding 0: 2 + 2·0 < 3; use -p 1 or more",
        ),
        ("-n 8,9 -f 3", "-o conv.html shows one case, not a sweep; "),
    ],
)
def test_what_is_no_page_is_refused(command: str, error: str, in_tmp: Path) -> None:
    done = run_command("shape", *command.split(), "--explain", "-o", "conv.html")
    assert done.status
    assert done.err.startswith(f"convcli: error: {error}")
    assert done.err.count("\n") == 1
    assert list(in_tmp.iterdir()) == []


# ---- anybody can use it ----


def _press(browser: "Chrome", *keys: str) -> str:
    """Press keys where the focus is; return the id, or else the label, of what has it then."""
    from selenium.webdriver import ActionChains, Keys

    actions = ActionChains(browser)
    for key in keys:
        held, _, last = key.rpartition("+")
        if held:
            actions.key_down(getattr(Keys, held))
        actions.send_keys(getattr(Keys, last))
        if held:
            actions.key_up(getattr(Keys, held))
    actions.perform()
    focused = "const it = document.activeElement; return it.id || it.ariaLabel || it.value"
    found: str = _js(browser, focused)
    return found


def _text(browser: "Chrome", identity: str) -> str:
    return browser.find_element("id", identity).text


def _pointed(browser: "Chrome") -> list[str]:
    return list(
        _js(browser, "return [...document.querySelectorAll('.grid .lit')].map((c) => c.ariaLabel)")
    )


def _open_example(browser: "Chrome", folder: Path) -> None:
    _open(browser, folder, _step((5, 5), (3,), ((1, 1),), s=(2,)))


def test_tab_reaches_every_control_and_both_grids(browser: "Chrome", tmp_path: Path) -> None:
    _open_example(browser, tmp_path)
    reached = [_press(browser, "TAB") for _ in range(12)]
    assert reached == [
        *("conv", "n-0", "f-0", "pb-0", "s-0", "d-0", "word", "even", "linked", "reset"),
        "padding row -1, column -1",
        "output row 0, column 0",
    ]
    visible = "return getComputedStyle(document.activeElement).outlineStyle"
    for _ in reached:
        assert _js(browser, visible) == "solid"
        _press(browser, "SHIFT+TAB")


def test_keys_move_sliders_and_the_answer_is_told(browser: "Chrome", tmp_path: Path) -> None:
    _open_example(browser, tmp_path)
    assert _press(browser, "TAB", "TAB", "ARROW_RIGHT", "ARROW_RIGHT") == "n-0"
    assert _text(browser, "size") == "input 7×7 → output 4×4"
    told = "const it = document.getElementById('size'); return it.role"
    assert _js(browser, told) == "status"
    assert _press(browser, "TAB", "END", "TAB", "HOME", "SHIFT+TAB") == "f-0"
    assert _text(browser, "size") == "input 7×7 → output 1×1"
    _press(browser, "SHIFT+TAB", "ARROW_LEFT")
    problem = browser.find_element("id", "problem")
    assert (
        problem.text
        == "filter 7 does not fit input 6 with padding 0: 6 + 2·0 < 7; use -p 1 or more"
    )
    assert problem.aria_role == "alert"
    assert not browser.find_element("id", "grids").is_displayed()
    assert _press(browser, "SHIFT+TAB", "ARROW_DOWN") == "convt"
    assert _text(browser, "layer") == "Transposed convolution"
    assert _text(browser, "size") == "input 6×6 → output 17×17"


def test_arrows_go_through_a_grid(browser: "Chrome", tmp_path: Path) -> None:
    _open_example(browser, tmp_path)
    _js(browser, "document.querySelector('.places [tabindex=\"0\"]').focus()")
    assert _press(browser, "ARROW_RIGHT", "ARROW_DOWN") == "output row 1, column 1"
    sentence = "Output row 1, column 1 reads 9 input pixels: rows 1, 2, 3; columns 1, 2, 3."
    assert _text(browser, "reading") == sentence
    live = "return document.getElementById('reading').ariaLive"
    assert _js(browser, live) == "polite"
    assert len(_pointed(browser)) == 9
    assert _press(browser, "HOME") == "output row 1, column 0"
    assert _press(browser, "ARROW_LEFT", "CONTROL+END", "ARROW_DOWN") == "output row 2, column 2"
    assert _press(browser, "CONTROL+HOME", "PAGE_DOWN") == "output row 2, column 0"
    assert _press(
        browser, "SHIFT+TAB", "ARROW_DOWN", "ARROW_RIGHT", "ARROW_DOWN", "ARROW_RIGHT"
    ) == ("input row 1, column 1, read 4 times")
    rows = [f"output row {r}, column {c}" for r in (0, 1) for c in (0, 1)]
    assert _pointed(browser) == rows
    stops = "return [...document.querySelectorAll('.cell[tabindex=\"0\"]')].length"
    assert _js(browser, stops) == 2


def test_arrows_go_on_where_not_all_is_drawn(browser: "Chrome", tmp_path: Path) -> None:
    _open(browser, tmp_path, _step((224, 224), (7,), ((3, 3),), s=(2,)))
    _js(browser, "document.querySelector('.places [tabindex=\"0\"]').focus()")
    assert _press(browser, "CONTROL+END") == "output row 111, column 111"
    ends = [r for r in range(219, 226) for _ in range(7)]
    assert [_place(label)[0] for label in _pointed(browser)] == ends
    assert _press(browser, *["ARROW_UP"] * 30) == "output row 81, column 111"
    assert _press(browser, "SHIFT+TAB", "END") == f"padding row {81 * 2 - 3}, column 226"
    assert _press(browser, "CONTROL+HOME") == "padding row -3, column -3"
    assert _pointed(browser) == ["output row 0, column 0"]


def test_a_pointer_lights_for_as_long_as_it_is_there(browser: "Chrome", tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains

    _open_example(browser, tmp_path)
    kept = _pointed(browser)
    cell = browser.find_element("css selector", '[aria-label^="input row 2, column 2"]')
    ActionChains(browser).move_to_element(cell).perform()
    assert _pointed(browser) == ["output row 1, column 1"]
    ActionChains(browser).move_to_element(browser.find_element("id", "layer")).perform()
    assert _pointed(browser) == kept
    cell.click()
    ActionChains(browser).move_to_element(browser.find_element("id", "layer")).perform()
    assert _pointed(browser) == ["output row 1, column 1"]


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_everything_has_a_role_and_a_name(dims: int, browser: "Chrome", tmp_path: Path) -> None:
    _open(browser, tmp_path, _step((40,) * dims, (3,), s=(1,)))
    tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    names: dict[str, list[str]] = {}
    for node in tree:
        if not node.get("ignored"):
            role, name = node["role"]["value"], node.get("name", {}).get("value", "")
            names.setdefault(role, []).append(name.strip())
    for role in ("slider", "radio", "checkbox", "combobox", "button", "grid", "gridcell", "form"):
        assert names.get(role), role
        assert all(names[role]), role
    assert {"heading", "row", "status", "group"} <= set(names)
    assert len(set(names["gridcell"])) == len(names["gridcell"])
    assert len(set(names["grid"])) == 2


LAYERS = {
    "square": _step((5, 5), (3,), ((1, 1),), s=(2,)),
    "line": _step((60,), (9,), "same"),
    "uneven": _step((9, 7), (3, 2), ((0, 1), (2, 2)), s=(2, 3), d=(2, 1)),
    "volume": _step((9, 16, 16), (7,), "full"),
    "large": _step((224, 224), (7,), ((3, 3),), s=(2,)),
    "transposed": _step((12, 12), (4,), ((1, 1),), "convt", s=(2,)),
}
# What a cell says must fit in it, and must not be small print; nothing may stick out of the page.
FITS = """
const texts = [...document.querySelectorAll(".cell")].filter((cell) => cell.innerText);
const text = (cell) => { const r = document.createRange(); r.selectNodeContents(cell); return r; };
const box = (cell) => cell.getBoundingClientRect();
const all = [...document.querySelectorAll("main *")].filter((each) => each.offsetParent);
return {
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  cut: texts.filter((cell) => text(cell).getBoundingClientRect().width > box(cell).width).length,
  small: texts.filter((cell) => parseFloat(getComputedStyle(cell).fontSize) < 9).length,
  out: all.filter((each) => !each.closest(".scroll") && box(each).right > innerWidth).length,
  texts: texts.length,
};
"""


@pytest.mark.parametrize("width", [600, 1200])
@pytest.mark.parametrize("name", LAYERS)
def test_nothing_is_cut(name: str, width: int, browser: "Chrome", tmp_path: Path) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    _open(browser, tmp_path, LAYERS[name])
    found = _js(browser, FITS)
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert found.pop("texts") > 0
    assert found == {"overflow": 0, "cut": 0, "small": 0, "out": 0}


def test_it_is_dark_and_still_where_that_is_preferred(browser: "Chrome", tmp_path: Path) -> None:
    _open_example(browser, tmp_path)
    look = """
    const style = (each) => getComputedStyle(each);
    return [style(document.body).backgroundColor, style(document.body).color,
            style(document.querySelector(".grid .cell")).transitionDuration];
    """
    found = []
    for scheme, motion in (("light", "no-preference"), ("dark", "reduce")):
        features = [("prefers-color-scheme", scheme), ("prefers-reduced-motion", motion)]
        media = {"features": [{"name": name, "value": value} for name, value in features]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        found.append(_js(browser, look))
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    (paper, ink, moves), (dark_paper, dark_ink, still) = found
    lightness = [sum(map(int, re.findall(r"\d+", color))) for color in (paper, dark_paper)]
    assert lightness[0] > 600
    assert lightness[1] < 150
    assert ink != dark_ink
    assert (moves, still) == ("0.08s", "0s")


def test_what_is_lit_differs_in_more_than_its_colour(browser: "Chrome", tmp_path: Path) -> None:
    _open_example(browser, tmp_path)
    border = "return getComputedStyle(document.querySelector(arguments[0])).border{}Width"
    widths = [
        _js(browser, border.format("Top"), f".grid .cell{kind}") for kind in (".lit", ":not(.lit)")
    ]
    assert widths == ["2px", "1px"]


def test_nothing_is_loaded(browser: "Chrome", tmp_path: Path) -> None:
    _open_example(browser, tmp_path)
    assert _js(browser, "return performance.getEntriesByType('resource').length") == 0
    text = (tmp_path / "conv.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|//[a-z]+\.|\bsrc=|@import|url\(", text)
    refused = """
    const done = arguments[arguments.length - 1];
    fetch("data:,hello").then(() => done("loaded"), () => done("refused"));
    """
    answer = browser.execute_async_script(refused)
    assert answer == "refused"  # by the page's own policy
    assert any("Content Security Policy" in line for line in _complaints(browser))

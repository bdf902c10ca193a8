"""Pictures in a real browser, with its own fonts: no text is cut, and none is on another."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import run_command

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

# Texts that leave the picture or lie on another; those that a window covers are there twice.
LOOK = """
const box = document.documentElement.viewBox.baseVal;
const seen = [...document.querySelectorAll("text")]
  .filter((text) => getComputedStyle(text).visibility !== "hidden")
  .map((text) => [text.getBBox(), text.textContent]);
const wrong = [];
seen.forEach(([a, text], i) => {
  const right = a.x + a.width, bottom = a.y + a.height;
  if (a.x < 0 || a.y < 0 || right > box.width || bottom > box.height) wrong.push(text);
  for (const [b, other] of seen.slice(i + 1)) {
    const wide = Math.min(right, b.x + b.width) - Math.max(a.x, b.x);
    const high = Math.min(bottom, b.y + b.height) - Math.max(a.y, b.y);
    if (wide > 0.5 && high > 0.3 * a.height && text !== other) wrong.push(text + " | " + other);
  }
});
return [seen.length, wrong];
"""
COLOURS = """
const fill = (name) => getComputedStyle(document.querySelector(name)).fill;
return [fill(".fill-paper"), fill(".fill-ink")];
"""


@pytest.mark.parametrize(
    "command",
    [
        "shape -n 8 -f 3 -p 1 -s 2 --explain",
        "shape -n 224 -f 7 -p 3 -s 2 --explain",
        "shape -n 5x9 -f 2 --transposed -s 3 -p 1:0 --animate",
        "shape -n 12 -f 3 -d 2 -p 2:1 --dims 1 --explain",
        "shape -n 7 -f 2 --pool --ceil --dims 3 --explain",
        "shape resnet50 -n 224 -c 3 --explain",
        "shape unet -n 256 -c 3 --explain",
        "shape wavenet -n 16000 --explain",
        "run randn:8x8 -k sobel-x -p 1 --explain",
        "run randn:3x6x6 -c 3:2 -f 3 --animate",
        "run randn:64x96 -k gaussian:5:1.0 --plot",
    ],
)
def test_texts_are_whole_and_apart(command: str, browser: "Chrome", tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    assert run_command(*command.split(), "-o", str(path)).status == 0
    browser.get(path.as_uri())
    count, wrong = _js(browser, LOOK)
    assert count > 5
    assert wrong == []


def test_colours_follow_the_scheme(browser: "Chrome", tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    run_command("shape", "-n", "8", "-f", "3", "--explain", "-o", str(path))
    found = {}
    try:
        for scheme in ("light", "dark"):
            feature = {"name": "prefers-color-scheme", "value": scheme}
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
            browser.get(path.as_uri())
            found[scheme] = _js(browser, COLOURS)
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert found["light"] == ["rgb(251, 250, 247)", "rgb(28, 28, 30)"]
    assert found["dark"] == ["rgb(23, 24, 27)", "rgb(237, 236, 232)"]


def test_the_look_can_find_what_is_wrong(browser: "Chrome", tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    texts = (
        '<text x="5" y="20">one</text><text x="9" y="21">two</text><text x="90" y="50">cut</text>'
    )
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">{texts}</svg>')
    browser.get(path.as_uri())
    assert _js(browser, LOOK) == [3, ["one | two", "cut"]]


def _js(browser: "Chrome", script: str) -> Any:
    return browser.execute_script(script)

"""The tables of RESULTS.md and of the README are those of the lines that are kept."""

import json
from pathlib import Path

from tests.bench.report import pages, short

FOLDER = Path(__file__).parent


def test_results_are_made_of_the_lines() -> None:
    lines = (FOLDER / "results.jsonl").read_text(encoding="utf-8").splitlines()
    text = (FOLDER / "RESULTS.md").read_text(encoding="utf-8")
    made = text.partition("results.jsonl -->\n")[2].partition("<!-- end -->")[0]
    assert made.strip() == pages(map(json.loads, lines)).strip()


def test_the_table_of_the_readme_is_made_of_the_lines() -> None:
    lines = (FOLDER / "results.jsonl").read_text(encoding="utf-8").splitlines()
    text = (FOLDER.parents[1] / "README.md").read_text(encoding="utf-8")
    assert short(map(json.loads, lines)) in text

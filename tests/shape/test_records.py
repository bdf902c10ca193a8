"""What `shape` prints for machines: keys, columns, totals and `--fields`."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run_command

KEYS = (
    "kind name layer input filter stride padding dilation output_padding ceil_mode output "
    "channels_in channels_out groups bias parameters macs flops receptive_field jump "
    "effective_padding unread unread_end effective_filter field_exact"
).split()
STACK = ("-c", "3", "-l", "conv f=7 s=2 p=3 c=64 name=stem", "-l", "maxpool f=3 s=2 p=0:1x1")


def _json(*args: str) -> list[dict[str, Any]]:
    done = run_command("shape", *args, "--format", "json")
    assert done.status == 0
    return [json.loads(line) for line in done.out.splitlines()]


def _csv(*args: str) -> list[list[str]]:
    done = run_command("shape", *args, "--format", "csv")
    assert done.status == 0
    return list(csv.reader(done.out.splitlines()))


def test_keys_are_whole_names_that_differ_when_case_is_ignored() -> None:
    (record,) = _json("-n", "8x6", "-f", "3", "-c", "3:64")
    assert list(record) == KEYS
    assert len({key.lower() for key in KEYS}) == len(KEYS)
    solved = _json("--solve", "p", "--out", "8", "-n", "8", "-f", "4")
    assert [list(each) for each in solved] == [["solve", "output", "answer", "axes"]]


@pytest.mark.parametrize(
    ("size", "axes"), [("9", ["width"]), ("9x8", ["height", "width"]),
                       ("9x8x7", ["depth", "height", "width"])],
)  # fmt: skip
def test_csv_has_a_column_for_each_axis_and_side(size: str, axes: list[str]) -> None:
    header, *rows = _csv("-n", size, "--dims", str(len(axes)), *STACK[:-2])
    assert [name for name in header if name.startswith("input_")] == [f"input_{a}" for a in axes]
    sides = [name for name in header if name.startswith("padding_")]
    assert sides == [f"padding_{axis}_{side}" for axis in axes for side in ("begin", "end")]
    assert {len(row) for row in rows} == {len(header)}
    row = dict(zip(header, rows[0], strict=True))
    assert [row[f"input_{axis}"] for axis in axes] == size.split("x")


def test_json_and_csv_have_the_same_figures() -> None:
    header, *rows = _csv("-n", "224x100", *STACK)
    records = _json("-n", "224x100", *STACK)[:-1]
    for record, row in zip(records, rows, strict=True):
        cells = dict(zip(header, row, strict=True))
        for key, value in record.items():
            names = [name for name in header if name == key] or [
                f"{key}_{axis}{side}"
                for axis in ("height", "width")
                for side in (("_begin", "_end") if key in ("padding", "field") else ("",))
            ]
            values = value if isinstance(value, list) else [value]
            if key in ("padding", "field"):
                values = [side for axis in values for side in axis]
            elif key in ("shape", "inputs", "marks"):
                values = [" ".join(map(str, values))]
            expected = ["" if v is None else str(int(v)) if v in (0, 1) else str(v) for v in values]
            assert [cells[name] for name in names] == expected, key


def test_the_reference_explains_every_key() -> None:
    page = (Path(__file__).parents[2] / ".github" / "REFERENCE.md").read_text()
    table = page.partition("| key | value |")[2]
    explained = set(re.findall(r"`(\w+)`", table.partition("\n\n")[0]))
    records = _json("-n", "224", *STACK, "--explain")
    for record in records:
        assert explained >= record.keys()


@pytest.mark.parametrize(
    ("args", "bias"),
    [("", True), ("--no-bias", False), ("--pool max", False), ("--pool avg", False)],
)
def test_which_layers_have_a_bias(args: str, bias: bool) -> None:
    layer = ("-n", "8", "-f", "3", *args.split())
    assert _json(*layer)[0]["bias"] is bias
    assert _csv(*layer, "--fields", "bias")[1] == [str(int(bias))]


def test_the_reference_says_which_keys_only_networks_have() -> None:
    page = (Path(__file__).parents[2] / ".github" / "REFERENCE.md").read_text()
    rows = re.findall(r"(?m)^\| (`.*?) \| (.*) \|$", page.partition("| key | value |")[2])
    limited = {
        key for keys, value in rows if "of a network" in value for key in re.findall(r"\w+", keys)
    }
    (node, _) = _json("-n", "8", "-l", "conv f=3")
    (layer,) = _json("-n", "8", "-f", "3")
    assert limited >= node.keys() - layer.keys()


def test_each_stack_of_a_sweep_ends_with_its_total() -> None:
    records = _json("-n", "224,64", *STACK)
    assert [r["kind"] for r in records] == ["conv", "maxpool", "total"] * 2
    for *layers, total in (records[:3], records[3:]):
        assert total["layers"] == 2
        assert total["input"] == layers[0]["input"]
        for key in ("parameters", "macs", "flops"):
            assert total[key] == sum(layer[key] for layer in layers)
        for key in ("output", "receptive_field", "jump", "effective_padding", "channels_out"):
            assert total[key] == layers[-1][key]
    assert [r["kind"] for r in _json("-n", "8", "-f", "3", "-c", "3")] == ["conv"]
    assert _json("-n", "8", "-l", "conv f=3")[-1]["macs"] is None


def test_fields_are_chosen_and_ordered() -> None:
    args = ("-n", "224", *STACK, "--fields")
    assert _json(*args, "macs, kind,output")[2] == {
        "macs": 118_013_952, "kind": "total", "output": [56, 56],
    }  # fmt: skip
    assert [r["layers"] for r in _json(*args, "layers,kind")] == [None, None, 2]
    assert [list(r) for r in _json(*args, "output,name")] == [["output", "name"]] * 2  # no total
    header, first, _ = _csv(*args, "output_width,padding,name,output")
    assert header == [
        "output_width", "padding_height_begin", "padding_height_end", "padding_width_begin",
        "padding_width_end", "name", "output_height",
    ]  # fmt: skip
    assert first == ["112", "3", "3", "3", "3", "stem", "112"]
    (explained,) = _json("-n", "8", "-f", "3", "--explain", "--fields", "formula")
    assert explained == {"formula": ["8 - 3 + 1 = 6"] * 2}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("--format json --fields outputs", "--fields 'outputs' is not a field; choose from kind, "),
        ("--format json --fields formula", "is not a field without --explain; add --explain\n"),
        ("--format csv --fields formula", "is not a field of CSV; use --explain --format json\n"),
        (
            "--format json --fields field",
            "of a single layer; give the layer with -l, such as -l 'conv f=3'",
        ),
        (
            "--format csv --fields marks",
            "of a single layer; give the layer with -l, such as -l 'conv f=3'",
        ),
        ("--format json --fields layers", "of a single layer; give the layer with -l"),
        ("--explain --fields output", "the format table; add --format json\n"),
        ("--format json --fields output,", "--fields '' is not a field"),
        ("--format json --fields input_width", "'input_width' is not a field"),
        ("--format csv --fields input_depth", "or one axis such as input_width\n"),
        (
            "--fields output",
            "cannot be combined with the format plain; add --format json, or csv\n",
        ),
        (
            "--format table --fields output",
            "cannot be combined with the format table; use --format json, or csv\n",
        ),
        ("--solve s --out 3 --fields output", "--fields output cannot be combined with --solve s"),
        ("--animate --fields output", "--fields output cannot be combined with --animate"),
    ],
)
def test_mistakes_with_fields(args: str, message: str) -> None:
    done = run_command("shape", "-n", "8", "-f", "3", *args.split(" "))
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert done.err.count("\n") == 1

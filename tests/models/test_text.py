"""Networks as text: blocks, branches, and what is said of mistakes."""

import json
from pathlib import Path

import pytest

from convcli.errors import UsageError
from convcli.models.from_text.builtin import builtin_lines, builtin_names
from tests.conftest import run_command
from tests.networks import steps_of

RESNETS = {"resnet50": 483, "resnet101": 1027, "resnet152": 1507}


def _names(lines: list[str]) -> list[str]:
    return [step.name for step in steps_of(lines, (64, 64), 3)]


def test_a_block_is_used_with_its_parameters() -> None:
    lines = [
        "block cbr c f=1 wide={2*c}",
        "  conv f={f} c={c} | bn",
        "  conv f={f} c={wide/2 + 1}",
        "cbr c=4",
        "cbr 8 3 wide=4 name=last",
    ]
    steps = steps_of(lines, (9, 9), 3)
    assert [step.c_out for step in steps] == [4, 4, 5, 8, 8, 3]
    assert [step.out[0] for step in steps] == [9, 9, 9, 7, 7, 5]
    assert [s.name for s in steps][:4] == ["cbr1.conv1", "cbr1.bn1", "cbr1.conv2", "last.conv1"]


def test_blocks_repeat_and_names_are_found_from_inside_out() -> None:
    lines = [
        "block inner",
        "  conv f=1 c=3 name=a",
        "  add with=in",
        "block outer",
        "  conv f=1 c=3 name=a",
        "  inner repeat=2 name=twice",
        "  add with=a,twice.1,twice",
        "conv f=1 c=3 name=a",
        "outer name=o",
        "concat with=a,o.a,o.twice.1.a",
    ]
    steps = {step.name: step for step in steps_of(lines, (9, 9), 3)}
    assert steps["o.twice.2.add1"].sources == ("o.twice.2.a", "o.twice.1.add1")
    assert steps["o.add1"].sources == ("o.twice.2.add1", "o.a", "o.twice.1.add1", "o.twice.2.add1")
    assert steps["concat1"].sources == ("o.add1", "a", "o.a", "o.twice.1.a")
    assert steps["concat1"].c_out == 12


def test_a_pattern_joins_all_that_match() -> None:
    lines = ["block b", "  conv f=1 name=skip | relu", "b repeat=3 name=b", "add with=*.skip"]
    (*_, last) = steps_of(lines, (9, 9), 3)
    assert last.sources == ("b.3.relu1", "b.1.skip", "b.2.skip", "b.3.skip")


def test_defaults_of_the_input_and_what_overrides_them(in_tmp: Path) -> None:
    Path("net").write_text("input n=20x10 c=2\nconv f=3 c=4\n")
    shape = ("shape", "net", "--format", "json")
    first = json.loads(run_command(*shape).out.splitlines()[0])
    assert (first["input"], first["channels_in"]) == ([20, 10], 2)
    first = json.loads(run_command(*shape, "-n", "9", "-c", "1").out.splitlines()[0])
    assert (first["input"], first["channels_in"]) == ([9, 9], 1)
    Path("line").write_text("input n=100 dims=1\nconv f=3\n")
    assert run_command("shape", "line").out == "98\n"
    assert run_command("shape", "line", "-n", "9,8").out == "7\n6\n"
    assert run_command("shape", "line", "--dims", "2", "-n", "9").out == "7x7\n"


@pytest.mark.parametrize("name", builtin_names())
def test_every_built_in_network_has_a_source_and_runs(name: str) -> None:
    assert (builtin_lines(name) or [""])[0].startswith("# ")
    done = run_command("shape", name)
    assert (done.status, done.err) == (0, "")
    marks = run_command("shape", name, "--format", "json", "--fields", "marks")
    assert '"marks": ["' not in marks.out


def test_the_paper_s_unet() -> None:
    done = run_command("shape", "unet", "-n", "572", "-c", "1", "--format", "table")
    for said in ("output 388x388, 2 channels", "31,030,658 parameters", "crop like=up"):
        assert said in done.out


@pytest.mark.parametrize("name", RESNETS)
def test_receptive_fields_of_the_papers_resnets(name: str) -> None:
    """Where the stride is in the first 1x1 filter, as in the paper; torchvision moved it."""
    lines = [
        line.replace("conv f=1 c={c} bias=0", "conv f=1 s={s} c={c} bias=0").replace(
            "conv f=3 s={s}", "conv f=3"
        )
        if "s={s}" in text or "f=1 c={c}" in line
        else line
        for text in ["".join(builtin_lines(name) or ())]
        for line in text.splitlines()
    ]
    # Only the first block of a stage has a stride.
    start = next(i for i, line in enumerate(lines) if line.startswith("block first"))
    lines[:start] = [line.replace("conv f=1 s={s}", "conv f=1") for line in lines[:start]]
    steps = steps_of(lines, (224, 224), 3)
    last = [step for step in steps if step.window is not None][-1]
    assert last.fields[0].r == RESNETS[name]
    assert last.c_out == 2048


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("block", "line 1: a block needs a name; write such as: block residual c s=1"),
        ("block conv\n conv f=1", "'conv' cannot be the name of a block"),
        ("block b c=\n conv f=1", "'c=' is not a parameter of a block"),
        ("block b name\n conv f=1", "'name' is not a parameter of a block"),
        ("block b\nconv f=1", "block b has no layer; write its layers below it, indented"),
        ("block b\n conv f=1\nblock b\n relu", "line 3: there is a block b already"),
        ("block b\n block c", "'block c' cannot be inside a block"),
        ("block b\n b\nb", "deep; a block cannot use itself"),
        ("block b c\n conv f=1 c={c}\nb", "line 3: block b needs c; add c=64 or another"),
        ("block b c\n conv f=1 c={c}\nb 1 2", "'2' is not a value of block b; write b c=..."),
        ("block b c\n conv f=1 c={d}\nb c=1", "'d' is not a parameter of the block; it has c"),
        ("block b c\n conv f=1 c={c/2}\nb c=3", "{c/2} is not a whole number: 3/2"),
        ("block b c\n conv f=1 c={(c)}\nb c=3", "{(c)} is not a value; write such as {c}"),
        ("block b c\n conv f=1 c={c 2}\nb c=3", "{c 2} is not a value; write such as {c} or {4*c}"),
        ("block b c\n conv f=1 c={*c}\nb c=3", "{*c} is not a value; write such as {c} or {4*c}"),
        ("conv f=1\nadd", "line 2: add joins layers; add with=NAME"),
        ("conv f=1\nadd with=a", "'a' is not the name of a layer before it; write one of 'in', "),
        ("conv f=1 from=conv1", "'conv1' is not the name of a layer before it"),
        ("conv f=1\nadd with=*.x", "no layer before it has a name like '*.x'"),
        ("conv f=1 | ", "a layer is missing beside a |; leave the | out"),
        ("| conv f=1", "a layer is missing beside a |; leave the | out"),
        ("cnv f=1", "'cnv' is not a kind of layer; write conv\n"),
        ("block stage\n conv f=1\nstag", "'stag' is not a kind of layer; write stage\n"),
        ("input n=-4\nconv f=1", "net.layers, line 1: n=-4 must be 1 or more; write such as n=3"),
        ("input c=0\nconv f=1", "net.layers, line 1: c=0 must be 1 or more; write such as c=3"),
        ("input c=3\ninput n=9\nconv f=1", "line 2: the input has a line already; write it once"),
        ("relu name=a\nconv f=1 name=a", "line 2: the name 'a' is that of a layer before it"),
        ("relu name=in", "the name 'in' is that of a layer before it"),
        ("conv f=1\ninput n=3", "the input comes before the layers; move the line up"),
        ("linear", "linear has no number of outputs; add c=1000"),
        ("linear c=9:4", "input channels 9 must equal the 243 channels that come in"),
        ("bn c=7", "input channels 7 must equal the 3 channels that come in; use c=3"),
        ("ln c=7", "input channels 7 must equal the 3 channels that come in; use c=3"),
        ("bn c=3:4", "output channels 4 must equal input channels 3 of bn; write c=3"),
        ("bn c=0", "c=0 must be 1 or more; write c=64"),
        ("gn g=banana", "g 'banana' is not a whole number"),
        ("gn g=0", "groups 0 must be 1 or more; use g=1"),
        ("upsample scale=.", "scale=. is not a number"),
        ("pad p=1 mode=mirrored", "mode 'mirrored' is not a pad mode; write zeros"),
        ("gn g=2", "input channels 3 must be a multiple of groups 2; use g=1, or other channels"),
        ("prelu c=0", "c=0 must be 1 or more; write c=64"),
        ("prelu c=2", "input channels 2 must equal the 3 channels that come in; use c=3"),
        ("dropout p=x", "p=x must be a number from 0 to 1; write p=0.5"),
        ("relu in_channels=3", "'in_channels' is not a key of this; write one of: from"),
        ("input n=9 c=3:64\nrelu", "c '3:64' is not a whole number"),
        ("input n=9 in_channels=3\nrelu", "'in_channels' is not a key of this; write one of: n"),
        ("upsample", "upsample needs a scale or a size; write scale=2 or out=64"),
        ("upsample scale=0", "scale=0 must be more than 0"),
        ("upsample scale=y", "scale=y is not a number"),
        ("upsample scale=2 mode=sinc", "mode=sinc is not a mode; write one of nearest"),
        ("crop", "crop needs one of p, out and like"),
        ("crop out=10", "height 9 cannot be cropped to 10"),
        ("pad p=same", "p=same must be a number here"),
        ("pixelshuffle", "pixelshuffle needs a scale of 1 or more; write scale=2"),
        ("pixelshuffle scale=2", "3 channels cannot be spread over blocks of 4 pixels"),
        ("adaptiveavgpool", "adaptiveavgpool has no output size; add out=1"),
        ("flatten | maxpool f=2", "needs 1 to 3 spatial axes, and its input has 0; put it before"),
        ("flatten | globalavgpool", "it needs 1 to 3 spatial axes, and its input has 0"),
        ("conv f=1 name=a | conv f=3 | add with=a", "must be equal or 1: 1x3x7x7, 1x3x9x9"),
        ("conv f=1 name=a | conv f=3 | concat with=a", "must be equal except along axis 1"),
        ("relu f=3", "'f' is not a key of this; write one of: from"),
        ("block b\n conv f=1\nb repeat=10001", "more than 10000; write repeat=10000 or less"),
    ],
)  # fmt: skip
def test_mistakes(text: str, message: str, in_tmp: Path) -> None:
    Path("net.layers").write_text(text)
    done = run_command("shape", "net.layers", "-n", "9", "-c", "3")
    assert done.status in (1, 2)
    assert done.err.startswith("convcli: error: ")
    assert done.err.count("\n") == 1
    assert message in done.err


def test_blocks_cannot_blow_up() -> None:
    lines = ["block b0", " conv f=1"]
    for i in range(1, 30):
        lines += [f"block b{i}", f" b{i - 1} repeat=1000"]
    with pytest.raises(UsageError, match=r"nested more than 20 deep|more than 10000"):
        steps_of([*lines, "b29"], (9, 9))


def test_parameters_of_prelu_are_one_or_one_for_each_channel() -> None:
    lines = ["prelu", "prelu c=1", "prelu c=3", "gn g=3", "bn c=3"]
    assert [step.params for step in steps_of(lines, (9, 9), 3)] == [1, 1, 3, 6, 6]


def test_misaligned_branches_are_marked() -> None:
    lines = ["conv f=1 name=a", "conv f=2 p=0:1", "add with=a"]
    (*_, last) = steps_of(lines, (9, 9))
    assert last.marks == ("centres of branches are 0.5 pixels apart",)
    table = run_command(
        "shape", "-n", "9", *(word for line in lines for word in ("-l", line)), "--format", "table"
    )
    assert "layer 3, add with=a: centres of branches are 0.5 pixels apart" in table.out
    lines = ["conv f=1 s=2 name=a", "crop out=5 from=in", "add with=a"]
    assert steps_of(lines, (9, 9))[-1].marks == ("branches with different jumps: 1 and 2",)

"""Command lines as people type them first: names and spellings from elsewhere, and mistakes."""

import re
import shlex
from pathlib import Path

import pytest

from completions.program import program
from convcli.run import options as run_options
from convcli.shape import options as shape_options
from tests.conftest import DATA, run_command


def _plain(line: str) -> str:
    done = run_command(*shlex.split(line))
    assert (done.status, done.err) == (0, "")
    return done.out


@pytest.mark.parametrize(
    ("typed", "ours"),
    [
        ("shape --input-size 8 --kernel-size 3", "shape -n 8 -f 3"),
        ("shape --size 8 --kernel_size=3 --strides 2", "shape -n 8 -f 3 -s 2"),
        ("shape -n 8 --filter-size 3 --dilation_rate 2 --pads 1", "shape -n 8 -f 3 -d 2 -p 1"),
        ("shape -n 8 -f 3 --transpose --output_padding 0", "shape -n 8 -f 3 --transposed"),
        ("shape -n 8 -f 2 --pooling --ceil-mode", "shape -n 8 -f 2 --pool --ceil"),
        ("shape -n 8 -f 2 --pooling avg", "shape -n 8 -f 2 --pool avg"),
        (
            "shape -n 8 -f 3 --in-channels 3 --out-channels 64 --format json",
            "shape -n 8 -f 3 -c 3:64 --format json",
        ),
        (
            "shape -n 8 -f 3 --in_channels 4 --group 2 --format csv",
            "shape -n 8 -f 3 -c 4 -g 2 --format csv",
        ),
        ("shape --solve n --output-size 4 -f 3", "shape --solve n --out 4 -f 3"),
        (
            "run x.npy --weight box --padding_mode edge -p 1 -q",
            "run x.npy -k box --pad-mode replicate -p 1 -q",
        ),
        ("run x.npy --kernel-size 3 --random-seed 7 -q", "run x.npy -f 3 --seed 7 -q"),
        (
            "run x.npy --layout HWC -f 3 --seed 7 --in-channels 3 --out_channels 8 -q",
            "run x.npy --layout HWC -f 3 --seed 7 -c 3:8 -q",
        ),
    ],
)  # fmt: skip
def test_options_answer_to_the_names_of_other_libraries(
    typed: str, ours: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.npy").write_bytes((DATA / "photo.npy").read_bytes())
    first, second = (run_command(*shlex.split(line)) for line in (typed, ours))
    assert first == second
    assert first.status == 0


def test_names_are_normalized_and_values_are_not(in_tmp: Path) -> None:
    (in_tmp / "kernel_size.txt").write_text("conv f=3 name=kernel_size\n")
    found = _plain("shape -n 8 --layers kernel_size.txt --format json")
    assert '"name": "kernel_size"' in found


def test_an_alias_is_no_name_of_ours_and_is_not_shown() -> None:
    for command, aliases in (("shape", shape_options.ALIASES), ("run", run_options.ALIASES)):
        (ours,) = (c for c in program() if c.name == command)
        names = {name for option in ours.options for name in option.names}
        assert not {f"--{alias}" for alias in aliases} & names
        assert {f"--{real}" for real in aliases.values()} <= names
        page = run_command(command, "--help").out
        assert not re.findall(r"--(?:kernel-size|in-channels|strides)\b", page)


@pytest.mark.parametrize(
    ("typed", "end"),
    [
        ("help run", "'help' is not a command; tip: convcli run --help"),
        ("help", "tip: convcli --help"),
        ("shpe", "tip: convcli shape; see convcli --help"),
        ("-n 8 -f 3", "write the command first: convcli shape -n 8 -f 3; see convcli --help"),
        (
            "shape -n 8 8",
            "write sizes of several axes with x between: -n 8x8; see convcli shape --help",
        ),
        ("shape -n [8, 6]", "-n 8x6; see convcli shape --help"),
        ("shape --kernel-size=3 5", "--kernel-size 3x5; see convcli shape --help"),
        ("shape 8 -f 3", "such as -n 8; see convcli shape --help"),
        ("shape conv f=3 -n 8", "write -l 'conv f=3'; see convcli shape --help"),
        ("shape -n 8 -l conv f=3", "-l 'conv f=3'; see convcli shape --help"),
        ("shape --explain resnet50 foo", "leave out foo after resnet50; see convcli shape "
         "--help"),
        (
            "shape --kernelsize 3",
            "--kernelsize is not an option; tip: --filter; see convcli shape --help",
        ),
        ("shape -n 8 --foo", "--foo is not an option; see convcli shape --help"),
        ("shape --in-channel 3", "tip: -c IN:OUT; see convcli shape --help"),
        (
            "shape --ceil=1",
            "takes no value; write --ceil, or leave it out; see convcli shape --help",
        ),
        (
            "run x.npy --time x",
            "--time 'x' is not a whole number; write --time 2; see convcli run --help",
        ),
        ("run --seed", "--seed has no value; write such as --seed 2; see convcli run --help"),
        ("run x.npy -k box --border wrap", "SciPy's mirror; see convcli run --help"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_ends_in_its_page(typed: str, end: str) -> None:
    done = run_command(*typed.split())
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("convcli: error: ")
    assert done.err.endswith(f"{end}\n")
    assert done.err.count("\n") == 1


def test_every_option_without_its_value_is_given_one() -> None:
    for command in program():
        for option in command.options:
            if option.values is not None:
                done = run_command(*filter(None, (command.name, option.names[-1])))
                if option.names[-1] != "--pool":  # alone it is --pool max
                    assert f"has no value; write such as {option.names[-1]} " in done.err


@pytest.mark.parametrize(
    ("typed", "remedy"),
    [
        ("shape -n 2 -f 3", "-p"),
        ("shape -n 4 -f 3 -d 4", "-p"),
        ("shape -n 8 -f 3 -p 9 --transposed", "-p"),
        ("shape -n 8 -f 2 -p 2 --pool", "-p"),
        ("shape -n 0 -f 1", "-n"),
        ("shape -n 8 -f 3 -g 2 -c 3:64", "-g"),
        ("shape -n 8 -f 3 -c 3:0", "-c"),
        ("shape -n 8 -f 3 -c 3:64 --pool", "-c"),
        ("shape -n 8 -f 1 -s 3 -p same --transposed", "--output-padding"),
        ("shape -n 8 -f 3 -p causal --transposed", "-p"),
        ("shape -n 8 -f 3 -g depthwise -c 3", "-g"),
        ("shape -n 8 -f 3 --dims 4", "--dims"),
        ("shape -n 8", "-f"),
        ("shape -f 3", "-n"),
        ("shape -n 1x3x224x224 -f 3", "-n"),
        ("shape -n 32 -f 64x3x7x7", "-f"),
        ("shape -n 8 8 -f 3", "-n"),
        ("shape -n 8 -f 3 --color blue", "--color"),
        ("run rand:8x8 -k box --time 0", "--time"),
        ("run rand:8x8 -k box --threads 0", "--threads"),
        ("run rand:8x8 -k box --seed -1", "--seed"),
        ("run rand:8x8 -k box --memory x", ""),
        ("run rand:8x8 -k box:9", "-p"),
        ("run rand:8x8 -k box --dtype uint8", "--scale"),
        ("run rand:8x8 -k box --layout HWC", "--layout"),
        ("run rand:8x8 -f sobel-x", "-k"),
        ("run rand:8x8 -k 3", "-f"),
        ("run rand:8x8", "-k"),
        ("run rand:8x8 -f 3 3", "-f"),
        ("run rand:8x8 -k box -p 1 2", "-p"),
        ("run rand:8x8 -f 2 --pool med", "--pool"),
        ("run rand:3x8x8 -f 3 -c 3:6 -g depthwise", "-g"),
        ("run rand:3x8x8 -f 3 --in-channels 3", "--out-channels"),
    ],
)
def test_a_remedy_works_when_it_is_pasted(typed: str, remedy: str) -> None:
    words = typed.split()
    refused = run_command(*words)
    assert refused.status in (1, 2)
    text = refused.err.rpartition("; see ")[0] or refused.err
    if not remedy:
        (value,) = re.findall(r"such as (\S+)", text)
        words[-1] = value
    else:
        advice = text.partition("; ")[2]
        pairs = dict(re.findall(r"(-[a-z]|--[a-z-]+) ([^-\s,;][^\s,;]*)", advice))
        assert remedy in pairs
        if words[-2] in ("-f", "-k") and remedy in ("-f", "-k"):
            words = words[:-2]
        for option, value in (
            list(pairs.items()) if remedy in ("-n", "-f") else [(remedy, pairs[remedy])]
        ):
            if option in words:
                place = words.index(option)
                end = place + 2
                while end < len(words) and not words[end].startswith("-"):
                    end += 1
                words[place:end] = [option, value]
            else:
                words += [option, value]
    done = run_command(*words)
    assert done.status == 0, words
    assert "error" not in done.err


def test_a_second_network_is_the_word_too_many() -> None:
    run = run_command("shape", "resnet18", "vgg16")
    assert run.status == 2
    assert run.err.startswith(
        "convcli: error: unexpected argument 'vgg16'; leave out vgg16 after resnet18"
    )

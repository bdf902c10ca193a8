"""What `--explain` says and draws: checked for meaning, and against stored pictures."""

import json
from pathlib import Path

import pytest

from tests.conftest import run_command

GOLDENS = Path(__file__).parents[1] / "goldens"

_UNET = " ".join(  # the longest path, without the skips
    [f"-l conv_f=3_c={64 << i}_repeat=2_name=down{i} -l maxpool_f=2_name=pool{i}" for i in range(4)]
    + ["-l conv_f=3_c=1024_repeat=2_name=bottom"]
    + [
        f"-l convt_f=2_s=2_c={64 << i}_name=up{i} -l conv_f=3_c={64 << i}_repeat=2_name=joined{i}"
        for i in reversed(range(4))
    ]
    + ["-l conv_f=1_c=2_name=head"]
)
PICTURES = {
    "table": "-n 8x6 -f 5x3 -p 2x1 -s 3x4 -c 3:64",
    "transposed": "-n 3 -f 3 -s 2 -p 1 --transposed --output-padding 1 --explain",
    "sweep": "-n 32,64 -f 3,5 -s 1,2 -p same -c 3:8",
    "stack": "-n 224 -c 3 -l conv_f=7_s=2_p=3_c=64_name=stem -l maxpool_f=3_s=2_p=1 "
    "-l conv_f=3_p=same_c=128_repeat=2_g=2_bias=0",
    "vgg16": "vgg16 -n 224 --all",
    "mobilenet": "mobilenet_v1 -n 224",
    "unet-paper": "unet --explain",
    "resnet": "resnet18 -n 225x160 --explain",
    "unet": f"-n 572x444 -c 1 {_UNET}",
    "growth": "vgg16 -n 224 --explain",
    "lost": "-n 99x50 -l conv_f=5x3_s=2_name=stem -l maxpool_f=2 -l conv_f=3_d=2_s=3 --explain",
    "explain": "-n 8 -f 3 -p 1 -s 2 --explain",
    "dilated": "-n 9x7 -f 3 -d 2 -p 0:1 --explain",
    "line": "-n 9 -f 4 --dims 1 --explain",
    "volume": "-n 4x5x6 -f 3 --explain",
    "large": "-n 224 -f 7 -p 3 -s 2 --explain",
    "pool": "-n 6 -f 3 -s 2 --pool --ceil --explain",
    "solve": "--solve n --out 112 -f 7 -p 3 -s 2",
}


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("name", PICTURES)
def test_pictures(
    name: str, width: int, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Rewrite them with ``pytest --rewrite-goldens``, and read the difference."""
    monkeypatch.setenv("COLUMNS", str(width))
    words = [word.replace("_", " ") if "=" in word else word for word in PICTURES[name].split()]
    done = run_command("shape", *words, "--format", "table")
    assert done.status == 0
    code = ("PyTorch: ", "Keras: ", "ONNX: ")  # whole lines, to be copied
    for line in done.out.splitlines():
        assert len(line) <= width or line.startswith(code)
    golden = GOLDENS / f"{name}-{width}.txt"
    text = "".join(f"{line.rstrip()}\n" for line in done.out.splitlines())
    if request.config.getoption("--rewrite-goldens"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()


def test_the_tutorials_facts_are_said() -> None:
    unpadded = run_command("shape", *"-n 8 -f 3 --explain".split()).out
    assert "a corner is read once, the middle 9 times" in unpadded
    assert "each such layer takes 2 of the pixels: after 3 of them 2 of 8 are left" in unpadded
    assert "p = (f - 1)/2 = 1 keeps the size" in unpadded
    even = run_command("shape", *"-n 8 -f 4 --explain".split()).out
    assert "(f - 1)/2 = 1.5 is not whole" in even
    assert "-p same adds 1:2" in even


def test_shrinking_is_told_as_it_happens() -> None:
    """The statement "after k layers so many are left" is what a stack of them gives."""
    layers = [arg for _ in range(3) for arg in ("-l", "conv f=3")]
    assert run_command("shape", "-n", "8", *layers).out == "2x2\n"
    assert run_command("shape", "-n", "8", *layers, "-l", "conv f=3").status == 1


def test_layers_of_any_size_are_explained() -> None:
    wide = run_command("shape", *"-n 5 -f 99999999 -p full --explain --dims 1".split())
    assert "an end is read 99999999 times, the middle 99999999 times" in wide.out
    long = run_command("shape", *"-n 1000000000 -f 3 --explain".split())
    assert "a corner is read once, the middle 9 times" in long.out
    assert "drawn: the first 20 of 1000000000 rows" in long.out
    record = json.loads(
        run_command("shape", *"-n 1000000x1000001 -f 3 --explain --format json".split()).out
    )
    assert len(record["coverage"][0]) == 10**6
    assert record["coverage"][1] is None


def test_no_colour_leaves_no_code_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    args = ("shape", *"-n 8 -f 3 -p 1 --explain".split())
    assert "\x1b[" in run_command(*args, tty=True).out
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in run_command(*args, tty=True).out
    monkeypatch.delenv("TERM")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in run_command(*args, tty=True).out
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in run_command(*args, tty=False).out

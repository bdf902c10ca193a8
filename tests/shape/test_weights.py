"""`shape` of a file of weights: what its arrays say, and that their numbers stay in it."""

import csv
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tests.conftest import DATA, run_command
from tests.models.zoo import torchvision

SAVERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "m.pt": lambda state: torch.save(state, "m.pt"),
    "m.pth": lambda state: torch.save(state, "m.pth", _use_new_zipfile_serialization=False),
    "m.safetensors": lambda state: save_file(state, "m.safetensors"),
    "m.npz": lambda state: np.savez("m.npz", **{k: v.numpy() for k, v in state.items()}),
}


def _records(path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    done = run_command("shape", path, "--format", "json")
    assert done.status == 0, done.err
    *members, total = map(json.loads, done.out.splitlines())
    return {member["name"]: member for member in members}, total


@pytest.mark.parametrize("path", SAVERS)
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "densenet121"])
def test_weights_of_torchvision(in_tmp: Path, path: str, name: str) -> None:
    model = torchvision().models.get_model(name, weights=None)
    state = model.state_dict()
    SAVERS[path](state)
    found, total = _records(path)
    assert {key: tuple(each["shape"]) for key, each in found.items()} == {
        key: tuple(tensor.shape) for key, tensor in state.items()
    }
    assert total["parameters"] == sum(p.numel() for p in model.parameters())
    assert total["buffers"] == sum(b.numel() for b in model.buffers())
    for key, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            layer = found[f"{key}.weight"]
            assert layer["op"] == "conv"
            assert layer["filter"] == list(module.kernel_size)
            assert layer["channels_out"] == module.out_channels
            depthwise = module.groups == module.in_channels
            assert layer["channels_in"] == (None if depthwise else module.in_channels)
            assert layer["groups"] is None


def test_the_order_of_a_state_dict_is_kept() -> None:
    found, _ = _records(str(DATA / "pnet.pt"))
    assert list(found) == list(torch.load(DATA / "pnet.pt", weights_only=True))


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_the_bias_tells_a_transposed_layer_and_its_groups(in_tmp: Path, dims: int) -> None:
    kind = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)[dims - 1]
    torch.save(kind(12, 8, 3, groups=4).state_dict(), "m.pt")
    layer = _records("m.pt")[0]["weight"]
    assert (layer["op"], layer["channels_in"], layer["channels_out"]) == ("convt", 12, 8)
    assert (layer["groups"], layer["filter"]) == (4, [3] * dims)


def test_one_output_channel_is_one_group(in_tmp: Path) -> None:
    torch.save(nn.Conv2d(4, 1, 3).state_dict(), "m.pt")
    assert _records("m.pt")[0]["weight"]["groups"] == 1


def test_what_is_no_filter_is_not_read_as_one(in_tmp: Path) -> None:
    torch.save({"layer_scale": torch.zeros(8, 1, 1), "pos_embedding": torch.zeros(1, 5, 8)}, "m.pt")
    assert all(each["op"] is None for each in _records("m.pt")[0].values())


@pytest.mark.parametrize("columns", ["40", "80", "120"])
def test_the_table(in_tmp: Path, columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    state = {"a.weight": torch.zeros(8, 1, 3, 3), "b.weight": torch.zeros(2, 8, 5, 5)}
    torch.save(state, "m.pt")
    lines = run_command("shape", "m.pt", "--format", "table").out.splitlines()
    text = " ".join(" ".join(lines).split())
    assert all(len(line) <= int(columns) for line in lines)
    assert "total 472 parameters in 2 arrays" in text
    assert "weights do not say stride, padding, dilation" in text
    if columns != "40":
        assert lines[2].split() == "a.weight conv 8x1x3x3 3x3 ?:8 1 or 8 72".split()
        assert lines[3].split() == "b.weight conv 2x8x5x5 5x5 8:2 - 400".split()


def test_other_formats(in_tmp: Path) -> None:
    torch.save({"a.weight": torch.zeros(8, 4, 3, 3), "a.bias": torch.zeros(8)}, "m.pt")
    done = run_command("shape", "m.pt")
    assert done.out == "a.weight\t8x4x3x3\na.bias\t8\n"
    assert done.err.startswith("convcli: note: m.pt: weights do not say stride, padding")
    rows = list(csv.DictReader(io.StringIO(run_command("shape", "m.pt", "--format", "csv").out)))
    assert [row["shape"] for row in rows] == ["8x4x3x3", "8"]
    argv = "shape m.pt --format json --fields parameters,kind".split()
    last = run_command(*argv).out.splitlines()[-1]
    assert json.loads(last) == {"parameters": 296, "kind": "total"}


def test_the_content_tells_where_the_ending_does_not(in_tmp: Path) -> None:
    state = {"a.weight": torch.zeros(8, 4, 3, 3)}
    for path, save in SAVERS.items():
        if path != "m.pth":  # an old format, without a mark of its own
            save(state)
            os.rename(path, "weights")
            assert run_command("shape", "weights").out == "a.weight\t8x4x3x3\n"
    for name in ("export.pt", "export"):
        shutil.copy(DATA / "models" / "small.pt2", name)
        assert run_command("shape", name).out == "5\n"


def test_numbers_stay_in_the_file(in_tmp: Path) -> None:
    """Files of which the numbers are left out of the disk: 40 GB each, all zeros."""
    header = json.dumps(
        {"w.weight": {"dtype": "F32", "shape": [10**6, 10**4], "data_offsets": [0, 4 * 10**10]}}
    ).encode()
    with open("m.safetensors", "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + 4 * 10**10)
    assert run_command("shape", "m.safetensors").out == "w.weight\t1000000x10000\n"


@pytest.mark.parametrize("name", ["nosuch.pt", "nosuch.safetensors", "nosuch.npz"])
def test_a_file_that_is_missing(in_tmp: Path, name: str) -> None:
    done = run_command("shape", name)
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert name in done.err


def test_what_is_no_state_dict(in_tmp: Path) -> None:
    def save_module(path: str) -> None:
        torch.save(nn.Conv2d(1, 1, 3), path)

    def save_script(path: str) -> None:
        with pytest.warns(DeprecationWarning, match="torch.jit"):
            torch.jit.save(torch.jit.script(nn.Conv2d(1, 1, 3)), path)

    rules = {save_module: "holds more than tensors", save_script: "is a TorchScript module"}
    for save, rule in rules.items():
        save("m.pt")
        for argv in (["shape", "m.pt"], ["run", "rand:8x8", "-k", "m.pt"]):
            done = run_command(*argv)
            assert (done.status, done.err.count("\n")) == (1, 1)
            assert rule in done.err
            assert "state_dict with torch.save" in done.err
    shutil.copy(DATA / "models" / "small.pt2", "m.pt")
    assert "3 convolutions" in run_command("run", "rand:8x8", "-k", "m.pt").err
    bias = run_command("run", "rand:8x8", "-k", "box:3", "--bias", "m.pt")
    assert "rename it to end in .pt2" in bias.err


@pytest.mark.parametrize(
    "option", ["-n 8", "-c 3", "-l conv", "--dims 2", "--explain", "--transposed", "-p same"]
)
def test_options_that_mean_nothing(option: str) -> None:
    path = str(DATA / "pnet.pt")
    done = run_command("shape", path, *option.split())
    assert done.status == 2
    assert done.err == (
        f"convcli: error: {option} cannot be combined with {path}, which holds weights only; "
        f"leave it out\n"
    )


@pytest.mark.parametrize("path", SAVERS)
def test_run_lists_members(in_tmp: Path, path: str) -> None:
    SAVERS[path]({"a.weight": torch.zeros(8, 4, 3, 3), "a.bias": torch.zeros(8)})
    listing = ["run", "--list-kernels", "-k", path]
    lines = run_command(*listing).out.splitlines()
    assert sorted(lines) == ["a.bias\t8", "a.weight\t8x4x3x3"]
    assert lines == run_command("shape", path).out.splitlines()
    records = [json.loads(x) for x in run_command(*listing, "--format", "json").out.splitlines()]
    assert {r["name"]: r["shape"] for r in records} == {"a.weight": [8, 4, 3, 3], "a.bias": [8]}


def test_run_lists_nothing_else(in_tmp: Path) -> None:
    done = run_command("run", "--list-kernels", "-k", "sobel-x")
    assert done.status == 2
    assert "name one that ends in .npz, .onnx" in done.err


@pytest.mark.parametrize("path", SAVERS)
def test_only_floats_are_trained(in_tmp: Path, path: str) -> None:
    """As `torch.nn.Parameter` has it; integers in the place of a weight stand for floats."""
    integers = {
        "position_ids": torch.arange(6),
        "mask": torch.ones(3, 3).bool(),
        "t": torch.tensor(1),
    }
    SAVERS[path](nn.Conv2d(3, 4, 3).state_dict() | integers)
    _, total = _records(path)
    assert (total["parameters"], total["buffers"]) == (112, 16)
    SAVERS[path]({"weight": torch.ones(4, 3, 3, 3, dtype=torch.int8)})
    assert _records(path)[1]["parameters"] == 108


@pytest.mark.parametrize("cut", [10, 300, 3000, 20_500, 21_000])
@pytest.mark.parametrize("command", [["shape", "m.pt"], ["run", "rand:8x8", "-k", "m.pt::weight"]])
def test_a_truncated_file(in_tmp: Path, command: list[str], cut: int) -> None:
    """PyTorch calls it an invalid argument, at some sizes."""
    torch.save(nn.Conv2d(3, 64, 5).state_dict(), "whole.pt")
    Path("m.pt").write_bytes(Path("whole.pt").read_bytes()[:-cut])
    done = run_command(*command)
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert "'m.pt' cannot be read as weights: it is truncated" in done.err
    assert "Error" not in done.err

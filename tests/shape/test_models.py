"""What `shape` says of files of models: what is not followed, which input is the image."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper
from torch import nn

from convcli.geometry.network.tensor import Tensor
from convcli.models.from_onnx.inference import infer
from tests.conftest import run_command
from tests.models import makers

node = helper.make_node


def test_an_operator_that_is_not_followed_is_noted_once(in_tmp: Path) -> None:
    grid = {"g": np.zeros((1, 3, 2, 2), np.float32)}
    nodes = [
        node("GridSample", ["x", "g"], ["a"], "first"),
        node("GridSample", ["a", "g"], ["b"], "second"),
        node("GridSample", ["b", "g"], ["y"], "third"),
        node("NonZero", ["x"], ["z"], "found"),
        node("Relu", ["z"], ["r"]),
    ]
    onnx.save(makers.model(nodes, (1, 1, 4, 4), grid, outputs=("y", "r")), "m.onnx")
    expected = (
        "convcli: note: GridSample: an operator that is not followed; its output is taken to depend"
        " on all of its input, and its parameters and arithmetic are not counted (first and 2 more)"
        "\nconvcli: note: NonZero: an operator that is not followed; it and the node after it "
        "are left out (found)\n"
    )
    for fmt in ("table", "json", "csv"):
        assert run_command("shape", "m.onnx", "--format", fmt).err == expected
    done = run_command("shape", "m.onnx", "--format", "plain")
    assert done.err.startswith(expected)
    assert "error: the output has no size that is known ahead, as a note says" in done.err


def test_options_that_would_be_ignored_are_refused(in_tmp: Path) -> None:
    onnx.save(makers.model([node("Relu", ["x"], ["y"])], (1, 10)), "flat.onnx")
    done = run_command("shape", "flat.onnx", "-c", "3")
    assert done.err == "convcli: error: -c 3: 'x' has no channel axis; omit -c\n"
    done = run_command("shape", "flat.onnx", "--dims", "3")
    assert done.err.endswith("with the size of the input in flat.onnx; add -n, or omit it\n")


def test_a_sweep_notes_it_once(in_tmp: Path) -> None:
    grid = {"g": np.zeros((1, 3, 2, 2), np.float32)}
    nodes = [node("GridSample", ["x", "g"], ["y"], "first")]
    onnx.save(makers.model(nodes, (1, 1, "h", "w"), grid), "m.onnx")
    done = run_command("shape", "m.onnx", "-n", "4..6", "--format", "plain")
    assert len(done.out.splitlines()) == 3
    assert done.err.count("note:") == 1


def test_sizes_beyond_64_bits_are_not_inferred() -> None:
    assert infer(node("GridSample", ["x"], ["y"]), 17, [Tensor((1, 1, 2**63 + 1))]) is None


def test_the_image_need_not_be_the_first_input(in_tmp: Path) -> None:
    w = {"w": np.ones((4, 3, 3, 3), np.float32)}
    nodes = [
        node("Conv", ["x", "w"], ["a"], "c1", strides=[2, 2]),
        node("Mul", ["a", "s"], ["y"], "m"),
    ]
    made = makers.model(nodes, (1, 3, "h", "w"), w)
    made.graph.input.insert(0, makers.value("s", (1,)))
    onnx.save(made, "m.onnx")
    assert run_command("shape", "m.onnx", "-n", "33x31").out == "16x15\n"
    assert "give it: -n 224x224" in run_command("shape", "m.onnx").err


def test_a_path_that_is_not_there_is_no_word_too_many(in_tmp: Path) -> None:
    for path in ("/nowhere/net.onnx", "./net.onnx", "../net.pt2"):
        done = run_command("shape", path, "-n", "8")
        assert "No such file" in done.err


def test_a_name_that_is_not_text(in_tmp: Path) -> None:
    model = makers.model([node("Relu", ["x"], ["y"])], (1, 1, 4, 4), {}, outputs=("y",))
    Path("m.onnx").write_bytes(model.SerializeToString().replace(b"Relu", b"Re\xffu"))
    done = run_command("shape", "m.onnx", "--format", "json")
    assert done.status == 1
    assert done.err == (
        "convcli: error: 'm.onnx' has a name that is not UTF-8 text; export the model again\n"
    )


def test_a_size_that_a_file_cannot_hold_is_not_inferred() -> None:
    given = Tensor((1, 1 << 63))
    assert infer(node("Relu", ["x"], ["y"]), 17, [given]) is None


def test_a_node_whose_first_input_is_left_out(in_tmp: Path) -> None:
    made = makers.model([node("Elu", ["", "x"], ["y"])], (1, 1, 4, 4), {}, outputs=("y",))
    onnx.save(made, "m.onnx")
    assert run_command("shape", "m.onnx").err == (
        "convcli: error: 'm.onnx', node y (Elu): it does not fit its inputs (AttributeError); "
        "export the model again\n"
    )


def test_of_several_outputs_the_one_that_is_printed_is_named(in_tmp: Path) -> None:
    nodes = [
        node("MaxPool", ["x"], ["y"], "half", kernel_shape=[2, 2], strides=[2, 2]),
        node("MaxPool", ["y"], ["z"], "quarter", kernel_shape=[2, 2], strides=[2, 2]),
    ]
    onnx.save(makers.model(nodes, (1, 1, 8, 8), outputs=("y", "z")), "m.onnx")
    done = run_command("shape", "m.onnx", "--format", "plain")
    assert done.out == "2x2\n"
    assert (
        "m.onnx has 2 outputs; its output is said to be that of its last node, quarter" in done.err
    )
    assert run_command("shape", "m.onnx", "--format", "table").err == ""


def test_sizes_after_what_is_not_followed(in_tmp: Path) -> None:
    w = np.ones((6, 4, 3, 3), np.float32)
    nodes = [
        node("GridSample", ["x", "g"], ["a"]),
        node("Conv", ["a", "w"], ["b"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Relu", ["b"], ["y"]),
    ]
    grid = np.zeros((1, 24, 20, 2), np.float32)
    onnx.save(makers.model(nodes, (1, 4, 24, 20), {"g": grid, "w": w}), "m.onnx")
    assert run_command("shape", "m.onnx", "--format", "plain").out == "12x10\n"
    args = ("shape", "m.onnx", "--format", "json", "--fields", "kind,input,output,channels_out")
    _, conv, relu, _ = map(json.loads, run_command(*args).out.splitlines())
    assert conv == {"kind": "conv", "input": [24, 20], "output": [12, 10], "channels_out": 6}
    assert (relu["output"], relu["channels_out"]) == ([12, 10], 6)
    table = run_command("shape", "m.onnx", "--format", "table").out
    assert "parameters and MACs are not known: not all layers are followed" in table


def test_a_network_without_an_image(in_tmp: Path) -> None:
    w = {"w": np.ones((10, 5), np.float32)}
    onnx.save(makers.model([node("MatMul", ["x", "w"], ["y"])], (1, 10), w), "m.onnx")
    done = run_command("shape", "m.onnx", "--explain")
    assert done.status == 0
    assert "No pixel goes unread" in done.out
    done = run_command("shape", "m.onnx", "--explain", "-o", "m.svg")
    assert done.err.endswith("m.onnx has none; leave out -o\n")
    assert run_command("shape", "m.onnx", "-n", "10", "--format", "plain").out == "5\n"


def test_a_picture_of_layers_that_do_not_read_the_image(in_tmp: Path) -> None:
    nodes = [node("Abs", ["z"], ["b"]), node("Conv", ["x", "w"], ["y"], kernel_shape=[3, 3])]
    made = makers.model(nodes, (1, 1, 8, 8), {"w": np.ones((1, 1, 3, 3), np.float32)}, ("y", "b"))
    made.graph.input.append(makers.value("z", (1, 5)))
    onnx.save(made, "m.onnx")
    for ending in ("svg", "png", "html", "tex"):
        assert run_command("shape", "m.onnx", "--explain", "-o", f"m.{ending}").status == 0


def test_single_parameters_are_counted(in_tmp: Path) -> None:
    tensors = {"w": np.ones((1, 8, 1, 1), np.float32), "b": np.ones(1, np.float32)}
    nodes = [
        node("Conv", ["x", "w", "b"], ["c"], kernel_shape=[1, 1]),
        node("Constant", [], ["half"], value_float=0.5),
        node("Mul", ["c", "half"], ["y"]),
    ]
    onnx.save(makers.model(nodes, (1, 8, 9, 9), tensors), "m.onnx")
    total = json.loads(run_command("shape", "m.onnx", "--format", "json").out.splitlines()[-1])
    assert total["parameters"] == 9


def test_parameters_of_what_is_not_followed_beside_the_image(in_tmp: Path) -> None:
    tensors = {"w": np.ones((1, 12, 4), np.float32), "r": np.ones((1, 12, 3), np.float32)}
    nodes = [
        node("LSTM", ["z", "w", "r"], ["h"], "lstm", hidden_size=3),
        node("Relu", ["x"], ["y"]),
    ]
    made = makers.model(nodes, (1, 1, 4, 4), tensors)
    made.graph.input.append(makers.value("z", (5, 1, 4)))
    onnx.save(made, "m.onnx")
    done = run_command("shape", "m.onnx", "--format", "json", "--fields", "kind,parameters")
    assert json.loads(done.out.splitlines()[-1])["parameters"] == 12 * 7
    assert (
        "LSTM: an operator that is not followed; its arithmetic is not counted (lstm)" in done.err
    )


def test_mistakes_about_a_file(in_tmp: Path) -> None:
    onnx.save(makers.model([node("Relu", ["x"], ["y"])], (1, 1, 8, 8)), "m.onnx")
    done = run_command("shape", "m.onnx", "--dims", "1", "-n", "30")
    assert "--dims 1 cannot be combined with m.onnx, whose input has 2 spatial axes" in done.err
    done = run_command("shape", "-", stdin=Path("m.onnx").read_bytes())
    assert "standard input, line 1 is not text" in done.err
    done = run_command("shape", "vgg16", "-n", "16")
    assert done.err.endswith("does not fit input 1 with padding 0: 1 + 2·0 < 2; use a larger -n\n")


class _Masked(nn.Module):
    """A network of several images, of which one is not what a layer reads."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, mask: Any, y: Any) -> Any:
        return self.conv(y) * mask


def test_fields_are_about_the_first_of_several_images(in_tmp: Path) -> None:
    x = torch.rand(1, 1, 8, 8)
    torch.export.save(torch.export.export(_Masked(), (x, x.clone())), "m.pt2")
    done = run_command("shape", "m.pt2", "--format", "json")
    assert "m.pt2 reads 2 images; receptive fields are about the first, mask" in done.err
    conv, product, _ = map(json.loads, done.out.splitlines())
    assert (conv["receptive_field"], conv["field_exact"]) == ([], None)
    assert (product["receptive_field"], product["field_exact"]) == ([1, 1], True)


def test_a_field_that_is_not_known_is_not_exact(in_tmp: Path) -> None:
    nodes = [helper.make_node("NonZero", ["x"], ["y"])]
    onnx.save(makers.model(nodes, (1, 1, 4, 4)), "m.onnx")
    *_, total = map(json.loads, run_command("shape", "m.onnx", "--format", "json").out.splitlines())
    assert (total["receptive_field"], total["field_exact"]) == ([], None)

"""What `shape` says of files of models: what is not followed, which input is the image."""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from convcli.geometry.tensor import Tensor
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
    assert done.err == "convcli: error: -c 3: 'x' is no image with channels; omit -c\n"
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

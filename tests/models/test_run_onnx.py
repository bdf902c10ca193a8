"""`run -k model.onnx::NODE` does what onnxruntime does at that node."""

import json
import sys
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import onnx
import pytest
from hypothesis import given
from onnx import helper, numpy_helper

from tests.conftest import DATA, npy_bytes, run_command, shell
from tests.models import makers

MODELS = DATA / "models"


def _run(x: Any, kernel: str, *more: str) -> Any:
    done = run_command("run", "-k", kernel, *more, stdin=npy_bytes(x))
    assert done.status == 0, done.err
    return done.array


# ---- real models ----


@pytest.mark.parametrize(
    ("name", "shape"), [("ppocr_cls", (1, 3, 48, 192)), ("basic_pitch", (1, 43844, 1))]
)
def test_every_convolution_of_real_models(name: str, shape: tuple[int, ...]) -> None:
    file = MODELS / f"{name}.onnx"
    x = np.random.default_rng(0).random(shape, np.float32)
    values = makers.intermediate(file, x, ("Conv", "ConvTranspose"))
    assert len(values) > 30
    for output, (before, after) in values.items():
        makers.close(_run(before, f"{file}::{output}"), after)


# ---- every way to write a layer ----


@st.composite
def _layers(draw: st.DrawFn) -> tuple[Any, Any]:
    """Draw a model of one layer, and an input that it fits."""
    dims = draw(st.integers(1, 3))

    def each(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=dims, max_size=dims))

    transposed = draw(st.booleans())
    f, s, d, group = each(1, 4), each(1, 3), each(1, 2), draw(st.integers(1, 2))
    auto_pad = draw(st.sampled_from(["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]))
    attrs: dict[str, Any] = {"group": group} if group > 1 or draw(st.booleans()) else {}
    if draw(st.booleans()):
        attrs["kernel_shape"] = f
    if s != [1] * dims or draw(st.booleans()):
        attrs["strides"] = s
    if auto_pad.startswith("SAME"):
        d = [1] * dims  # onnxruntime has no other
        f = [max(pair) for pair in zip(f, s, strict=True)]
        attrs.pop("kernel_shape", None)
    if d != [1] * dims:
        attrs["dilations"] = d
    if auto_pad != "NOTSET" or draw(st.booleans()):
        attrs["auto_pad"] = auto_pad
    if auto_pad == "NOTSET" and draw(st.booleans()):
        attrs["pads"] = each(0, 2) + each(0, 2)
    if transposed and auto_pad == "NOTSET" and draw(st.booleans()):
        attrs["output_padding"] = [draw(st.integers(0, stride - 1)) for stride in s]
    span = [b * (a - 1) + 1 for a, b in zip(f, d, strict=True)]
    n = [draw(st.integers(a, a + 5)) + (4 if transposed else 0) for a in span]
    c_in, c_out = 2 * group, draw(st.integers(1, 2)) * group
    random = np.random.default_rng(draw(st.integers(0, 99)))
    shape = (c_in, c_out // group, *f) if transposed else (c_out, c_in // group, *f)
    w = random.standard_normal(shape, np.float32)
    b = random.standard_normal(c_out, np.float32) if draw(st.booleans()) else None
    x = random.standard_normal((draw(st.integers(1, 2)), c_in, *n), np.float32)
    op = "ConvTranspose" if transposed else "Conv"
    return makers.layer(op, x.shape, w, b, **attrs), x


@given(_layers())
def test_a_layer_is_what_onnxruntime_computes(
    tmp_path_factory: Any, drawn: tuple[Any, Any]
) -> None:
    made, x = drawn
    file = tmp_path_factory.mktemp("m") / "m.onnx"
    onnx.save(made, file)
    makers.close(_run(x, f"{file}::layer"), makers.run(made, x))


@pytest.mark.parametrize("auto_pad", ["NOTSET", "SAME_UPPER", "SAME_LOWER"])
def test_an_output_shape_sets_the_padding(in_tmp: Path, auto_pad: str) -> None:
    x, w = np.ones((1, 1, 5), np.float32), np.arange(4, dtype=np.float32).reshape(1, 1, 4)
    attrs: dict[str, Any] = {"strides": [2], "output_shape": [9], "auto_pad": auto_pad}
    made = makers.layer("ConvTranspose", x.shape, w, **attrs)
    onnx.save(made, "m.onnx")
    makers.close(_run(x, "m.onnx"), makers.run(made, x))
    onnx.save(makers.layer("ConvTranspose", (1, 1, "length"), w, **attrs), "open.onnx")
    done = run_command("run", "-k", "open.onnx", stdin=npy_bytes(x))
    assert "gives its output_shape" in done.err
    assert _run(x, "open.onnx", "-p", "1:2").shape == (1, 1, 9)


@pytest.mark.parametrize("auto_pad", ["NOTSET", "SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("op", [0, 1])
def test_an_output_shape_beyond_the_last_window_is_output_padding(
    in_tmp: Path, auto_pad: str, op: int
) -> None:
    x, w = np.ones((1, 1, 5), np.float32), np.ones((1, 1, 1), np.float32)
    attrs: dict[str, Any] = {"strides": [3], "output_padding": [op], "auto_pad": auto_pad}
    made = makers.layer("ConvTranspose", x.shape, w, output_shape=[15], **attrs)
    onnx.save(made, "m.onnx")
    makers.close(_run(x, "m.onnx"), makers.run(made, x))
    assert run_command("shape", "m.onnx").out == "15\n"


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_weights_of_other_types(in_tmp: Path, dtype: Any) -> None:
    w = np.arange(4, dtype=dtype).reshape(1, 1, 2, 2)
    onnx.save(makers.layer("Conv", (1, 1, 4, 4), w), "m.onnx")
    assert _run(np.ones((4, 4), np.float32), "m.onnx").tolist() == [[[6.0] * 3] * 3]


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge"])
@pytest.mark.parametrize("opset", [2, 17])
def test_padding_that_is_a_node_of_its_own_is_noted(in_tmp: Path, mode: str, opset: int) -> None:
    w, pads = np.random.default_rng(0).random((2, 3, 3, 3), np.float32), [0, 0, 1, 2, 0, 0, 3, 0]
    old = opset == 2
    given: dict[str, Any] = {"pads": pads} if old else {}
    nodes = [
        helper.make_node("Pad", ["x"] if old else ["x", "pads"], ["padded"], mode=mode, **given),
        helper.make_node("Conv", ["padded", "w"], ["y"], "layer"),
    ]
    tensors = {"w": w} if old else {"w": w, "pads": np.array(pads)}
    made = makers.model(nodes, (1, 3, 9, 9), tensors, opset=opset)
    onnx.save(made, "m.onnx")
    x = np.random.default_rng(1).random((1, 3, 9, 9), np.float32)
    run = run_command("run", "-k", "m.onnx", "-o", "y.npy", stdin=npy_bytes(x))
    options = run.err.partition("if that is part of the layer, add ")[2].split()
    name = {"constant": "zeros", "edge": "replicate"}.get(mode, mode)
    assert options == ["-p", "1:3x2:0", "--pad-mode", name]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 3), (2, 0)), mode)  # type: ignore[call-overload]
    expected = _run(padded, "m.onnx", "-p", "0")
    np.testing.assert_allclose(_run(x, "m.onnx", *options), expected, rtol=1e-5)


def test_weights_that_constants_and_operators_make(in_tmp: Path) -> None:
    """A constant, then turned; and 8-bit integers with a scale for each output channel."""
    random = np.random.default_rng(0)
    x = random.standard_normal((1, 3, 6, 6), np.float32)
    stored = random.integers(-99, 99, (2, 3, 3, 3), np.int8)
    node = helper.make_node
    made = makers.model(
        [
            node(
                "Constant", [], ["c"], value=numpy_helper.from_array(stored.transpose(2, 3, 1, 0))
            ),
            node("Transpose", ["c"], ["t"], perm=[3, 2, 0, 1]),
            node("DequantizeLinear", ["t", "scale", "zero"], ["w"], axis=0),
            node("Conv", ["x", "w"], ["y"]),
        ],
        x.shape,
        {"scale": np.array([0.5, 2], np.float32), "zero": np.array([1, -3], np.int8)},
    )
    onnx.save(made, "m.onnx")
    makers.close(_run(x, "m.onnx::y"), makers.run(made, x))


def test_a_large_weight_is_read_from_its_place(in_tmp: Path) -> None:
    random = np.random.default_rng(0)
    w = random.standard_normal((64, 3, 7, 7), np.float32)
    made = makers.layer("Conv", (1, 3, 9, 9), w)
    x = random.standard_normal((1, 3, 9, 9), np.float32)
    onnx.save(made, "raw.onnx")
    makers.close(_run(x, "raw.onnx"), makers.run(made, x))
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.float_data.extend(w.ravel().tolist())
    onnx.save(made, "floats.onnx")
    makers.close(_run(x, "floats.onnx"), makers.run(made, x))


# ---- names, lists, options ----


def _two(name: str = "one") -> Any:
    ones = np.ones((1, 1, 3, 3), np.float32)
    node = helper.make_node
    return makers.model(
        [
            node("Conv", ["x", "stem.weight"], ["a"], name, strides=[2, 2], pads=[1, 1, 1, 1]),
            node("ConvTranspose", ["a", "w"], ["y"], "two", strides=[2, 1], dilations=[1, 2]),
        ],
        (1, 1, 8, 8),
        {"stem.weight": ones, "w": ones},
    )


def test_names(in_tmp: Path) -> None:
    """A node's own name, its output's, or that of the module that its weight belongs to."""
    onnx.save(_two(), "m.onnx")
    x = np.ones((8, 8), np.float32)
    for name in ("one", "a", "stem"):
        assert _run(x, f"m.onnx::{name}").shape == (1, 4, 4)
    onnx.save(_two("two"), "same.onnx")
    assert _run(x, "same.onnx::a").shape == (1, 4, 4)
    done = run_command("run", "-k", "same.onnx::two", stdin=npy_bytes(x))
    assert "has no member 'two' (it holds a, y)" in done.err


def test_a_file_whose_name_does_not_say_that_it_is_a_model(in_tmp: Path) -> None:
    onnx.save(_two(), "m.onnx")
    Path("m").write_bytes(Path("m.onnx").read_bytes())
    assert run_command("run", "--list-kernels", "-k", "m").out.startswith("one\tconv f=3")
    named, unnamed = (_run(np.ones((8, 8), np.float32), f"{m}::one") for m in ("m.onnx", "m"))
    assert np.array_equal(named, unnamed)
    assert "'m' is a model, whose layers are filters" in run_command("run", "m").err


def test_a_model_alone_lists_its_layers(in_tmp: Path) -> None:
    onnx.save(_two(), "m.onnx")
    lines = "one\tconv f=3 s=2 p=1 c=1 bias=0\ntwo\tconvt f=3 s=2x1 d=1x2 c=1 bias=0\n"
    done = run_command("run", "--list-kernels", "-k", "m.onnx")
    assert done.out == lines
    # A line of the list is a layer that `shape` reads.
    for line in lines.splitlines():
        assert run_command("shape", "-n", "8", "-l", line.split("\t")[1]).status == 0
    record = json.loads(
        run_command("run", "--list-kernels", "-k", "m.onnx", "--format", "json").out.split("\n")[1]
    )
    assert (record["name"], record["kind"], record["stride"]) == ("two", "convt", [2, 1])
    alone = run_command("run", "-k", "m.onnx", tty=True)
    assert alone.out == lines.replace("\t", "  ")
    assert alone.status == 0
    done = run_command("run", "rand:8x8", "-k", "m.onnx", tty=True)
    assert done.out == lines.replace("\t", "  ")
    assert "-k m.onnx has 2 convolutions; name one as m.onnx::NAME" in done.err
    assert done.status == 2
    piped = run_command("run", "rand:8x8", "-k", "m.onnx")
    assert piped.out == ""
    assert "'m.onnx' holds 2 convolutions (one, two); name one, such as m.onnx::one" in piped.err


def test_options_override_the_file_with_a_note(in_tmp: Path) -> None:
    onnx.save(_two(), "m.onnx")
    x = npy_bytes(np.ones((8, 8)))
    done = run_command("run", "-k", "m.onnx::one", "-s", "1", "-p", "1", "-g", "1", stdin=x)
    assert done.array.shape == (1, 8, 8)
    assert done.err == "convcli: note: -s 1 replaces 2 of m.onnx::one\n"
    args = ("-k", "m.onnx::one", "--flip", "--pad-mode", "reflect")
    notes = run_command("run", *args, stdin=x).err.splitlines()
    assert notes == [
        "convcli: note: --pad-mode reflect replaces the padding by zeros of m.onnx::one",
        "convcli: note: --flip replaces the order of the taps of m.onnx::one",
    ]
    done = run_command("run", "-k", "m.onnx::two", "--bias", "[1]", "-d", "1x2", stdin=x)
    assert done.err == ""
    assert done.array.min() == 2  # one number, and the bias


def test_an_axis_of_the_input_is_not_taken_for_a_batch(in_tmp: Path) -> None:
    """A weight with three axes is that of one spatial axis, whatever the input has."""
    onnx.save(makers.layer("Conv", (1, 2, 9), np.ones((4, 2, 3), np.float32)), "m.onnx")
    assert _run(np.ones((5, 2, 9), np.float32), "m.onnx").shape == (5, 4, 7)
    assert _run(np.ones((5, 9, 2), np.float32), "m.onnx", "--layout", "NWC").shape == (5, 7, 4)


# ---- what is refused ----


def test_integer_convolutions_are_refused(in_tmp: Path) -> None:
    node = helper.make_node
    ints = {"w": np.ones((1, 1, 3, 3), np.uint8), "q": np.ones((), np.uint8)}
    made = makers.model(
        [
            node("QLinearConv", ["x", "s", "q", "w", "s", "q", "s", "q"], ["a"], "quantized"),
            node("ConvInteger", ["a", "w"], ["y"], "integer"),
        ],
        (1, 1, 8, 8),
        {**ints, "s": np.ones((), np.float32)},
    )
    onnx.save(made, "m.onnx")
    for name, op in (("quantized", "QLinearConv"), ("integer", "ConvInteger")):
        done = run_command("run", "rand:8x8", "-k", f"m.onnx::{name}")
        assert done.status == 1
        assert f"'m.onnx::{name}' is a {op}" in done.err


def test_numbers_in_other_files_are_never_read(in_tmp: Path) -> None:
    made = makers.layer("Conv", (1, 3, 9, 9), np.ones((64, 3, 7, 7), np.float32))
    onnx.save(made, "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    done = run_command("run", "rand:3x9x9", "-k", "m.onnx")
    assert "has its numbers in another file ('w.bin'), which is never read" in done.err
    remedy = done.err.partition("python3 -c ")[2]
    assert shell(f"{sys.executable} -c {remedy}", cwd=in_tmp).returncode == 0
    assert run_command("run", "rand:3x9x9", "-k", "one-file.onnx").status == 0


def test_a_weight_that_the_network_computes_is_refused(in_tmp: Path) -> None:
    made = makers.model(
        [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Conv", ["x", "r"], ["y"], "c")],
        (1, 1, 3, 3),
    )
    onnx.save(made, "m.onnx")
    done = run_command("run", "rand:8x8", "-k", "m.onnx")
    assert "'m.onnx::c' has no weight of its own: 'r' is computed by Relu" in done.err


def test_without_the_library_one_line_says_how_to_install_it(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx.save(_two(), "m.onnx")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = run_command("run", "rand:8x8", "-k", "m.onnx")
    assert "'m.onnx', an ONNX model, needs onnx, which is not installed; uv pip" in done.err


def test_a_model_without_a_convolution(in_tmp: Path) -> None:
    onnx.save(makers.model([helper.make_node("Relu", ["x"], ["y"])], (1, 1)), "m.onnx")
    done = run_command("run", "rand:8x8", "-k", "m.onnx")
    assert done.err == ("convcli: error: 'm.onnx' has no convolution; use a model that has\n")

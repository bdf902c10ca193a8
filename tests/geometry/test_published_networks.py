"""Published networks as layer files: sizes, parameters, arithmetic and receptive fields."""

import json
from math import prod
from typing import Any

import pytest
import torch
from torch import nn

from tests.conftest import DATA, run_command

OTHERS = {  # networks that are not built in: channels, then size
    "alexnet_v2": "3 224",
    "dcgan_generator": "100 1x1",
    "pnet": "3 12",
    "context_network": "21 64",
}

KNOWN = json.loads((DATA / "known_answers.json").read_text())["receptive_field"]

# RECEPTIVE_FIELD_TABLE.md of google-research/receptive_field, input 224: what KNOWN leaves out.
TABLE = {
    "alexnet_v2": {"pool5": (195, 32, 64)},
    "vgg11": {  # there vgg_a
        "conv1": (3, 1, 1),
        "pool1": (4, 2, 1),
        "pool2": (10, 4, 3),
        "pool3": (30, 8, 11),
        "pool4": (70, 16, 27),
        "pool5": (150, 32, 59),
    },
    "vgg16": {"conv1.1": (3, 1, 1), "conv3.2": (32, 4, 14), "conv5.1": (132, 16, 58)},
    "mobilenet_v1": {
        "Conv2d_4.pointwise": (27, 8, 6),
        "Conv2d_5.pointwise": (43, 8, 14),
        "Conv2d_6.pointwise": (59, 16, 14),
        "Conv2d_7.pointwise": (91, 16, 30),
        "Conv2d_11.pointwise": (219, 16, 94),
        "Conv2d_12.pointwise": (251, 32, 94),
        "Conv2d_13.pointwise": (315, 32, 126),
    },
}


def layers_of(network: str) -> dict[str, dict[str, Any]]:
    """Send the network's input through it; what is known of each layer with weights or a window."""
    args = [network]
    if network in OTHERS:
        channels, size = OTHERS[network].split()
        args = [str(DATA / "networks" / f"{network}.layers"), "-n", size, "-c", channels]
    done = run_command("shape", *args, "--explain", "--format", "json")
    assert (done.status, done.err) == (0, "")
    layers = [json.loads(line) for line in done.out.splitlines()]
    return {
        layer["name"]: layer for layer in layers if layer["kind"] == "linear" or layer.get("filter")
    }


def total(layers: dict[str, dict[str, Any]], key: str) -> int:
    return sum(layer[key] for layer in layers.values())


def test_every_layer_file_is_tested() -> None:
    assert {file.stem for file in (DATA / "networks").iterdir()} == set(OTHERS)


@pytest.mark.parametrize(
    ("network", "outs"),
    [
        # LeCun et al. 1998, Figure 2
        ("lenet5", "28x28 14x14 10x10 5x5 1x1"),
        # Radford et al., Figure 1
        ("dcgan_generator", "4x4 8x8 16x16 32x32 64x64"),
        # the summary of the Sports-1M model in the README of aslucki/C3D_Sport1M_keras
        (
            "c3d",
            "16x112x112 16x56x56 16x56x56 8x28x28 8x28x28 8x28x28 4x14x14 4x14x14 4x14x14 2x7x7 "
            "2x7x7 2x7x7 1x4x4",
        ),
        # Zhang et al., Figure 2 (from the pooling on)
        ("pnet", "10x10 5x5 3x3 1x1 1x1"),
    ],
)
def test_sizes(network: str, outs: str) -> None:
    outputs = [layer["output"] for layer in layers_of(network).values()]
    found = ["x".join(map(str, output)) for output in outputs if output]  # not those of fc layers
    assert found == outs.split()


@pytest.mark.parametrize(
    ("network", "params", "gmacs"),
    [
        # num_params and GFLOPS of the IMAGENET1K_V1 weights in torchvision's documentation, which
        # counts a multiply-add as one
        ("alexnet", 61_100_840, 0.71),
        ("vgg11", 132_863_336, 7.61),
        ("vgg16", 138_357_544, 15.47),
        ("vgg19", 143_667_240, 19.63),
    ],
)
def test_parameters_and_arithmetic_of_torchvision(network: str, params: int, gmacs: float) -> None:
    layers = layers_of(network)
    assert total(layers, "parameters") == params
    assert round(total(layers, "macs") / 1e9, 2) == gmacs


def test_lenet5() -> None:
    layers = layers_of("lenet5")
    # https://mnchapel.github.io/deep_learning_models/cnn/1998-11-01-lenet.html
    assert [layer["parameters"] for layer in layers.values()] == [
        156,
        0,
        2416,
        0,
        48120,
        10164,
        850,
    ]
    assert total(layers, "parameters") == 61_706
    # LeCun et al. 1998, section II.B: connections, the biases among them
    assert [layers[x]["flops"] - layers[x]["macs"] for x in ("C1", "C5")] == [122_304, 48_120]


def test_mobilenet_v1() -> None:
    layers = layers_of("mobilenet_v1")
    # Howard et al., Table 4: 569 million mult-adds and 4.2 million parameters
    assert round(total(layers, "macs") / 1e6) == 569
    assert round(total(layers, "parameters") / 1e6, 1) == 4.2
    # Keras MobileNet: 4,253,864 parameters, of which batch normalisation has 21,888 to train and
    # as many statistics
    assert total(layers, "parameters") == 4_253_864 - 2 * 21_888
    # the table at the head of TF-Slim's mobilenet_v1.py, without the classifier
    base = {name: layer for name, layer in layers.items() if name != "Conv2d_1c_1x1"}
    assert (total(base, "parameters"), total(base, "macs")) == (3_185_088, 567_716_352)
    assert [(layers[x]["parameters"], layers[x]["macs"]) for x in list(layers)[:4]] == [
        (864, 10_838_016),
        (288, 3_612_672),
        (2_048, 25_690_112),
        (576, 1_806_336),
    ]


def test_c3d() -> None:
    layers = layers_of("c3d")
    # the README named above
    assert total(layers, "parameters") == 79_991_015
    assert [layers[x]["parameters"] for x in ("conv1a", "conv2a", "conv3a", "fc6", "fc8")] == [
        *(5_248, 221_312, 884_992, 33_558_528, 1_995_239)
    ]


def test_context_network() -> None:
    layers = layers_of("context_network")
    # Yu and Koltun, Table 1, and "64C²" parameters in section 3
    assert [layer["receptive_field"][0] for layer in layers.values()] == [
        3,
        5,
        9,
        17,
        33,
        65,
        67,
        67,
    ]
    assert total(layers, "parameters") == 64 * 21**2
    # the authors pad the input of their unpadded network by 33
    assert layers["layer8"]["effective_padding"] == [33, 33]


def test_pnet() -> None:
    layers = layers_of("pnet")
    weights = torch.load(DATA / "pnet.pt", weights_only=True)
    for name in ("conv1", "conv2", "conv3", "conv4_1"):
        stored = weights[f"{name}.weight"].numel() + weights[f"{name}.bias"].numel()
        assert layers[name]["parameters"] == stored
    # generateBoundingBox in facenet-pytorch's detect_face.py: cellsize = 12, stride = 2
    assert (layers["conv4_1"]["receptive_field"], layers["conv4_1"]["jump"]) == ([12, 12], [2, 2])


@pytest.mark.parametrize(
    ("network", "fields"),
    [("alexnet_v2", KNOWN["alexnet_v2"]), ("vgg16", KNOWN["vgg_16"]), *TABLE.items()],
)
def test_receptive_fields(network: str, fields: dict[str, Any]) -> None:
    layers = layers_of(network)
    for name in fields.keys() - {"input"}:
        for axis in (0, 1):
            keys = ("receptive_field", "jump", "effective_padding")
            assert [layers[name][key][axis] for key in keys] == list(fields[name])


@pytest.mark.parametrize(
    ("network", "gflops"),
    [
        # the FLOPs of the same table, which has the layers one after another added up
        ("alexnet_v2", {"conv1": 0.136, "conv2": 0.552, "conv4": 1.125, "pool5": 1.380}),
        ("vgg16", {"conv1.1": 0.177, "pool1": 3.882, "conv3.2": 14.987, "pool5": 30.713}),
    ],
)
def test_flops_of_tensorflow(network: str, gflops: dict[str, float]) -> None:
    flops, found = 0, {}
    for name, layer in layers_of(network).items():
        flops += layer["flops"]
        if layer["kind"] == "maxpool":  # TensorFlow's profiler counts what the windows read
            flops += prod(layer["filter"]) * prod(layer["output"]) * layer["channels_out"]
        found[name] = round(flops / 1e9, 3)
    assert {name: found[name] for name in gflops} == gflops


@pytest.mark.parametrize("network", OTHERS)
def test_pytorch_agrees(network: str) -> None:
    layers = layers_of(network)
    first = next(iter(layers.values()))
    with torch.device("meta"):  # shapes without numbers
        x = torch.zeros(1, first["channels_in"], *first["input"])
        for layer in layers.values():
            module = eval(layer["pytorch"], {"nn": nn})
            x = module(x)
            assert x.shape == (1, layer["channels_out"], *layer["output"])
            assert sum(p.numel() for p in module.parameters()) == layer["parameters"]

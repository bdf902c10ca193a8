"""The modules of PyTorch that a text can have: what each is in our notation."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Module(NamedTuple):
    """A module, or a family of them such as ``Conv1d`` to ``Conv3d``.

    Attributes
    ----------
    kind : str
        The kind of layer.
    parameters : str
        PyTorch's parameters in their order; of those in `KEYS` the values are read.
    fixed : mapping
        Values of keys that the module has where its parameters do not say otherwise.
    each : bool
        Whether it is a family, whose names end in the number of axes.
    needed : int
        How many parameters, the first ones, have no default.
    """

    kind: str
    parameters: str = ""
    fixed: Mapping[str, str] = MappingProxyType({})
    each: bool = True
    needed: int = 1


_NORM = "num_features eps momentum affine track_running_stats {}device dtype bias"
_STORED = {"affine": "1", "stored": "1"}
_CONV_END = "padding_mode device dtype"
MODULES = {
    "Conv": Module(
        "conv",
        f"in_channels out_channels kernel_size stride padding dilation groups bias {_CONV_END}",
        needed=3,
    ),
    "ConvTranspose": Module(
        "convt",
        "in_channels out_channels kernel_size stride padding output_padding groups bias dilation "
        + _CONV_END,
        needed=3,
    ),
    "MaxPool": Module("maxpool", "kernel_size stride padding dilation return_indices ceil_mode"),
    "AvgPool": Module(
        "avgpool", "kernel_size stride padding ceil_mode count_include_pad divisor_override"
    ),
    "LPPool": Module("maxpool", "norm_type kernel_size stride ceil_mode", needed=2),
    "AdaptiveAvgPool": Module("adaptiveavgpool", "output_size"),
    "AdaptiveMaxPool": Module("adaptivemaxpool", "output_size return_indices"),
    "BatchNorm": Module("bn", _NORM.format(""), _STORED),
    "SyncBatchNorm": Module("bn", _NORM.format("process_group "), _STORED, each=False),
    "InstanceNorm": Module("instancenorm", _NORM.format(""), {"affine": "0", "stored": "0"}),
    "GroupNorm": Module(
        "gn", "num_groups num_channels eps affine device dtype bias", {"affine": "1"}, False, 2
    ),
    "PReLU": Module("prelu", "num_parameters init device dtype", each=False, needed=0),
    "PixelShuffle": Module("pixelshuffle", "upscale_factor", each=False),
    "PixelUnshuffle": Module("pixelunshuffle", "downscale_factor", each=False),
    "ChannelShuffle": Module("channelshuffle", "groups", each=False),
    "Linear": Module("linear", "in_features out_features bias device dtype", each=False, needed=2),
    "Flatten": Module("flatten", "start_dim end_dim", each=False, needed=0),
    "Upsample": Module(
        "upsample",
        "size scale_factor mode align_corners recompute_scale_factor",
        {"mode": "nearest"},
        each=False,
        needed=0,
    ),
    "UpsamplingNearest2d": Module(
        "upsample", "size scale_factor mode", {"mode": "nearest"}, False, 0
    ),
    "UpsamplingBilinear2d": Module(
        "upsample", "size scale_factor mode", {"mode": "bilinear", "align": "1"}, False, 0
    ),
    "ZeroPad": Module("pad", "padding value"),
    "ConstantPad": Module("pad", "padding value"),
    "ReflectionPad": Module("pad", "padding", {"mode": "reflect"}),
    "ReplicationPad": Module("pad", "padding", {"mode": "replicate"}),
    "CircularPad": Module("pad", "padding", {"mode": "circular"}),
    **dict.fromkeys(
        ("Softmax", "LogSoftmax", "Softmin"), Module("softmax", "dim", each=False, needed=0)
    ),
    "Softmax2d": Module("softmax", "", {"dim": "1"}, False, 0),
}
# Modules without parameters that compute each number from those in its place.
POINTWISE = (
    *("ReLU", "ReLU6", "LeakyReLU", "RReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish"),
    *("Sigmoid", "LogSigmoid", "Tanh", "Tanhshrink", "Softplus", "Softsign", "Softshrink"),
    *("Hardswish", "Hardsigmoid", "Hardtanh", "Hardshrink", "Threshold", "Identity"),
    *("LocalResponseNorm",),
)
DROPOUT = (
    *("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"),
)
# Our keys by PyTorch's parameters.
KEYS = {
    "in_channels": "c_in",
    "in_features": "c_in",
    "num_features": "c_in",
    "num_channels": "c_in",
    "num_groups": "g",
    "num_parameters": "c",
    "out_channels": "c",
    "out_features": "c",
    "kernel_size": "f",
    "stride": "s",
    "padding": "p",
    "dilation": "d",
    "groups": "g",
    "bias": "bias",
    "affine": "affine",
    "track_running_stats": "stored",
    "output_padding": "op",
    "ceil_mode": "ceil",
    "output_size": "out",
    "size": "out",
    "scale_factor": "scale",
    "upscale_factor": "scale",
    "downscale_factor": "scale",
    "mode": "mode",
    "padding_mode": "mode",
    "align_corners": "align",
    "recompute_scale_factor": "recompute",
    "dim": "dim",
}
SWITCHES = ("bias", "affine", "track_running_stats")  # of which None is False, not the default
# Parameters that must have these values: all axes but the batch become one.
FIXED = {"start_dim": "1", "end_dim": "-1"}
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
# The axes of an image that a way of resizing is for.
RESIZED_AXES = {"linear": "1d", "bilinear": "2d", "bicubic": "2d", "trilinear": "3d"}

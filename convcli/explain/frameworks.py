"""The same layer as a line of PyTorch, Keras and ONNX; "no equal" where a framework has none."""

from collections.abc import Sequence

from convcli.geometry.network.layer import Step
from convcli.geometry.window.axis import POOL_KINDS, Axis, fit


def pytorch(step: Step) -> str:
    """Write the layer as an expression over ``nn`` (`torch.nn`) that makes it."""
    if step.layer.window.kind in POOL_KINDS:
        return _pytorch_pool(step)
    axes, layer, dims = step.axes, step.layer, len(step.axes)
    transposed = layer.window.kind == "convt"
    even = all(a.pb == a.pe for a in axes)
    # Uneven padding is a layer of its own, and so is the rest of an uneven crop.
    inner = [min(a.pb, a.pe) if transposed or even else 0 for a in axes]
    # Default channels: the fewest that the groups allow.
    words = [str(step.c_in or layer.g), str(step.c_out or layer.g)]
    words.append(f"kernel_size={_tuple([a.f for a in axes])}")
    words += _changed("stride", [a.s for a in axes], 1)
    words += _changed("padding", inner, 0)
    words += _changed("output_padding", [a.op for a in axes], 0)
    words += _changed("dilation", [a.d for a in axes], 1)
    words += _changed("groups", [layer.g], 1)
    if not layer.bias:
        words.append("bias=False")
    line = f"nn.{'ConvTranspose' if transposed else 'Conv'}{dims}d({', '.join(words)})"
    if even:
        return line
    if transposed:
        crop = [(i - a.pb, i - a.pe) for a, i in zip(axes, inner, strict=True)]
        return f"nn.Sequential({line}, nn.ZeroPad{dims}d({_last_first(crop)}))"
    pads = _last_first([(a.pb, a.pe) for a in axes])
    return f"nn.Sequential(nn.ZeroPad{dims}d({pads}), {line})"


def _pytorch_pool(step: Step) -> str:
    if reason := _why_pytorch_has_no_such_pool(step):
        return f"no equal: {reason}"
    axes, ceil, dims = step.axes, step.layer.window.ceil, len(step.axes)
    average = step.layer.window.kind == "avgpool"
    even = all(a.pb == a.pe for a in axes)
    words = [f"kernel_size={_tuple([a.f for a in axes])}", f"stride={_tuple([a.s for a in axes])}"]
    if even:
        words += _changed("padding", [a.pb for a in axes], 0)
    words += _changed("dilation", [a.d for a in axes], 1)
    if even and ceil:
        words.append("ceil_mode=True")
    pool = f"nn.{'AvgPool' if average else 'MaxPool'}{dims}d({', '.join(words)})"
    if even:
        return pool
    pads = [(a.pb, a.pe) for a in axes]
    if ceil:  # pad as far as the last window reaches, which leaves nothing to round
        pads = [(a.pb, (a.out - 1) * a.s + a.e - a.pb - a.n) for a in axes]
    if average:
        return f"nn.Sequential(nn.ZeroPad{dims}d({_last_first(pads)}), {pool})"
    fill = f"nn.ConstantPad{dims}d({_last_first(pads)}, float('-inf'))"
    return f"nn.Sequential({fill}, {pool})"


def _why_pytorch_has_no_such_pool(step: Step) -> str:
    """Say what PyTorch refuses; empty where it has the layer."""
    axes, even = step.axes, all(a.pb == a.pe for a in step.axes)
    if step.layer.window.kind == "avgpool":
        if any(a.d > 1 for a in axes):
            return "PyTorch has no dilated average pooling"
        if len(axes) == 3 and any(a.n < a.f for a in axes):
            return "nn.AvgPool3d refuses an input smaller than its filter"
        if step.layer.window.ceil and not even:
            return "PyTorch averages uneven padding in floor mode only"
    if even and any(a.pb > a.f // 2 for a in axes):
        return "PyTorch pads a pooling layer by at most half of its filter size"
    return ""


def _changed(key: str, values: Sequence[int], default: int) -> list[str]:
    """Write an argument that is not at its default."""
    return [] if set(values) == {default} else [f"{key}={_tuple(values)}"]


def keras(step: Step) -> str:
    """Write the layer as an expression over ``layers`` (`keras.layers`), channels last."""
    axes, layer, dims = step.axes, step.layer, len(step.axes)
    window = layer.window
    kind = window.kind
    if reason := _why_keras_has_no_such_layer(step):
        return f"no equal: {reason}"
    words = [
        f"{'pool_size' if kind in POOL_KINDS else 'kernel_size'}={_tuple([a.f for a in axes])}",
        f"strides={_tuple([a.s for a in axes])}",
    ]
    if kind not in POOL_KINDS:
        words.insert(0, str(step.c_out or layer.g))
        words += _changed("dilation_rate", [a.d for a in axes], 1)
        words += _changed("groups", [layer.g], 1)
        if not layer.bias:
            words.append("use_bias=False")
    if kind == "convt":
        return _keras_transposed(axes, words, layer.g)
    padding, pads = "valid", [(a.pb, a.pe) for a in axes]
    same = [fit(a.n, a.f, a.s, "same", a.d) for a in axes]
    overhang = any((a.out - 1) * a.s + a.e > a.padded for a in axes)
    if all((a.pb, a.pe, a.out) == (b.pb, b.pe, b.out) for a, b in zip(axes, same, strict=True)):
        padding, pads = "same", [(0, 0)] * dims
    elif overhang or (kind in POOL_KINDS and any(map(any, pads))):
        return "no equal: Keras pads a pooling layer by its words valid and same only"
    names = {"conv": "Conv", "maxpool": "MaxPooling", "avgpool": "AveragePooling"}
    line = f'layers.{names[kind]}{dims}D({", ".join(words)}, padding="{padding}")'
    if not any(map(any, pads)):
        return line
    return f"keras.Sequential([layers.ZeroPadding{dims}D({_pairs(pads)}), {line}])"


def _why_keras_has_no_such_layer(step: Step) -> str:
    """Say what Keras does otherwise; empty where only the padding remains to be looked at."""
    axes, kind = step.axes, step.layer.window.kind
    if kind in POOL_KINDS and any(a.d > 1 for a in axes):
        return "Keras has no dilated pooling"
    if kind == "avgpool" and any(a.pb or a.pe for a in axes):
        return "Keras leaves padding out of a mean"
    if any(a.s > 1 for a in axes) and any(a.d > 1 for a in axes):
        return "Keras cannot combine a stride above 1 with dilation"
    return ""


def _keras_transposed(axes: Sequence[Axis], words: list[str], g: int) -> str:
    dims = len(axes)
    if g != 1:
        return "no equal: Keras has no grouped transposed convolution"
    if any(a.op >= a.s for a in axes if a.op):
        return "no equal: Keras needs an output padding below the stride"
    if any(a.op or a.e < a.s for a in axes):
        words = [*words, f"output_padding={_tuple([a.op for a in axes])}"]
    line = f'layers.Conv{dims}DTranspose({", ".join(words)}, padding="valid")'
    crop = [(a.pb, a.pe) for a in axes]
    if not any(map(any, crop)):
        return line
    return f"keras.Sequential([{line}, layers.Cropping{dims}D({_pairs(crop)})])"


def onnx(step: Step) -> str:
    """Write the layer as an ONNX node with its attributes."""
    axes, layer = step.axes, step.layer
    kind = layer.window.kind
    op = {"conv": "Conv", "convt": "ConvTranspose", "maxpool": "MaxPool", "avgpool": "AveragePool"}
    attributes = {
        "kernel_shape": [a.f for a in axes],
        "strides": [a.s for a in axes],
        "pads": [a.pb for a in axes] + [a.pe for a in axes],
        "dilations": [a.d for a in axes],
    }
    if kind == "convt":
        attributes["output_padding"] = [a.op for a in axes]
    words = [f"{key}={values}" for key, values in attributes.items()]
    if kind in POOL_KINDS:
        if layer.window.ceil:
            words.append("ceil_mode=1")
        if kind == "avgpool":
            words.append("count_include_pad=1")
    else:
        words.append(f"group={layer.g}")
    return f"{op[kind]}({', '.join(words)})"


def _tuple(values: Sequence[int]) -> str:
    return str(values[0]) if len(set(values)) == 1 else str(tuple(values))


def _last_first(pairs: Sequence[tuple[int, int]]) -> str:
    """PyTorch counts padding from the last axis on."""
    return str(tuple(side for pair in reversed(pairs) for side in pair))


def _pairs(pairs: Sequence[tuple[int, int]]) -> str:
    return str(pairs[0] if len(pairs) == 1 else tuple(pairs))

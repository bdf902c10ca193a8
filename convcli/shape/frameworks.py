"""The same layer as a line of PyTorch, Keras and ONNX; "no equal" where a framework has none."""

from collections.abc import Sequence

from convcli.geometry.axis import Axis, fit
from convcli.geometry.network import Step

_POOLS = {"maxpool": "MaxPool", "avgpool": "AvgPool"}


def pytorch(step: Step) -> str:
    """Write the layer as an expression over ``nn`` (`torch.nn`) that makes it."""
    axes, layer, dims = step.axes, step.layer, len(step.axes)
    kind = layer.window.kind
    even = all(a.pb == a.pe for a in axes)
    inner = [min(a.pb, a.pe) for a in axes] if kind == "convt" else [a.pb for a in axes]
    options = {
        "kernel_size": [a.f for a in axes],
        "stride": [a.s for a in axes],
        "padding": inner if even or kind == "convt" else [0] * dims,
        "output_padding": [a.op for a in axes],
        "dilation": [a.d for a in axes],
    }
    defaults = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}
    words = [
        f"{key}={_tuple(values)}"
        for key, values in options.items()
        if set(values) != {defaults.get(key)} or (key == "stride" and kind in _POOLS)
    ]
    if kind in _POOLS:
        return _pytorch_pool(axes, _POOLS[kind], words, even, layer.window.ceil)
    # Where no channels are given there are as few as the groups allow.
    channels = [str(step.c_in or layer.g), str(step.c_out or layer.g)]
    words += [f"groups={layer.g}"] * (layer.g != 1) + ["bias=False"] * (not layer.bias)
    name = "ConvTranspose" if kind == "convt" else "Conv"
    line = f"nn.{name}{dims}d({', '.join(channels + words)})"
    if even:
        return line
    if kind == "convt":
        crop = [(i - a.pb, i - a.pe) for a, i in zip(axes, inner, strict=True)]
        return f"nn.Sequential({line}, nn.ZeroPad{dims}d({_last_first(crop)}))"
    pads = _last_first([(a.pb, a.pe) for a in axes])
    return f"nn.Sequential(nn.ZeroPad{dims}d({pads}), {line})"


def _pytorch_pool(axes: Sequence[Axis], name: str, words: list[str], even: bool, ceil: bool) -> str:
    dims = len(axes)
    even = even and all(a.pb <= a.f // 2 for a in axes)  # more, which dilation allows, it refuses
    if name == "AvgPool" and any(a.d > 1 for a in axes):
        return "no equal: PyTorch has no dilated average pooling"
    if even:
        words = words + ["ceil_mode=True"] * ceil
        return f"nn.{name}{dims}d({', '.join(words)})"
    pads = [(a.pb, a.pe) for a in axes]
    if ceil:  # pad as far as the last window reaches, which leaves nothing to round
        pads = [(a.pb, max((a.out - 1) * a.s + a.e - a.pb - a.n, 0)) for a in axes]
    pool = f"nn.{name}{dims}d({', '.join(words)})"
    if name == "AvgPool":
        if ceil:
            return "no equal: PyTorch averages uneven padding in floor mode alone"
        return f"nn.Sequential(nn.ZeroPad{dims}d({_last_first(pads)}), {pool})"
    fill = f"nn.ConstantPad{dims}d({_last_first(pads)}, float('-inf'))"
    return f"nn.Sequential({fill}, {pool})"


def keras(step: Step) -> str:
    """Write the layer as an expression over ``layers`` (`keras.layers`), channels last."""
    axes, layer, dims = step.axes, step.layer, len(step.axes)
    window = layer.window
    kind = window.kind
    if kind in _POOLS and any(a.d > 1 for a in axes):
        return "no equal: Keras pooling takes no dilation"
    if any(a.s > 1 for a in axes) and any(a.d > 1 for a in axes):
        return "no equal: Keras takes no stride above 1 together with dilation"
    words = [
        f"{'pool_size' if kind in _POOLS else 'kernel_size'}={_tuple([a.f for a in axes])}",
        f"strides={_tuple([a.s for a in axes])}",
    ]
    if kind not in _POOLS:
        words.insert(0, str(step.c_out or layer.g))
        words += [f"dilation_rate={_tuple([a.d for a in axes])}"] * any(a.d > 1 for a in axes)
        words += [f"groups={layer.g}"] * (layer.g != 1)
        words += ["use_bias=False"] * (not layer.bias)
    if kind == "convt":
        return _keras_transposed(axes, words, layer.g)
    padding, pads = "valid", [(a.pb, a.pe) for a in axes]
    same = [fit(a.n, a.f, a.s, "same", a.d) for a in axes]
    overhang = any(a.out != fit(a.n, a.f, a.s, (a.pb, a.pe), a.d).out for a in axes if a.ceil)
    if all((a.pb, a.pe, a.out) == (b.pb, b.pe, b.out) for a, b in zip(axes, same, strict=True)):
        padding, pads = "same", [(0, 0)] * dims
    elif overhang or (kind in _POOLS and any(map(any, pads))):
        return "no equal: Keras pads a pool by its words valid and same alone"
    names = {"conv": "Conv", "maxpool": "MaxPooling", "avgpool": "AveragePooling"}
    line = f'layers.{names[kind]}{dims}D({", ".join(words)}, padding="{padding}")'
    if not any(map(any, pads)):
        return line
    return f"keras.Sequential([layers.ZeroPadding{dims}D({_pairs(pads)}), {line}])"


def _keras_transposed(axes: Sequence[Axis], words: list[str], g: int) -> str:
    dims = len(axes)
    if g != 1:
        return "no equal: Keras has no grouped transposed convolution"
    if any(a.op >= a.s for a in axes if a.op):
        return "no equal: Keras takes an output padding below the stride alone"
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
    if kind in _POOLS:
        words += ["ceil_mode=1"] * layer.window.ceil
        words += ["count_include_pad=1"] * (kind == "avgpool")
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

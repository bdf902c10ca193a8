"""Layers as PyTorch writes them: ``nn.Conv2d(3, 64, kernel_size=7)``, and a printed model.

The text is parsed as data and never evaluated. Each module becomes the kind, the keys and the
values of a line in our own notation.
"""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from convcli.errors import UsageError, shortened
from convcli.geometry.text.notation import join_axes

if TYPE_CHECKING:
    import ast

_PAD = ("pad", "padding value")
# For each family of modules: the kind of layer, and PyTorch's parameters in their order.
_FAMILIES = {
    "Conv": ("conv", "in_channels out_channels kernel_size stride padding dilation groups bias"),
    "ConvTranspose": (
        "convt",
        "in_channels out_channels kernel_size stride padding output_padding groups bias dilation",
    ),
    "MaxPool": ("maxpool", "kernel_size stride padding dilation return_indices ceil_mode"),
    "AvgPool": ("avgpool", "kernel_size stride padding ceil_mode"),
    "AdaptiveAvgPool": ("adaptiveavgpool", "output_size"),
    "AdaptiveMaxPool": ("adaptivemaxpool", "output_size"),
    "BatchNorm": ("bn", "num_features eps momentum affine track_running_stats bias"),
    "InstanceNorm": ("instancenorm", "num_features eps momentum affine track_running_stats bias"),
    "GroupNorm": ("gn", "num_groups num_channels eps affine bias"),
    "PReLU": ("prelu", "num_parameters init"),
    "PixelShuffle": ("pixelshuffle", "upscale_factor"),
    "PixelUnshuffle": ("pixelunshuffle", "downscale_factor"),
    "Linear": ("linear", "in_features out_features bias"),
    "Flatten": ("flatten", "start_dim end_dim"),
    "Upsample": ("upsample", "size scale_factor mode"),
    "ZeroPad": _PAD,
    "ConstantPad": _PAD,
    "ReflectionPad": _PAD,
    "ReplicationPad": _PAD,
    "CircularPad": _PAD,
}
_NORMS = {"bn": "1", "gn": "1", "instancenorm": "0"}  # whether they have weights by default
# Modules without parameters that compute each number from the one in its place.
_POINTWISE = (
    *("ReLU", "ReLU6", "LeakyReLU", "ELU", "SELU", "GELU", "SiLU", "Mish", "Sigmoid", "Tanh"),
    *("Hardswish", "Hardsigmoid", "Hardtanh", "Softplus", "Identity", "Dropout", "AlphaDropout"),
    *("CELU", "Softmax"),
)
_KEYS = {
    "in_channels": "c_in",
    "in_features": "c_in",
    "num_features": "c_in",
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
    "output_padding": "op",
    "ceil_mode": "ceil",
    "output_size": "out",
    "size": "out",
    "scale_factor": "scale",
    "upscale_factor": "scale",
    "downscale_factor": "scale",
    "mode": "mode",
}
# Parameters that must have these values: all axes but the batch become one.
_FIXED = {"start_dim": "1", "end_dim": "-1"}
_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
# Other parameters, which change no size.
_WITHOUT_EFFECT = (
    *("padding_mode", "device", "dtype", "eps", "momentum"),
    *("return_indices", "count_include_pad", "divisor_override", "align_corners"),
    *("recompute_scale_factor", "inplace"),
)
MAX_LAYERS = 10_000  # of a text
# Compiled where a line needs them: they would take most of the time to import this file.
_LINE = (
    r"(?:\((?P<name>[^()]*)\):\s*)?(?:(?P<count>[0-9]{1,9}) x )?"
    r"(?P<class>(?:torch\.)?(?:nn\.)?[A-Z]\w*)\((?P<rest>.*)"
)
_DIMS = r"(?P<family>\w+?)(?P<dims>[123]d)?"


class Words(NamedTuple):
    """The words of a layer: its kind, the value of each key, and the text they were read from."""

    kind: str
    values: dict[str, str]
    text: str = ""


class _Container(NamedTuple):
    """A container of a printed model that is open; it stands for `times`, `words` for one."""

    name: str
    times: int
    words: list[Words]


class ModuleReader:
    """Reads modules line by line: in a printed model a container opens on one and ends on another.

    `note` is called once with the first container that does not say in which order its modules run.
    """

    def __init__(self, note: Callable[[str], None] | None = None) -> None:
        self._note = note
        self._open: list[_Container] = []  # those around this line

    def read(self, line: str, where: str) -> list[Words] | None:
        """Read a line.

        Parameters
        ----------
        line : str
            Without white space around it.
        where : str
            The line's place, for errors.

        Returns
        -------
        list of Words, or None
            None where the line is not in PyTorch's notation.
        """
        text = line.removesuffix(",")
        if text == ")" and self._open:
            ended = self._open.pop()
            return self._kept(_repeated(ended.words, ended.times, where))
        if "(" not in text:
            return None
        found = re.fullmatch(_LINE, text)
        if found is None:
            return None
        name, count = found["name"] or "", int(found["count"] or 1)
        if not found["rest"]:
            self._note_order(found["class"])
            self._open.append(_Container(name, count, []))
            return []
        call = _parse(text[found.start("class") :], where)
        path = ".".join(part for part in (*[each.name for each in self._open], name) if part)
        return self._kept(_repeated(list(self._modules(call, path, where)), count, where))

    def finish(self, source: str) -> None:
        """Raise `UsageError` where modules are kept until their container ends."""
        for each in self._open:
            if each.times > 1:
                raise UsageError(
                    f"{source}: {each.name or each.times} has no end; add the line ) after its "
                    f"modules"
                )

    def _kept(self, words: list[Words]) -> list[Words]:
        """Give modules, or keep them for the end of a container that stands for several."""
        for container in reversed(self._open):
            if container.times > 1:
                container.words.extend(words)
                return []
        return words

    def _note_order(self, name: str) -> None:
        if name.rpartition(".")[2] != "Sequential" and self._note is not None:
            self._note(
                f"{name} does not say how its layers are connected: they are taken one after the "
                f"other, as printed; a model exported to ONNX or with torch.export says it"
            )
            self._note = None

    def _modules(self, call: "ast.Call", name: str, where: str) -> Iterator[Words]:
        """Read one module, or those of a ``Sequential``, one inside the other."""
        pending = [(call, name)]
        while pending:
            call, name = pending.pop()
            if _class_name(call, where) != "Sequential":
                yield _module(call, name, where)
                continue
            inner = [_as_call(argument, where) for argument in call.args]
            names = [f"{name}.{i}" if name else "" for i in range(len(inner))]
            pending.extend(reversed(list(zip(inner, names, strict=True))))


def in_parameters(text: str, kind: str) -> str:
    """Write the keys of a remedy, such as ``use p=1x0``, as PyTorch's parameters of a kind."""
    parameters = {}
    for family, names in _FAMILIES.values():
        if family == kind:
            parameters = {_KEYS[name]: name for name in names.split() if name in _KEYS}
    c_in = parameters.get("c_in", "in_channels")
    parameters.setdefault("c", c_in)
    why, use, remedy = text.rpartition("; use ")
    remedy = re.sub(r"\bc=([0-9]+):", rf"{c_in}=\1, c=", remedy)
    remedy = re.sub(r"\b([a-z]+)=", lambda key: f"{parameters.get(key[1], key[1])}=", remedy)
    remedy = re.sub(r"[0-9]+(x[0-9]+)+", lambda x: f"({x[0].replace('x', ', ')})", remedy)
    return why + use + remedy


def _repeated(words: list[Words], count: int, where: str) -> list[Words]:
    if len(words) * count > MAX_LAYERS:
        raise UsageError(
            f"{where}: {count} times {len(words)} are more than {MAX_LAYERS} layers; write fewer"
        )
    return words * count


def _parse(text: str, where: str) -> "ast.Call":
    import ast  # noqa: PLC0415  only for this notation

    try:
        return _as_call(ast.parse(text, mode="eval").body, where)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise UsageError(
            f"{where}: {shortened(text)} is not a layer as PyTorch prints it; write such as "
            f"'nn.Conv2d(3, 64, kernel_size=7)'"
        ) from None


def _as_call(node: "ast.expr", where: str) -> "ast.Call":
    import ast  # noqa: PLC0415

    if isinstance(node, ast.Call):
        return node
    raise UsageError(
        f"{where}: {shortened(ast.unparse(node))} is not a layer; write such as "
        f"nn.Conv2d(3, 64, kernel_size=7)"
    )


def _class_name(call: "ast.Call", where: str) -> str:
    import ast  # noqa: PLC0415

    name = ast.unparse(call.func)
    if not re.fullmatch(r"(torch\.)?(nn\.)?\w+", name):
        raise UsageError(f"{where}: {shortened(name)} is not a module of torch.nn")
    return name.rpartition(".")[2]


def _module(call: "ast.Call", name: str, where: str) -> Words:
    class_name = _class_name(call, where)
    named = {"name": name} if name else {}
    found = re.fullmatch(_DIMS, class_name)
    assert found is not None  # a word, see _class_name
    if found["family"] in _POINTWISE and not found["dims"]:
        return Words(found["family"].lower().removeprefix("alpha"), named)
    if found["family"] not in _FAMILIES:
        raise UsageError(
            f"{where}: nn.{class_name} is not a layer that can be read from text; export the model "
            f"with torch.export or torch.onnx"
        )
    kind, parameters = _FAMILIES[found["family"]]
    values = {}
    for parameter, node in _arguments(call, parameters.split(), class_name, where):
        if parameter in _FIXED and _value(node, parameter, class_name, where) != _FIXED[parameter]:
            raise UsageError(
                f"{where}: {parameter} of nn.{class_name} must be {_FIXED[parameter]} here; export "
                f"the model with torch.export or torch.onnx"
            )
        if parameter == "padding_mode":
            _check_padding_mode(_value(node, parameter, class_name, where), where)
        if parameter in _KEYS and (text := _value(node, parameter, class_name, where)):
            if _KEYS[parameter] in values:
                raise UsageError(
                    f"{where}: nn.{class_name} has {parameter} a second time; give it once"
                )
            values[_KEYS[parameter]] = text
    _adapt(kind, values, f"{where}: nn.{class_name}")
    return Words(kind + (found["dims"] or ""), values | named)


def _check_padding_mode(mode: str, where: str) -> None:
    if mode not in _PADDING_MODES:
        raise UsageError(
            f"{where}: padding_mode {mode!r} is not known; write one of {', '.join(_PADDING_MODES)}"
        )


def _adapt(kind: str, values: dict[str, str], called: str) -> None:
    """Change values to what they are in our notation; refuse what it cannot say."""
    if values.get("p") == "same" and set(values.get("s", "1").split("x")) != {"1"}:
        raise UsageError(
            f"{called} has padding='same' with stride {values['s']}, which PyTorch refuses; write "
            f"the padding as numbers, or a line such as conv f=3 s=2 p=same"
        )
    if kind in _NORMS:
        if values.pop("bias", "1") == "0" and values.get("affine", _NORMS[kind]) != "0":
            raise UsageError(
                f"{called} has weights without a bias, which text cannot say; export the model "
                f"with torch.export or torch.onnx"
            )
        if kind != "bn":  # the others have no channels in text
            values.pop("c_in", None)
    if kind == "pad":
        values["p"] = _pairs(values.get("p", ""))


def _arguments(
    call: "ast.Call", parameters: list[str], class_name: str, where: str
) -> "Iterator[tuple[str, ast.expr]]":
    if len(call.args) > len(parameters):
        raise UsageError(
            f"{where}: nn.{class_name} has {len(call.args)} values without names, more than "
            f"{len(parameters)}; it takes {', '.join(parameters) or 'none'}"
        )
    yield from zip(parameters, call.args, strict=False)
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg not in (*parameters, *_WITHOUT_EFFECT):
            raise UsageError(
                f"{where}: {shortened(keyword.arg or '**')} is not a parameter of "
                f"nn.{class_name}; write one of {', '.join(parameters)}"
            )
        yield keyword.arg, keyword.value


def _value(node: "ast.expr", parameter: str, class_name: str, where: str) -> str:
    """Write a value in our notation; None, which stands for the default, as an empty text."""
    import ast  # noqa: PLC0415

    try:  # a printed model has words without quotes: padding=same
        value = node.id if isinstance(node, ast.Name) else ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        value = ...
    if value is None:
        return ""
    parts = value if isinstance(value, tuple | list) else (value,)
    if not parts or not all(isinstance(part, int | float | str) for part in parts):
        raise UsageError(
            f"{where}: {parameter}={shortened(ast.unparse(node))} of nn.{class_name} is not a "
            f"number or a tuple of numbers; write such as {parameter}=3"
        )
    return join_axes([_text(part) for part in parts])


def _text(value: int | float | str) -> str:
    """Write True as 1, and 2.0 as 2."""
    whole = isinstance(value, bool) or (isinstance(value, float) and value.is_integer())
    return str(int(value) if whole else value)


def _pairs(text: str) -> str:
    """Write PyTorch's padding, (before, after) of the last axis first, in our notation."""
    sides = text.split("x")
    if len(sides) % 2:  # the same on all sides
        return text
    return "x".join(f"{b}:{e}" for b, e in reversed([*zip(sides[::2], sides[1::2], strict=True)]))

"""Layers as PyTorch writes them: ``nn.Conv2d(3, 64, kernel_size=7)``, and a printed model.

The text is parsed as data and never evaluated. Each module becomes the kind, the keys and the
values of a line in our own notation.
"""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from convcli.errors import UsageError, shortened
from convcli.geometry.notation import join_axes

if TYPE_CHECKING:
    import ast

_PAD = ("pad", "padding")
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
    "BatchNorm": ("bn", "num_features eps momentum affine"),
    "Linear": ("linear", "in_features out_features bias"),
    "Flatten": ("flatten", ""),
    "Upsample": ("upsample", "size scale_factor mode"),
    "ZeroPad": _PAD,
    "ConstantPad": _PAD,
    "ReflectionPad": _PAD,
    "ReplicationPad": _PAD,
    "CircularPad": _PAD,
}
# Modules without parameters that compute each number from the one in its place.
_POINTWISE = (
    *("ReLU", "ReLU6", "LeakyReLU", "ELU", "SELU", "GELU", "SiLU", "Mish", "Sigmoid", "Tanh"),
    *("Hardswish", "Hardsigmoid", "Hardtanh", "Softplus", "Identity", "Dropout", "AlphaDropout"),
)
_KEYS = {
    "in_channels": "c_in",
    "in_features": "c_in",
    "num_features": "c_in",
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
    "mode": "mode",
}
# Other parameters of modules with a window, which change no size.
_WITHOUT_EFFECT = (
    *("padding_mode", "device", "dtype"),
    *("return_indices", "count_include_pad", "divisor_override"),
)
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


class ModuleReader:
    """Reads modules line by line: in a printed model a container opens on one and ends on another.

    `note` is called once with the first container that does not say in which order its modules run.
    """

    def __init__(self, note: Callable[[str], None] | None = None) -> None:
        self._note = note
        self._open: list[str] = []  # names of the containers around this line

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
            self._open.pop()
            return []
        if "(" not in text:
            return None
        found = re.fullmatch(_LINE, text)
        if found is None:
            return None
        name = found["name"] or ""
        if not found["rest"]:
            self._note_order(found["class"])
            self._open.append(name)
            return []
        call = _parse(text[found.start("class") :], where)
        path = ".".join(part for part in (*self._open, name) if part)
        return list(self._modules(call, path, where)) * int(found["count"] or 1)

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
    if found["family"] in _POINTWISE:
        return Words(found["family"].lower().removeprefix("alpha"), named)
    if found["family"] not in _FAMILIES:
        raise UsageError(
            f"{where}: nn.{class_name} is not a layer that can be read from text; export the model "
            f"with torch.export or torch.onnx, or leave the line out"
        )
    kind, parameters = _FAMILIES[found["family"]]
    values = {}
    for parameter, node in _arguments(call, parameters.split(), class_name, where):
        if parameter in _KEYS and (text := _value(node, parameter, class_name, where)):
            if _KEYS[parameter] in values:
                raise UsageError(
                    f"{where}: nn.{class_name} has {parameter} a second time; give it once"
                )
            values[_KEYS[parameter]] = text
    if values.get("p") == "same" and set(values.get("s", "1").split("x")) != {"1"}:
        raise UsageError(
            f"{where}: nn.{class_name} has padding='same' with stride {values['s']}, which PyTorch "
            f"refuses; write the padding as numbers, or a line such as conv f=3 s=2 p=same"
        )
    if kind == "pad":
        values["p"] = _pairs(values.get("p", ""))
    return Words(kind + (found["dims"] or ""), values | named)


def _arguments(
    call: "ast.Call", parameters: list[str], class_name: str, where: str
) -> "Iterator[tuple[str, ast.expr]]":
    if len(call.args) > len(parameters):
        raise UsageError(
            f"{where}: nn.{class_name} has {len(call.args)} values without names, more than "
            f"{len(parameters)}; write the names, such as kernel_size=3"
        )
    yield from zip(parameters, call.args, strict=False)
    known = (*parameters, *_WITHOUT_EFFECT)
    for keyword in call.keywords:
        if "kernel_size" in parameters and keyword.arg is not None and keyword.arg not in known:
            raise UsageError(
                f"{where}: {shortened(keyword.arg)} is not a parameter of nn.{class_name}; write "
                f"one of {', '.join(parameters)}"
            )
        yield keyword.arg or "**", keyword.value


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

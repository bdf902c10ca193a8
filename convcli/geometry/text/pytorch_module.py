"""One module of PyTorch, such as ``nn.Conv2d(3, 64, kernel_size=7)``, as words of our notation."""

import re
from typing import TYPE_CHECKING

from convcli.errors import UsageError, shortened
from convcli.geometry.text.layer_text import Words
from convcli.geometry.text.notation import (
    format_padding,
    join_axes,
    parse_only,
    parse_only_padding,
)
from convcli.geometry.text.pytorch_table import (
    DROPOUT,
    FIXED,
    KEYS,
    MODULES,
    PADDING_MODES,
    POINTWISE,
    RESIZED_AXES,
    SWITCHES,
    Module,
)
from convcli.geometry.window.axis import spread

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator

_EXPORT = "export the model with torch.export or torch.onnx"


def read_module(call: "ast.Call", where: str) -> list[Words]:
    """Read a module: most are one layer, and a convolution that pads otherwise than by zeros two.

    Parameters
    ----------
    call : ast.Call
        The module as an expression.
    where : str
        Its place, for errors.
    """
    name = class_name(call, where)
    if name in POINTWISE:
        return [Words(name.lower(), {})]
    if name in DROPOUT:
        return [Words("dropout", {})]
    module, dims = _find(name, where)
    called = f"{where}: nn.{name}"
    values = {**module.fixed, **_values(call, module, name, where)}
    if module.kind in ("conv", "convt", "maxpool", "avgpool"):
        _check_word(values, module.kind, called)
    if module.kind in ("maxpool", "avgpool"):
        _check_half(values, called)
    if module.kind in ("conv", "convt"):
        return _convolution(module.kind, dims, values, called)
    if module.kind in ("bn", "gn", "instancenorm"):
        return [_norm(module.kind, dims, values, called)]
    if module.kind == "pad":
        values["p"] = _pairs(values["p"])
    elif module.kind == "upsample":
        dims = _axes_of_resizing(values, called)
    return [Words(module.kind + dims, values)]


def class_name(call: "ast.Call", where: str) -> str:
    """Return the class of a module, without ``torch.nn``."""
    import ast  # noqa: PLC0415

    name = ast.unparse(call.func)
    if not re.fullmatch(r"(torch\.)?(nn\.)?\w+", name):
        raise UsageError(f"{where}: {shortened(name)} is not a module of torch.nn")
    return name.rpartition(".")[2]


def in_parameters(text: str, kind: str) -> str:
    """Write the keys of a remedy, such as ``use p=1x0``, as PyTorch's parameters of a kind."""
    names = next((m.parameters.split() for m in MODULES.values() if m.kind == kind), [])
    parameters = {KEYS[name]: name for name in names if name in KEYS}
    c_in = parameters.get("c_in", "in_channels")
    parameters.setdefault("c", c_in)
    found = re.fullmatch(r"(.*; (?:use|add|write) )(.*)", text)
    if found is None:
        return text
    why, remedy = found.groups()
    remedy = re.sub(r"\bc=([0-9]+):", rf"{c_in}=\1, c=", remedy)
    remedy = re.sub(r"\b([a-z]+)=", lambda key: f"{parameters.get(key[1], key[1])}=", remedy)
    remedy = re.sub(r"[0-9]+(x[0-9]+)+", lambda x: f"({x[0].replace('x', ', ')})", remedy)
    return why + remedy


def _find(name: str, where: str) -> tuple[Module, str]:
    """Find a module, and the end of its name that says the number of axes."""
    if name in MODULES and not MODULES[name].each:
        return MODULES[name], ""
    family, dims = name[:-2], name[-2:]
    if family in MODULES and MODULES[family].each and dims in ("1d", "2d", "3d"):
        return MODULES[family], dims
    raise UsageError(f"{where}: nn.{name} is not a layer that can be read from text; {_EXPORT}")


def _values(call: "ast.Call", module: Module, name: str, where: str) -> dict[str, str]:
    """Read the values of our keys."""
    values: dict[str, str] = {}
    given = list(_arguments(call, module.parameters.split(), name, where))
    for parameter, node in given:
        if parameter in FIXED and _value(node, parameter, name, where) != FIXED[parameter]:
            raise UsageError(
                f"{where}: {parameter} of nn.{name} must be {FIXED[parameter]} here; {_EXPORT}"
            )
        if parameter not in KEYS:
            continue
        text = _value(node, parameter, name, where) or "0" * (parameter in SWITCHES)
        if text:
            if KEYS[parameter] in values:
                raise UsageError(f"{where}: nn.{name} has {parameter} a second time; give it once")
            values[KEYS[parameter]] = text
    for needed in module.parameters.split()[: module.needed]:
        if needed not in [parameter for parameter, _ in given]:
            raise UsageError(f"{where}: nn.{name} has no {needed}; add {needed}=3 or another")
    return values


def _convolution(kind: str, dims: str, values: dict[str, str], called: str) -> list[Words]:
    """Read a convolution; its padding is a layer of its own where it copies pixels."""
    mode = values.pop("mode", "zeros")
    if mode not in PADDING_MODES:
        raise UsageError(
            f"{called}: padding_mode {mode!r} is not known; write one of {', '.join(PADDING_MODES)}"
        )
    if kind == "convt" and mode != "zeros":
        raise UsageError(f"{called} has padding_mode {mode!r}; use padding_mode='zeros'")
    p = parse_only_padding(f"{called}: padding", values.get("p", "0"))
    if p == "same" and mode != "zeros":
        p = _same(int(dims[0]), values, called)
    if mode == "zeros" or isinstance(p, str) or min(map(min, p)) < 0 or max(map(max, p)) == 0:
        return [Words(kind + dims, values)]
    frame = Words(f"pad{dims}", {"p": format_padding(p), "mode": mode})
    return [frame, Words(kind + dims, values | {"p": "0"})]


def _same(dims: int, values: dict[str, str], called: str) -> tuple[tuple[int, int], ...]:
    """Return the padding of each axis that keeps sizes, at a stride of 1."""
    f, d = (
        spread(parameter, parse_only(f"{called}: {parameter}", values.get(key, "1")), dims)
        for parameter, key in (("kernel_size", "f"), ("dilation", "d"))
    )
    totals = [each * (size - 1) for size, each in zip(f, d, strict=True)]
    return tuple([(total // 2, total - total // 2) for total in totals])


def _check_word(values: dict[str, str], kind: str, called: str) -> None:
    """Refuse words of padding that PyTorch does not have, for this module or with a stride."""
    p = values.get("p", "0")
    words = ("same", "valid") if kind == "conv" else ()
    if p not in words and not any(map(str.isdigit, p)):
        written = "'same', 'valid' or a number" if words else "a number"
        raise UsageError(
            f"{called} has padding {p!r}, which PyTorch does not have; write {written} such as "
            f"padding=1"
        )
    if p == "same" and set(values.get("s", "1").split("x")) != {"1"}:
        raise UsageError(
            f"{called} has padding='same' with stride {values['s']}, which PyTorch refuses; write "
            f"the padding as numbers, or a line such as conv f=3 s=2 p=same"
        )


def _check_half(values: dict[str, str], called: str) -> None:
    """Refuse padding of a pool beyond half of its filter, as PyTorch does."""
    pads = parse_only_padding(f"{called}: padding", values.get("p", "0"))
    if isinstance(pads, str):
        return
    f, d = (parse_only(f"{called}: {key}", values.get(key, "1")) for key in "fd")
    most = min(d_ * (f_ - 1) + 1 for f_ in f for d_ in d) // 2
    if max(map(max, pads)) > most:
        raise UsageError(
            f"{called} has padding {values['p']}, more than half of its filter, which PyTorch "
            f"refuses; write padding={most}"
        )


def _norm(kind: str, dims: str, values: dict[str, str], called: str) -> Words:
    """Read a normalization; without statistics of training it is one over the image it is given.

    Without weights it has any number of channels.
    """
    if "stored" in values:
        kind = "bn" if values.pop("stored") == "1" else "instancenorm"
    affine = values.pop("affine")
    if values.pop("bias", "1") == "0" and affine != "0":
        raise UsageError(f"{called} has weights without a bias, which text cannot say; {_EXPORT}")
    if affine == "0" and kind != "bn":
        values.pop("c_in", None)
    by_default = "0" if kind == "instancenorm" else "1"
    return Words(kind + dims, values if affine == by_default else values | {"affine": affine})


def _axes_of_resizing(values: dict[str, str], called: str) -> str:
    """Return the axes of the images that a way of resizing is for; "" where it is for all."""
    if "align" in values and values["mode"] == "nearest":
        raise UsageError(
            f"{called} has align_corners, which mode 'nearest' does not; leave it out, or use "
            f"mode='bilinear'"
        )
    return RESIZED_AXES.get(values["mode"], "")


def _arguments(
    call: "ast.Call", parameters: list[str], name: str, where: str
) -> "Iterator[tuple[str, ast.expr]]":
    if len(call.args) > len(parameters):
        raise UsageError(
            f"{where}: nn.{name} has {len(call.args)} values without names, more than "
            f"{len(parameters)}; it takes {', '.join(parameters) or 'none'}"
        )
    yield from zip(parameters, call.args, strict=False)
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg not in parameters:
            raise UsageError(
                f"{where}: {shortened(keyword.arg or '**')} is not a parameter of "
                f"nn.{name}; write one of {', '.join(parameters)}"
            )
        yield keyword.arg, keyword.value


def _value(node: "ast.expr", parameter: str, name: str, where: str) -> str:
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
            f"{where}: {parameter}={shortened(ast.unparse(node))} of nn.{name} is not a "
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

"""A convolution in a model's file: its window, and its numbers when they are asked for."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NamedTuple, TypeVar

from convcli.arrays import members
from convcli.arrays.dtypes import Array
from convcli.errors import ConvcliError
from convcli.geometry.network.layer import Layer
from convcli.geometry.text.notation import format_padding
from convcli.models import LAYERS, model_format

T = TypeVar("T")


class ModelLayer(NamedTuple):
    """One layer of a model.

    Attributes
    ----------
    name : str
        As the file has it, or where that is not unique the name of what it makes.
    layer : Layer
        Its window, output channels and groups.
    aliases : tuple of str
        Other names: of its output, or of the module that its weight belongs to.
    read : callable
        Reads its weight and its bias; None without a bias.
    refusal : str
        Why it cannot be convolved with, and the remedy; empty if it can be.
    padding_refusal : str
        The same for its padding: it is known once there is ``-p``.
    padded : str
        What pads its input: a node of its own, as layers have that pad otherwise than with zeros.
        The options that stand for it; empty if there is none.
    """

    name: str
    layer: Layer
    aliases: tuple[str, ...]
    read: Callable[[], tuple[Array, Array | None]]
    refusal: str = ""
    padding_refusal: str = ""
    padded: str = ""


# Our pad modes by those of ONNX, and of PyTorch.
_MODES = {
    "constant": "zeros", "reflect": "reflect", "edge": "replicate", "replicate": "replicate",
    "wrap": "circular", "circular": "circular",
}  # fmt: skip


def padding_options(mode: str, pairs: Sequence[tuple[int, int]] | None) -> str:
    """Write the padding of a node as options of `run`; None where its sizes are computed."""
    size = "-p" if pairs is None else f"-p {format_padding(pairs)}"
    return f"{size} --pad-mode {_MODES.get(mode, mode)}"


def shortest(values: tuple[T, ...]) -> tuple[T, ...]:
    """Write one value for all axes where those of the axes are equal."""
    return values[:1] if len(set(values)) == 1 else values


def layers(path: str) -> list[ModelLayer]:
    """Read the convolutions of a model, in the order of the file, without their numbers.

    Parameters
    ----------
    path : str
        Of a file that has a `model_format`.

    Raises
    ------
    ConvcliError
        It cannot be read, or has none.
    OSError
    """
    module = import_module(f"convcli.models.{LAYERS[str(model_format(path))]}")
    listed: list[ModelLayer] = list(module.layers(path))
    if not listed:
        raise ConvcliError(f"{path!r} has no convolution; use a model that has")
    return listed


def find(spec: str, found: list[ModelLayer]) -> ModelLayer:
    """Find the layer that ``file::name`` names among those of its file, or the only one.

    Raises
    ------
    ConvcliError, UsageError
    """
    path, _, member = spec.partition("::")
    by_name = {alias: layer for layer in reversed(found) for alias in layer.aliases}
    by_name |= {layer.name: layer for layer in found}
    if member in by_name:
        return by_name[member]
    name = members.choose(path, member or None, [layer.name for layer in found], "convolutions")
    return by_name[name]

"""Makes the nodes of a network from the lines of a text: names, branches, repeats, blocks."""

import re
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from convcli.errors import UsageError, shortened
from convcli.geometry.network.graph import Node
from convcli.geometry.network.operations.images import OfAxes
from convcli.geometry.text.layer_text import Words, split_kind, split_pairs, split_words
from convcli.geometry.text.notation import parse_number
from convcli.geometry.text.pytorch_module import in_parameters
from convcli.geometry.text.pytorch_text import MAX_LAYERS
from convcli.models.from_text.blocks import Block, Line, arguments, fill
from convcli.models.from_text.kinds import EVERY_KEY, KINDS, find_kind, layer_text

# Kinds besides those with a window that may name the number of axes, which then must be theirs.
_OF_IMAGES = ("pad", "adaptiveavgpool", "adaptivemaxpool", "bn", "instancenorm", "upsample")
_MAX_DEPTH = 20  # of blocks in blocks
INPUT = "input"  # the name of what comes into the network


class _Scope(NamedTuple):
    """Where a layer stands: the path of the blocks around it, and how often each kind came."""

    path: str
    counts: dict[str, int]
    depth: int


class Builder:
    """Makes nodes of lines. `here` is the tensor that the next layer reads."""

    def __init__(self, blocks: dict[str, Block]) -> None:
        self.nodes: list[Node] = []
        self.axes = 1  # the most that a layer names
        self.dims: int | None = None  # of the first layer that says it
        self._blocks = blocks
        self._here = INPUT
        self._named = {"in": INPUT}  # tensors by the full names of layers
        self._top = _Scope("", {}, 0)

    def add_line(self, line: Line) -> None:
        """Add the layers of a line outside of blocks."""
        self._add_parts(line, line.text, self._top)

    def add_layer(self, words: Words, where: str, scope: _Scope | None = None) -> None:
        """Add a layer as often as it says."""
        scope = scope or self._top
        found = find_kind(words.kind)
        if found is None:
            raise _no_kind(words.kind, self._blocks, where)
        word, kind = found
        values = words.values
        remedies = partial(in_parameters, kind=word) if words.in_pytorch else str
        try:
            operation = kind.make(words, where)
        except UsageError as error:
            raise UsageError(remedies(str(error))) from None
        layer = getattr(operation, "layer", None)
        if layer is not None:
            self.axes = max(self.axes, layer.window.axes)
            self.dims = self.dims or layer.dims
        elif word in _OF_IMAGES and (dims := split_kind(words.kind)[1]):
            or_flat = (word, dims) == ("bn", 1)
            operation = OfAxes(operation, word, dims, or_flat)
            if not or_flat:
                self.dims = self.dims or dims
        repeat = self._count(values.get("repeat"), where)
        names = _names(values.get("name"), word, repeat, scope)
        self._start(values.get("from"), scope, where)
        others = self._others(kind.joins, words, scope, where)
        shown = "" if layer is not None else layer_text(words)
        for name in names:
            inputs = (self._here, *others)
            label = (
                f"{where}, layer {len(self.nodes) + 1} ({name if 'name' in values else words.text})"
            )
            made = str(len(self.nodes) + 1)
            is_named = "name" in values or bool(scope.path)
            self.nodes.append(
                Node(name, word, operation, inputs, (made,), label, shown, is_named, remedies)
            )
            self._here = self._named[name] = made
        if "name" in values:
            self._named[scope.path + values["name"]] = self._here

    def _add_parts(self, line: Line, text: str, scope: _Scope) -> None:
        for part in text.split("|"):
            if not part.strip():
                raise UsageError(f"{line.where}: a layer is missing beside a |; leave the | out")
            kind, *pairs = split_words(part)
            if kind in self._blocks:
                self._add_block(self._blocks[kind], pairs, line.where, scope)
                continue
            found = find_kind(kind)
            if found is None:
                raise _no_kind(kind, self._blocks, line.where)
            keys = (*found[1].keys, *EVERY_KEY)
            words = Words(kind, split_pairs(pairs, keys, line.where), part.strip())
            self._check_name(words.values.get("name"), scope, line.where)
            self.add_layer(words, line.where, scope)

    def _add_block(self, block: Block, words: list[str], where: str, scope: _Scope) -> None:
        if scope.depth == _MAX_DEPTH:
            raise UsageError(
                f"{where}: blocks are nested more than {_MAX_DEPTH} deep; a block cannot use itself"
            )
        values = arguments(block, words, where)
        repeat = self._count(values.get("repeat"), where)
        self._check_name(values.get("name"), scope, where)
        self._start(values.get("from"), scope, where)
        for name in _names(values.get("name"), block.name, repeat, scope):
            inner = _Scope(f"{name}.", {}, scope.depth + 1)
            self._named[f"{name}.in"] = self._here
            for line in block.lines:
                self._add_parts(line, fill(line, values), inner)
            self._named[name] = self._here
        if "name" in values:
            self._named[scope.path + values["name"]] = self._here

    def _check_name(self, name: str | None, scope: _Scope, where: str) -> None:
        """Refuse a name twice; in a printed model of PyTorch's each part counts from 0."""
        if name is not None and scope.path + name in self._named:
            raise UsageError(
                f"{where}: the name {name!r} is that of a layer before it; write another"
            )

    def _count(self, text: str | None, where: str) -> int:
        repeat = 1 if text is None else parse_number(f"{where}: repeat", text)
        if repeat < 1:
            raise UsageError(f"{where}: repeat={repeat} must be 1 or more; write repeat=1")
        room = MAX_LAYERS - len(self.nodes)
        if repeat > room:
            fewer = f"repeat={room} or less" if room else "fewer layers"
            raise UsageError(
                f"{where}: repeat={repeat} makes {len(self.nodes) + repeat} layers, more than "
                f"{MAX_LAYERS}; write {fewer}"
            )
        return repeat

    def _start(self, name: str | None, scope: _Scope, where: str) -> None:
        if name is not None:
            self._here = self._find(name, scope, where)

    def _others(self, key: str | None, words: Words, scope: _Scope, where: str) -> list[str]:
        """Find the tensors that a layer joins to what it reads."""
        if key is None or (key != "with" and key not in words.values):
            return []
        text = words.values.get(key)
        if text is None:
            raise UsageError(f"{where}: {words.kind} joins layers; add {key}=NAME, the name of one")
        found: list[str] = []
        for name in text.split(","):
            if "*" in name:
                found += self._matching(name, scope, where)
            else:
                found.append(self._find(name, scope, where))
        return found

    def _find(self, name: str, scope: _Scope, where: str) -> str:
        """Find a layer by its name, in the block around it or in those around that."""
        path = scope.path
        while True:
            if path + name in self._named:
                return self._named[path + name]
            if not path:
                break
            path = path[: path.rstrip(".").rfind(".") + 1]
        known = [other for other in self._named if other.startswith(scope.path)][-8:]
        raise UsageError(
            f"{where}: {shortened(name)} is not the name of a layer before it; "
            f"write one of {', '.join(map(repr, known))}"
        )

    def _matching(self, pattern: str, scope: _Scope, where: str) -> list[str]:
        """Find the layers whose names match, but for the one that is read already."""
        parts = [re.escape(part) for part in (scope.path + pattern).split("*")]
        matches = re.compile(".*".join(parts)).fullmatch
        found = {made: name for name, made in self._named.items() if matches(name)}
        if not found:
            raise UsageError(f"{where}: no layer before it has a name like {shortened(pattern)}")
        return [made for made in found if made != self._here]


def _no_kind(word: str, blocks: Iterable[str], where: str) -> UsageError:
    from difflib import get_close_matches  # noqa: PLC0415  only for an error

    near = get_close_matches(word.lower(), (*KINDS, *blocks), 1)
    remedy = near[0] if near else f"{', '.join(KINDS)}, or a block that is defined above"
    return UsageError(f"{where}: {shortened(word)} is not a kind of layer; write {remedy}")


def _names(name: str | None, kind: str, repeat: int, scope: _Scope) -> list[str]:
    """Return full names for a layer, or for each of several: its own, or its kind and a number."""
    if name is None:
        first = scope.counts.get(kind, 0) + 1
        scope.counts[kind] = first + repeat - 1
        return [f"{scope.path}{kind}{i}" for i in range(first, first + repeat)]
    if repeat == 1:
        return [scope.path + name]
    return [f"{scope.path}{name}.{i}" for i in range(1, repeat + 1)]

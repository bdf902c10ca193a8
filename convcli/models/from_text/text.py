"""A network as text: layers one after another, branches by name, and blocks that repeat.

::

    block residual c                # a block and its parameters; its layers are indented
      conv f=3 p=1 c={c} | relu     # several layers on a line, one after the other
      conv f=3 p=1 c={c}
      add with=in | relu            # in: what comes into the block

    conv f=7 s=2 p=3 c=64 name=stem
    residual c=64 repeat=2 name=first
    conv f=1 c=64 from=stem         # starts from another layer
    concat with=first
"""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from convcli.errors import UsageError, shortened
from convcli.geometry.graph import Graph, Input, Node
from convcli.geometry.layers import split_kind, split_pairs, split_words
from convcli.geometry.notation import format_sizes, parse_number, parse_only
from convcli.geometry.operations.images import OfAxes
from convcli.geometry.pytorch_text import MAX_LAYERS, ModuleReader, Words
from convcli.models.from_text.blocks import Block, Line, arguments, fill, read_block
from convcli.models.from_text.kinds import EVERY_KEY, KINDS, find_kind, layer_text
from convcli.models.network import Network

# Kinds besides those with a window that may name the number of axes, which then must be theirs.
_OF_IMAGES = ("pad", "adaptiveavgpool", "adaptivemaxpool")
_MAX_DEPTH = 20  # of blocks in blocks
_INPUT = "input"  # the name of what comes into the network


class _Input(NamedTuple):
    """What a text says of its input: sizes, channels and the number of axes, where it does."""

    n: tuple[int, ...] | None = None
    c: int | None = None
    dims: int | None = None


class TextReader:
    """Reads lines, of one source or several, and makes nodes of them as they come.

    `note` is called with a line about something that a user may not expect.
    """

    def __init__(self, note: Callable[[str], None] | None = None) -> None:
        self._modules = ModuleReader(note)
        self._blocks: dict[str, Block] = {}
        self._open: Block | None = None  # whose lines are being read
        self._builder = _Builder(self._blocks)
        self._input: _Input | None = None

    def read(self, lines: Iterable[str], source: str) -> None:
        """Read lines; they may have no end: too many layers are an error.

        Parameters
        ----------
        lines : iterable of str
        source : str
            Where the lines come from, for errors: a file name, or ``-l``.
        """
        for number, raw in enumerate(lines, 1):
            # Some editors start a file with a byte order mark.
            line = raw.removeprefix("\ufeff").partition("#")[0].rstrip()
            text = line.strip()
            if not text:
                continue
            where = f"{source}, line {number}" if source != "-l" else f"-l {text!r}"
            if self._open is not None and line[0].isspace():
                self._add_to_block(Line(text, where))
            else:
                self._close_block()
                self._read_line(Line(text, where))

    def finish(self, source: str) -> Network:
        """Return the network of all lines."""
        self._close_block()
        place = "standard input" if source == "-" else source
        self._modules.finish(place)
        nodes = self._builder.nodes
        if not nodes:
            raise UsageError(f"{place} has no layer; write one such as conv f=3")
        n, c, dims = self._input or _Input()
        first = getattr(nodes[0].operation, "layer", None)
        if c is None and first is not None:
            c = first.c_in
        graph = Graph(source, (Input(_INPUT),), tuple(nodes), nodes[-1].outputs)
        stated = self._builder.dims if dims is None else dims
        return Network(graph, source, n, c, stated, self._builder.axes)

    def _read_line(self, line: Line) -> None:
        modules = self._modules.read(line.text, line.where)
        if modules is not None:
            for words in modules:
                self._builder.add_layer(words._replace(text=line.text), line.where)
            return
        word, *rest = split_words(line.text)
        if word == "block":
            self._open = read_block(rest, line, self._blocks)
        elif word == "input":
            if self._input is not None:
                raise UsageError(f"{line.where}: the input has a line already; write it once")
            self._input = _read_input(rest, line.where, bool(self._builder.nodes))
        else:
            self._builder.add_line(line)

    def _add_to_block(self, line: Line) -> None:
        assert self._open is not None
        if line.text.split()[0] in ("block", "input"):
            raise UsageError(
                f"{line.where}: {line.text!r} cannot be inside a block; move it to the left margin"
            )
        if len(self._open.lines) == MAX_LAYERS:
            raise UsageError(
                f"{line.where}: block {self._open.name} has more than {MAX_LAYERS} lines; "
                f"write a smaller one"
            )
        self._open.lines.append(line)

    def _close_block(self) -> None:
        if self._open is None:
            return
        if not self._open.lines:
            raise UsageError(
                f"block {self._open.name} has no layer; write its layers below it, indented"
            )
        self._blocks[self._open.name] = self._open
        self._open = None


def _read_input(words: list[str], where: str, late: bool) -> _Input:
    if late:
        raise UsageError(f"{where}: the input comes before the layers; move the line up")
    values = split_pairs(words, ("n", "c", "dims"), where)
    n = parse_only(f"{where}: n", values["n"]) if "n" in values else None
    c = parse_number(f"{where}: c", values["c"]) if "c" in values else None
    dims = parse_number(f"{where}: dims", values["dims"]) if "dims" in values else None
    for key, numbers in (("n", n or ()), ("c", () if c is None else (c,))):
        if min(numbers, default=1) < 1:
            raise UsageError(
                f"{where}: {key}={format_sizes(numbers)} must be 1 or more; write such as {key}=3"
            )
    return _Input(n, c, dims)


class _Scope(NamedTuple):
    """Where a layer stands: the path of the blocks around it, and how often each kind came."""

    path: str
    counts: dict[str, int]
    depth: int


class _Builder:
    """Makes nodes of lines. `here` is the tensor that the next layer reads."""

    def __init__(self, blocks: dict[str, Block]) -> None:
        self.nodes: list[Node] = []
        self.axes = 1  # the most that a layer names
        self.dims: int | None = None  # of the first layer that says it
        self._blocks = blocks
        self._here = _INPUT
        self._named = {"in": _INPUT}  # tensors by the full names of layers
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
        operation = kind.make(words, where)
        layer = getattr(operation, "layer", None)
        if layer is not None:
            self.axes = max(self.axes, layer.window.axes)
            self.dims = self.dims or layer.dims
        elif word in _OF_IMAGES and (dims := split_kind(words.kind)[1]):
            operation = OfAxes(operation, word, dims)
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
            self.nodes.append(Node(name, word, operation, inputs, (made,), label, shown, is_named))
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

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

from collections.abc import Callable, Iterable
from typing import NamedTuple

from convcli.errors import UsageError
from convcli.geometry.network.graph import Graph, Input
from convcli.geometry.text.layer_text import split_pairs, split_words
from convcli.geometry.text.notation import format_sizes, parse_number, parse_only
from convcli.geometry.text.pytorch_text import MAX_LAYERS, ModuleReader
from convcli.models.from_text.blocks import Block, Line, read_block
from convcli.models.from_text.builder import INPUT, Builder
from convcli.models.network import Network


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
        self._builder = Builder(self._blocks)
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
        # Padding may be a layer of its own before the first that says its channels.
        after_padding = next((node for node in nodes if node.op != "pad"), nodes[0])
        first = getattr(after_padding.operation, "layer", None)
        if c is None and first is not None:
            c = first.c_in
        graph = Graph(source, (Input(INPUT),), tuple(nodes), nodes[-1].outputs)
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

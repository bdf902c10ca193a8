"""Layers as PyTorch writes them: ``nn.Conv2d(3, 64, kernel_size=7)``, and a printed model.

The text is parsed as data and never evaluated. Each module becomes the kind, the keys and the
values of a line in our own notation, see `pytorch_module`.
"""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from convcli.errors import UsageError, shortened
from convcli.geometry.text.layer_text import Words
from convcli.geometry.text.pytorch_module import class_name, read_module

if TYPE_CHECKING:
    import ast

MAX_LAYERS = 10_000  # of a text
# Compiled where a line needs it: it would take most of the time to import this file.
_LINE = (
    r"(?:\((?P<name>[^()]*)\):\s*)?(?:(?P<count>[0-9]{1,9}) x )?"
    r"(?P<class>(?:torch\.)?(?:nn\.)?[A-Z_]\w*)\((?P<rest>.*)"
)


class _Container(NamedTuple):
    """A container of a printed model that is open; it stands for `times`, `words` for one.

    An `unordered` one does not say how its modules are connected.
    """

    name: str
    times: int
    words: list[Words]
    unordered: bool


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
            unordered = found["class"].rpartition(".")[2] != "Sequential"
            if unordered:
                self._note_order(found["class"])
            self._open.append(_Container(name, count, [], unordered))
            return []
        call = _parse(text[found.start("class") :], where)
        path = ".".join(part for part in (*[each.name for each in self._open], name) if part)
        printed = bool(self._open) or found["name"] is not None
        unordered = any(each.unordered for each in self._open)
        words = [
            each._replace(printed=printed, unordered=unordered)
            for each in _modules(call, path, where)
        ]
        return self._kept(_repeated(words, count, where))

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
        if self._note is not None:
            self._note(
                f"{name} does not say how its layers are connected: they are taken one after the "
                f"other, as printed; a model exported to ONNX or with torch.export says it"
            )
            self._note = None


def _modules(call: "ast.Call", name: str, where: str) -> Iterator[Words]:
    """Read one module, or those of a ``Sequential``, one inside the other."""
    pending = [(call, name)]
    while pending:
        call, name = pending.pop()
        if class_name(call, where) == "Sequential":
            inner = [_as_call(argument, where) for argument in call.args]
            names = [f"{name}.{i}" if name else "" for i in range(len(inner))]
            pending.extend(reversed(list(zip(inner, names, strict=True))))
            continue
        *before, last = read_module(call, where)
        yield from before
        yield last._replace(values=last.values | {"name": name}) if name else last


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

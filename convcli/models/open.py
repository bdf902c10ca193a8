"""Opens what a user names as a network: a built-in one, a file, or standard input."""

import contextlib
from collections.abc import Iterator, Sequence
from functools import partial
from importlib import import_module
from typing import TextIO

from convcli.errors import ConvcliError, UsageError, naming_file
from convcli.models import GRAPHS
from convcli.models.from_text.builtin import builtin_lines, builtin_names
from convcli.models.from_text.text import TextReader
from convcli.models.network import Network
from convcli.models.recognize import file_format
from convcli.streams import Streams, note

_MAX_LINE = 10_000
_STDIN = "standard input"


def open_network(name: str | None, layers: Sequence[str], streams: Streams) -> Network:
    """Open a network.

    Parameters
    ----------
    name : str or None
        A built-in network, a file, or ``-`` for standard input.
    layers : sequence of str
        Lines that follow it.
    streams : Streams

    Raises
    ------
    ConvcliError, OSError
    """
    model = file_format(name)
    if model in GRAPHS:
        return _read_model(str(name), GRAPHS[model], layers)
    reader = TextReader(partial(note, streams))
    lines = None if name is None else builtin_lines(name)
    if lines is not None:
        reader.read(lines, str(name))
    elif name is not None:
        _read(name, reader, streams)
    reader.read(layers, "-l")
    network = reader.finish(f"-l {layers[0]!r}" if name is None else name)
    return network._replace(built_in=lines is not None)


def _read(name: str, reader: TextReader, streams: Streams) -> None:
    if name == "-":
        with _refusing_bytes(_STDIN):
            reader.read(_lines(streams.stdin, _STDIN), _STDIN)
        return
    try:
        with naming_file(name), _refusing_bytes(name), open(name, encoding="utf-8") as file:
            reader.read(_lines(file, name), name)
    except FileNotFoundError:
        raise ConvcliError(_not_found(name)) from None


def _read_model(name: str, module: str, layers: Sequence[str]) -> Network:
    if layers:
        raise UsageError(f"-l {layers[0]!r} cannot be added to the model {name}; leave it out")
    graph = import_module(f"convcli.models.{module}").read(name)
    if not graph.nodes:
        raise ConvcliError(f"{name!r} has no node that depends on its input; use another model")
    first = graph.inputs[0] if graph.inputs else None
    rank = len(first.shape) if first and first.shape else 0
    return Network(graph, name, dims=max(rank - 2, 1) if rank else None, declared=True)


@contextlib.contextmanager
def _refusing_bytes(source: str) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise ConvcliError(
            f"{source!r} is not text ({error.reason}); "
            f"a layers file has lines such as conv f=3 p=1 c=64"
        ) from None


def _not_found(name: str) -> str:
    import difflib  # noqa: PLC0415  only for an error

    near = difflib.get_close_matches(name, builtin_names(), 1)
    hint = f"did you mean {near[0]}?" if near else "--list-networks shows the built-in ones"
    return f"{name!r} is neither a file nor a built-in network; {hint}"


def _lines(stream: TextIO, source: str) -> Iterator[str]:
    """Read line by line; one without an end, as of ``/dev/zero``, must not fill the memory."""
    for number, line in enumerate(iter(lambda: stream.readline(_MAX_LINE + 1), ""), 1):
        if len(line) > _MAX_LINE:
            raise ConvcliError(
                f"{source}, line {number} has more than {_MAX_LINE} characters; "
                f"a layers file has lines such as conv f=3 p=1 c=64"
            )
        if any(c < " " and not c.isspace() for c in line):
            raise ConvcliError(
                f"{source}, line {number} is not text; a layers file has lines such as conv f=3 "
                f"p=1 c=64, and a model is read from a file such as model.onnx"
            )
        yield line

"""Networks from lines of text, as tests write them."""

from collections.abc import Sequence

from convcli.geometry.network.graph import NodeStep, follow
from convcli.models.from_text.text import TextReader


def steps_of(lines: Sequence[str], n: Sequence[int], c: int | None = None) -> list[NodeStep]:
    """Send an input of `n` pixels and `c` channels through a network."""
    reader = TextReader()
    reader.read(lines, "-l")
    network = reader.finish("-l")
    return list(follow(network.graph, network.tensors(n, c)))

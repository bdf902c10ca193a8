"""``--list-kernels``: the named filters with their numbers."""

import json

from convcli.arrays.dtypes import Array
from convcli.arrays.named import filters
from convcli.run.options import FORMATS
from convcli.streams import Streams, choose_format


def list_kernels(fmt: str | None, streams: Streams) -> None:
    """Write every named filter, as literals that ``-k`` reads, or as JSON."""
    if choose_format(fmt or "plain", streams.stdout, FORMATS) == "json":
        _write_json(streams)
        return
    for spec, filter_ in filters.listing():
        rows = ["[" + ",".join(f"{value:g}" for value in row) + "]" for row in filter_.tolist()]
        text = "[" + ",".join(rows) + "]"
        streams.stdout.write(f"{spec:<12} {text}\n")
    for name, (x, y) in filters.PAIRS.items():
        streams.stdout.write(f"{name:<12} sqrt(x² + y²) of {x} and {y}\n")


def _write_json(streams: Streams) -> None:
    def write(name: str, filter_: Array | None, pair: tuple[str, ...] | None) -> None:
        weights = None if filter_ is None else filter_.tolist()
        sizes = None if filter_ is None else filter_.shape
        record = {"name": name, "filter": sizes, "weights": weights, "magnitude_of": pair}
        streams.stdout.write(json.dumps(record) + "\n")

    for spec, filter_ in filters.listing():
        write(spec, filter_, None)
    for name, pair in filters.PAIRS.items():
        write(name, None, pair)

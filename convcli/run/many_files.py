"""Convolves equal small files together."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from convcli.arrays.ring import Ring
from convcli.arrays.small_files import in_groups
from convcli.arrays.sources import InMemory
from convcli.errors import ConvcliError
from convcli.run.job import Job
from convcli.run.together import Made, convolve_records


class Files(NamedTuple):
    """Some inputs, in order.

    Attributes
    ----------
    names : sequence of str
    source : InMemory or None
        The array of the first.
    made : Made or None
        Their outputs; None if they are to be opened and convolved one by one.
    seconds : float
        For one of them.
    """

    names: Sequence[str]
    source: InMemory | None = None
    made: Made | None = None
    seconds: float = 0.0


def convolved(
    inputs: Sequence[str],
    most_bytes: int,
    prepare: Callable[[InMemory], Job | None],
    ring: Ring,
) -> Iterator[Files]:
    """Read and convolve the inputs that are equal small files; leave the others.

    Parameters
    ----------
    inputs : sequence of str
    most_bytes : int
        Of files that are read together.
    prepare : callable
        Resolves what to do with an array, see `together.batched`.
    ring : Ring
        Memory for the outputs.
    """
    for names, records in in_groups(inputs, most_bytes):
        if records is None:
            yield Files(names)
            continue
        begin = time.perf_counter()
        source = next(records.one_by_one())
        try:
            job = prepare(source)
        except ConvcliError:  # raised again where the first of them is alone
            job = None
        made = convolve_records(job, records, ring) if job is not None else None
        yield Files(names, source, made, (time.perf_counter() - begin) / len(names))

"""Convolves equal small files together."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from convcli.arrays.small_files import in_groups
from convcli.arrays.sources.ring import Ring
from convcli.arrays.sources.source import InMemory
from convcli.errors import ConvcliError
from convcli.run.compute.job import Job
from convcli.run.compute.together import ConvolvedArrays, convolve_records


class ConvolvedFiles(NamedTuple):
    """Equal files that were convolved together.

    Attributes
    ----------
    source : InMemory
        The array of the first.
    made : ConvolvedArrays
        The outputs.
    seconds : float
        For one of them.
    """

    source: InMemory
    made: ConvolvedArrays
    seconds: float


def convolved(
    inputs: Sequence[str],
    most_bytes: int,
    prepare: Callable[[InMemory], Job | None],
    ring: Ring,
) -> Iterator[tuple[Sequence[str], ConvolvedFiles | None]]:
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

    Yields
    ------
    names : sequence of str
        Some inputs, in order.
    files : ConvolvedFiles or None
        None if they are to be opened and convolved one by one.
    """
    for names, records in in_groups(inputs, most_bytes):
        if records is None:
            yield names, None
            continue
        begin = time.perf_counter()
        source = next(records.one_by_one())
        try:
            job = prepare(source)
        except ConvcliError:  # raised again where the first of them is alone
            job = None
        made = convolve_records(job, records, ring) if job is not None else None
        seconds = (time.perf_counter() - begin) / len(names)
        yield names, made and ConvolvedFiles(source, made, seconds)

"""Keeps what other libraries say off standard error, which is for this program's own lines."""

import contextlib
import os
import tempfile
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def silenced() -> Iterator[list[str]]:
    """Take Python's warnings, and what C libraries such as libtiff write to descriptor 2.

    Yields
    ------
    list of str
        Empty; holds what was said once the block has ended without an exception.
    """
    said: list[str] = []
    with tempfile.TemporaryFile() as file:
        with warnings.catch_warnings(record=True) as caught, _stderr_into(file.fileno()):
            warnings.simplefilter("always")
            yield said
        said += [str(warning.message) for warning in caught]
        file.seek(0)
        said += file.read().decode(errors="replace").splitlines()


@contextlib.contextmanager
def _stderr_into(number: int) -> Iterator[None]:
    try:
        kept = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    try:
        os.dup2(number, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)

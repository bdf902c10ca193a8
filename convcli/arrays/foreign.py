"""Keeps what other libraries say off standard error, which is for this program's own lines."""

import contextlib
import os
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Drop Python's warnings, and what C libraries such as libtiff write to descriptor 2."""
    with warnings.catch_warnings(), _without_stderr():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _without_stderr() -> Iterator[None]:
    try:
        kept = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)

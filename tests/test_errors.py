"""What a library raised, in one line."""

import errno

import pytest

from convcli.errors import reason


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("\nit is  broken.\nSee the manual."), "it is broken"),
        (RuntimeError(""), "RuntimeError"),
        (OSError(errno.ENOSPC, "No space left on device", "x"), "No space left on device"),
        (KeyError("graph"), "no key 'graph'"),
        (ValueError("x" * 1000), "x" * 200),
    ],
)
def test_a_reason(error: Exception, said: str) -> None:
    assert reason(error) == said

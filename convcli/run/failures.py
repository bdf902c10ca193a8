"""What fails for one input of several: with an output for each, the others are still convolved."""

import contextlib
from collections.abc import Iterator

from convcli.errors import FULL, ConvcliError, UsageError, describe
from convcli.streams import Streams, report_error
from convcli.terminal.progress import Progress


class Failures:
    """Reports what fails for one input, and goes on to the next.

    Attributes
    ----------
    status : int
        Exit status: 1 once something has failed.
    """

    def __init__(self, streams: Streams, progress: Progress, separate: bool) -> None:
        """Take whether each input has an output of its own; else the first error ends the run."""
        self.status = 0
        self._streams, self._progress, self._separate = streams, progress, separate

    @contextlib.contextmanager
    def reported(self, spec: str) -> Iterator[None]:
        """Report an error that only one input has, with its name."""
        try:
            yield
        except (ConvcliError, OSError) as error:
            text = describe(error) if isinstance(error, OSError) else str(error)
            named = any(repr(name) in text for name in (spec, spec.partition("::")[0]))
            if not self._separate or _is_of_all(error, named):
                raise
            self._progress.pause()
            report_error(self._streams, text if named else f"{spec!r}: {text}")
            self.status = 1


def _is_of_all(error: ConvcliError | OSError, named: bool) -> bool:
    """Whether the other inputs would fail as well: a full disk, a closed pipe, wrong options."""
    if isinstance(error, OSError):
        return isinstance(error, BrokenPipeError) or error.errno in FULL
    return isinstance(error, UsageError) and not named

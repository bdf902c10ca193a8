"""The program: `python -m convcli`, and what is installed as `convcli`."""

import contextlib
import os
import sys

from convcli.cli import main


def program() -> None:
    """Run, and end the process at once: to take Python apart first costs a twentieth of a run."""
    status = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # what cannot be written has been told
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    program()

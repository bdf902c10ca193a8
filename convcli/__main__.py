"""Starts the process and ends it: the collector, the environment, signals, streams, the status."""

import gc

# Imports create no garbage worth collecting, and looking for it takes a tenth of the start.
gc.set_threshold(200_000)

import contextlib  # noqa: E402
import io  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402

from convcli.cli import main  # noqa: E402
from convcli.errors import Terminated  # noqa: E402


def program() -> None:
    """Run, and end the process at once: finalizing Python takes a twentieth of a small run."""
    # Tiles go to threads of our own; those of NumPy's BLAS would compete for the cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _open_streams()
    _handle_signals()
    status = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # reported already, or nowhere to report
            stream.flush()
    os._exit(status)


def _open_streams() -> None:
    """Replace standard streams that are closed, and characters that they cannot write."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _handle_signals() -> None:
    """Let signals that end the process raise, as Ctrl-C does, so that no partial file is left."""

    def terminate(number: int, _frame: object) -> None:
        raise Terminated(number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, terminate)


if __name__ == "__main__":
    program()

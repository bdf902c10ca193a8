"""Starts the process and ends it: the collector, the environment, signals, streams, the status."""

import gc

# Until `main` can clean up after it, Ctrl-C ends the process as it ends a program in C.
try:
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
except KeyboardInterrupt:
    raise SystemExit(130) from None

# Imports create no garbage worth collecting, and looking for it takes a tenth of the start.
gc.set_threshold(200_000)

import codecs  # noqa: E402
import contextlib  # noqa: E402
import io  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402

from convcli.cli import main  # noqa: E402
from convcli.errors import Terminated  # noqa: E402
from convcli.streams import replaced_signs  # noqa: E402


def program() -> None:
    """Run, and end the process at once: finalizing Python takes a twentieth of a small run."""
    # Tiles go to threads of our own; those of NumPy's BLAS would compete for the cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _open_streams()
    status = _main_with_signals()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # reported already, or nowhere to report
            stream.flush()
    os._exit(status)


def _open_streams() -> None:
    """Replace standard streams that are closed, and characters that they cannot write."""
    codecs.register_error("convcli", replaced_signs)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # What is written to standard output is to fail; there is nowhere to say it of errors.
            flags = os.O_RDONLY if name == "stdout" else os.O_RDWR
            stream = open(os.open(os.devnull, flags), mode, encoding="utf-8")  # noqa: SIM115
            setattr(sys, name, stream)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="convcli")


def _main_with_signals() -> int:
    """Run while signals that end the process raise, so that no partial file is left."""

    def terminate(number: int, _frame: object) -> None:
        raise Terminated(number)

    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    handled = [n for n in numbers if signal.getsignal(n) != signal.SIG_IGN]  # as under nohup
    try:
        for number in handled:
            signal.signal(number, terminate)
        status = main()
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
    except Terminated as end:  # between two of the lines above
        status = 128 + end.signal
    return status


_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")

if __name__ == "__main__":
    program()

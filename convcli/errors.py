"""What can go wrong for a user, each an exception whose text is the one line they read."""

import errno
import os

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # a disk, a quota or a file takes no more


class ConvcliError(Exception):
    """Something could not be done: the text names the value, the rule and the remedy."""

    status = 1


class UsageError(ConvcliError):
    """Invalid usage: the same answer for any input."""

    status = 2


class DoesNotFit(ConvcliError):
    """The sizes of input, filter and padding do not fit together."""


class Terminated(BaseException):
    """A signal asked the process to end: handled like Ctrl-C, so that no partial file is left."""

    def __init__(self, number: int) -> None:
        self.signal = number


class naming_file:
    """Name a file in errors of the system, which name none while it is read or written.

    With `always` also where they name a file, as one derived from the path that the user gave.
    """

    def __init__(self, path: str | None, always: bool = False) -> None:
        self._path, self._always = path, always

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError) and (self._always or error.filename is None):
            error.filename = self._path


def describe(error: OSError) -> str:
    """Write an error of the system as one line, with a remedy."""
    what = f"{error.filename!r}: " if error.filename is not None else ""
    remedy = "check the path and its permissions"
    if error.errno == errno.EBADF and not what:
        what, remedy = "standard output is closed: ", "send it somewhere, or to /dev/null"
    if error.errno in FULL:
        what, remedy = what or "standard output: ", "make room, or write elsewhere"
    return f"{what}{error.strerror or error}; {remedy}"


def check_folder(path: str) -> None:
    """Refuse an output in a directory that does not exist, before the work."""
    folder = os.path.dirname(path)
    if not folder or os.path.isdir(folder):
        return
    import shlex  # noqa: PLC0415  only for an error

    if os.path.exists(folder):
        raise ConvcliError(f"-o {path}: {folder!r} is not a directory; write to another")
    raise ConvcliError(
        f"-o {path}: there is no directory {folder!r}; make it: mkdir -p {shlex.quote(folder)}"
    )


def reason(error: BaseException) -> str:
    """Return the first line of what a library raised, to be put in brackets."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = " ".join(str(error).strip().partition("\n")[0].split())[:200].rstrip(".")
    if isinstance(error, KeyError) and " " not in said:  # the key is all that it says
        return f"no key {said}"
    return said or type(error).__name__


def shortened(text: str) -> str:
    """Quote what a user typed; of something very long, the start and the length."""
    return repr(text) if len(text) <= 200 else f"{text[:60]!r}... ({len(text)} characters)"


def counted(count: int, noun: str) -> str:
    """Write a number with what is counted, in the singular or the plural."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def check_installed(what: str, module: str, package: str) -> None:
    """Refuse what needs a library that is not installed; `what` names it, and what it is."""
    from importlib.util import find_spec  # noqa: PLC0415

    if find_spec(module) is None:
        raise ConvcliError(
            f"{what} needs {package}, which is not installed; {install_command(package)}"
        )


def install_command(package: str) -> str:
    """Write the command that installs a library for the Python that runs this program."""
    import shlex  # noqa: PLC0415  only for an error
    import sys  # noqa: PLC0415
    from importlib.util import find_spec  # noqa: PLC0415

    python = shlex.quote(sys.executable)
    if find_spec("pip") is None:  # as in environments that uv makes
        return f"uv pip install --python {python} {shlex.quote(package)}"
    return f"{python} -m pip install {shlex.quote(package)}"

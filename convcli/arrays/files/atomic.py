"""Output files that take the place of an old one only when they are complete.

A new file is written without a name where the system can (``O_TMPFILE``), so that nothing is left
behind even by a process that is killed; elsewhere under a name beside its target, locked for as
long as its writer lives, so that a later run can tell that it is left over and remove it.
"""

import contextlib
import errno
import functools
import os
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from convcli.arrays.files.transfer import same_file, write_all
from convcli.errors import FULL, UsageError, naming_file

_NO_UNNAMED_FILES = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT)


def reserve(stream: BinaryIO, nbytes: int) -> None:
    """Have a file's disk blocks allocated before they are written.

    A disk that is too small is found at once; and where blocks were left to be allocated later,
    a rename over another file waits for it (ext4), longer than writing took.

    Raises
    ------
    OSError
        The disk or a quota is too small, or files may not be so large.
    """
    if not hasattr(os, "posix_fallocate") or _appends(stream):
        return
    try:
        os.posix_fallocate(stream.fileno(), stream.tell(), nbytes)
    except OSError as error:  # a device, or a file system that cannot
        if error.errno in FULL:
            raise


def _appends(stream: BinaryIO) -> bool:
    """Whether writes go to the end of a file, which blocks allocated ahead would move."""
    fcntl = _fcntl()
    return fcntl is not None and bool(fcntl.fcntl(stream, fcntl.F_GETFL) & os.O_APPEND)


def named_descriptor(path: str) -> int | None:
    """Return the descriptor that a path such as ``/dev/fd/3`` or ``/dev/stdout`` names."""
    for _ in range(8):  # links to links
        folder, name = os.path.split(path)
        if name.isdecimal():
            folders = [os.path.realpath(each) for each in ("/dev/fd", "/proc/self/fd")]
            if os.path.realpath(folder or ".") in folders:
                return int(name)
        if not os.path.islink(path):
            return None
        path = os.path.join(folder, os.readlink(path))
    return None


@contextlib.contextmanager
def replaced(path: str) -> Iterator[BinaryIO]:
    """Open a file to take the place of `path` once it is complete.

    A failure leaves the old file whole and nothing else behind. What is not a regular file (a
    device, a named pipe, an open descriptor) is written to directly.
    """
    with naming_file(path, always=True):
        taken = _is_taken(path)
        direct = _open_directly(path) if taken else None
        new = None if direct is not None else _NewFile(path, taken)
    if new is None:
        with cast(BinaryIO, direct) as stream:
            if stream.isatty():
                raise UsageError(f"-o {path} would send bytes to a terminal; use -o FILE")
            yield stream
        return
    try:
        yield new.stream
        with naming_file(path, always=True):
            new.commit()
    finally:
        new.discard()


def _is_taken(path: str) -> bool:
    """Whether anything has this name; fails if nothing can."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    return True


def _open_directly(path: str) -> BinaryIO | None:
    descriptor = named_descriptor(path)
    if descriptor is not None:  # opened by its name, a file behind it would lose its contents
        return cast(BinaryIO, open(os.dup(descriptor), "wb", buffering=0))
    if os.path.exists(path) and not os.path.isfile(path):
        return cast(BinaryIO, open(path, "wb", buffering=0))
    return None


class _NewFile:
    """A file that is written, and then takes the place of another.

    The old file's permissions and owner are kept. Where a rename would lose something (other hard
    links, an owner that cannot be given), the complete new contents are copied into the old file.
    """

    def __init__(self, path: str, taken: bool) -> None:
        self._target = os.path.realpath(path) if taken else path
        folder, base = os.path.split(self._target)
        self._folder = folder or os.getcwd()  # which fails where it has been removed
        self._base = base[:50]  # within the limit of 255 bytes, whatever the characters
        self._old = self._find_old() if taken else None
        self._part: str | None = None  # the name it has until it takes its place
        self._in_place: BinaryIO | None = None
        self.stream = self._open_unnamed() or self._open_named()
        try:
            if self._old is not None and not self._renaming_loses_nothing(self._old):
                in_place = open(self._target, "r+b", buffering=0)  # noqa: SIM115  see discard
                self._in_place = cast(BinaryIO, in_place)
        except BaseException:
            self.discard()
            raise

    def _find_old(self) -> os.stat_result | None:
        """Look at the file to be replaced; fails now where a rename would fail at the end."""
        try:
            old = os.stat(self._target)
        except FileNotFoundError:
            return None
        folder = os.stat(self._folder)
        sticky = folder.st_mode & stat.S_ISVTX and hasattr(os, "geteuid")
        if sticky and os.geteuid() not in (0, old.st_uid, folder.st_uid):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        try:
            os.close(os.open(self._target, os.O_WRONLY))
        except PermissionError as error:
            if error.errno == errno.EPERM:  # immutable; not EACCES: a read-only one is replaced
                raise
        return old

    def _open_unnamed(self) -> BinaryIO | None:
        if not _has_unnamed_files():
            return None
        try:
            descriptor = os.open(self._folder, os.O_TMPFILE | os.O_RDWR, 0o666)
        except OSError as error:
            if error.errno in _NO_UNNAMED_FILES and os.path.isdir(self._folder):
                return None
            raise
        return cast(BinaryIO, open(descriptor, "w+b", buffering=0))

    def _open_named(self) -> BinaryIO:
        for part in self._names():
            try:
                stream = open(part, "x+b", buffering=0)  # noqa: SIM115
            except FileExistsError:
                _remove_left_over(part)
                continue
            self._part = part
            # Not taken for left over before it was locked.
            if flock(stream.fileno()) and os.path.exists(part):
                break
            stream.close()
        return cast(BinaryIO, stream)

    def _names(self) -> Iterator[str]:
        """Give names to try: a fixed one first, by which a later run finds what is left over."""
        start = os.path.join(self._folder, f".{self._base}")
        yield f"{start}.convcli.part"
        while True:
            yield f"{start}.{os.urandom(4).hex()}.convcli.part"

    def _renaming_loses_nothing(self, old: os.stat_result) -> bool:
        if not hasattr(os, "fchown"):
            return True
        descriptor = self.stream.fileno()
        new = os.fstat(descriptor)
        if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
            try:
                os.fchown(descriptor, old.st_uid, old.st_gid)
            except PermissionError:
                return False
        os.fchmod(descriptor, old.st_mode & 0o777)  # data need no setuid bit
        return old.st_nlink == 1

    def commit(self) -> None:
        """Take the place of the old file."""
        # A file without a predecessor has nothing that a crash of the system could lose.
        if self._old is not None and os.environ.get("CONVCLI_FSYNC") != "0":
            os.fsync(self.stream.fileno())
        if self._in_place is not None:
            self._copy_into(self._in_place)
            return
        if self._part is None:
            if self._old is None and self._link(self._target):
                return
            self._give_name()
        if os.name == "nt":  # Windows renames no open file
            self.stream.close()
        try:
            os.replace(str(self._part), self._target)
        except OSError as error:
            if error.errno != errno.EBUSY:  # a mount point, as files in containers are
                raise
            with open(self._target, "r+b", buffering=0) as old:
                self._copy_into(cast(BinaryIO, old))
            return
        self._part = None

    def _give_name(self) -> None:
        flock(self.stream.fileno())
        for part in self._names():
            self._part = part
            if self._link(part):
                return
            _remove_left_over(part)

    def _link(self, name: str) -> bool:
        """Give a file without a name this one; returns False if another file has it."""
        descriptor = self.stream.fileno()
        try:
            # With any descriptor given, Python calls linkat, which follows /proc's link; the path
            # of that link is absolute, so that the descriptor does not matter.
            os.link(f"/proc/self/fd/{descriptor}", name, src_dir_fd=descriptor)
        except FileExistsError:
            return False
        return True

    def _copy_into(self, old: BinaryIO) -> None:
        nbytes = os.fstat(self.stream.fileno()).st_size
        reserve(old, nbytes)
        self.stream.seek(0)
        while data := self.stream.read(1 << 20):
            write_all(data, old)
        old.truncate(nbytes)
        if os.environ.get("CONVCLI_FSYNC") != "0":
            os.fsync(old.fileno())

    def discard(self) -> None:
        """Close it, and remove its own name if it has not taken its place."""
        if self._part is not None and not self.stream.closed:
            with contextlib.suppress(OSError):
                if same_file(os.lstat(self._part), os.fstat(self.stream.fileno())):
                    os.unlink(self._part)
        self.stream.close()
        if self._in_place is not None:
            self._in_place.close()


@functools.cache
def _has_unnamed_files() -> bool:
    """Whether the system has files without a name, and /proc, through which one is given."""
    return hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd")


def flock(descriptor: int) -> bool:
    """Mark a file as being written, until its writer ends; returns False if another one does."""
    fcntl = _fcntl()
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            pass
    return True


def _remove_left_over(part: str) -> None:
    """Remove the file of a run that was killed: one of ours that nobody has locked."""
    fcntl = _fcntl()
    if fcntl is None:
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found = os.fstat(descriptor)
            ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()
            if ours and same_file(found, os.lstat(part)):
                os.unlink(part)
        finally:
            os.close(descriptor)


def _fcntl() -> Any:
    try:
        import fcntl  # noqa: PLC0415  Windows has none
    except ImportError:
        return None
    return fcntl

"""Where outputs go: the pipe, a file, a file for each input in a directory, or nowhere."""

import contextlib
import functools
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

from convcli.arrays import formats
from convcli.arrays.dtypes import Array, DType
from convcli.arrays.files.atomic import named_descriptor, replaced
from convcli.arrays.files.transfer import same_file
from convcli.arrays.formats.writers import NpyWriter, Whole
from convcli.arrays.named import literals
from convcli.errors import ConvcliError, UsageError, check_folder, naming_file
from convcli.streams import Streams

if TYPE_CHECKING:  # only images need it
    from convcli.arrays.formats.pixels import Mapping


class Target:
    """Where the outputs of one input go, one after another; without a stream, nowhere."""

    def __init__(self, stream: BinaryIO | None, path: str | None, ending: str) -> None:
        self.path = path
        self.ending = ending
        self._writer = formats.writer(ending, stream, path) if stream is not None else None
        self.is_image = self._writer is not None and formats.is_image(ending)
        self.needs_whole = self._writer is not None and self._writer.needs_whole

    def begin(self, shape: tuple[int, ...], dtype: DType, layout: str) -> None:
        """Announce an output: its shape, its type, and a letter for each of its axes."""
        if self._writer is not None:
            with naming_file(self.path):
                self._writer.begin(shape, dtype, layout)

    def write(self, part: Array) -> None:
        """Take the next part of an output."""
        if self._writer is not None and not self.needs_whole:
            with naming_file(self.path):
                self._writer.write(part)

    @property
    def takes_records(self) -> bool:
        """Whether arrays may be written together, with their headers."""
        return isinstance(self._writer, NpyWriter)

    def write_records(self, memory: Array) -> None:
        """Write arrays together with their headers, all of them bytes."""
        if self._writer is not None:
            assert isinstance(self._writer, NpyWriter)
            with naming_file(self.path):
                self._writer.write_records(memory)

    def finish(self, whole: Whole | None) -> "Mapping | None":
        """End an output; a format that needs it is given all of it.

        Returns
        -------
        Mapping or None
            How an image's values were mapped.
        """
        if self._writer is None:
            return None
        with naming_file(self.path):
            return self._writer.finish(whole)

    def close(self) -> None:
        """End the file."""
        if self._writer is not None:
            with naming_file(self.path):
                self._writer.close()


class Sink:
    """Decides where outputs go: the pipe, a file, a file for each input, or nowhere.

    Attributes
    ----------
    to_stdout : bool
        They go to standard output, one after another.
    in_folder : bool
        Each goes to a file of its own.
    """

    def __init__(
        self,
        output: str | None,
        inputs: Sequence[str],
        streams: Streams,
        format_: str | None = None,
        stdout_is_taken: bool = False,
    ) -> None:
        """Decide where the outputs of some inputs go.

        Parameters
        ----------
        output : str or None
            What ``-o`` says.
        inputs : sequence of str
        streams : Streams
        format_ : str, optional
            What ``--output-format`` says.
        stdout_is_taken : bool
            Standard output carries a report, unless ``-o`` names it.
        """
        self._streams = streams
        self._inputs = inputs
        # Opened by a name, a file behind standard output would lose its contents.
        named = output is not None and (output == "-" or named_descriptor(output) == 1)
        self._path = None if named else output
        self.in_folder = output is not None and (output.endswith("/") or os.path.isdir(output))
        if self.in_folder:
            self._ending = formats.output_format(None, format_) if format_ is not None else ""
            self._names = _names(str(output), inputs, self._ending)
        elif self._path == "":
            raise UsageError("-o '' names no file; write -o FILE")
        else:
            self._ending = formats.output_format(self._path, format_)
        if self._path is not None and not self.in_folder:
            check_folder(self._path)
        if self._path is not None and not self.in_folder and len(inputs) > 1:
            raise UsageError(
                f"-o {output} is one file for {len(inputs)} inputs; "
                f"name a directory, such as -o out/"
            )
        if self._path is not None or named:
            called = "standard output" if named else repr(output)
            formats.check_writable(self._ending, called)  # before the work, not after it
        elif format_ is not None and stdout_is_taken:
            raise UsageError(
                f"--output-format {format_}: the report takes standard output; "
                f"add -o y{self._ending}"
            )
        on_terminal = streams.stdout.isatty()
        self.to_stdout = named or (
            output is None and not stdout_is_taken and (not on_terminal or format_ is not None)
        )
        if self.to_stdout and on_terminal and not formats.is_text(self._ending):
            what = f"-o {output}" if named else f"--output-format {format_}"
            raise UsageError(f"{what} would send bytes to a terminal; use -o FILE, or a pipe")

    @contextlib.contextmanager
    def open(self, spec: str) -> Iterator[Target]:
        """Open the target for one input; a file takes its place when all went well."""
        if self.to_stdout:
            self._streams.stdout.flush()
            # Unbuffered, as files are: an array is as large as any buffer.
            stdout = self._streams.stdout.buffer
            stream: BinaryIO = getattr(stdout, "raw", stdout)
            self._refuse_own_input(stream, "standard output", spec)
            yield from self._target(stream, None)
        elif self._path is None:
            yield Target(None, None, ".npy")
        else:
            path = self._path
            if self.in_folder:
                path = os.path.join(self._folder, self._names[spec])
                self._refuse_overwriting(path)
            with replaced(path) as stream:
                self._refuse_own_input(stream, repr(path), spec)
                yield from self._target(stream, path)

    @functools.cached_property
    def _folder(self) -> str:
        """The directory that ``-o`` names, made when the first output is to go there."""
        assert self._path is not None
        os.makedirs(self._path, exist_ok=True)
        return self._path

    def _target(self, stream: BinaryIO, path: str | None) -> Iterator[Target]:
        target = Target(stream, path, self._ending or formats.output_format(path, None))
        yield target
        target.close()

    def _refuse_own_input(self, stream: BinaryIO, called: str, spec: str) -> None:
        """Refuse a file that grows as it is read: the run would never end."""
        try:
            opened = os.fstat(stream.fileno())
            if opened.st_nlink == 0:  # new, and without a name yet
                return
            source = self._streams.stdin.fileno() if spec == "-" else spec.partition("::")[0]
            found = os.stat(source)
            same = same_file(found, opened)
        except (OSError, ValueError):  # a generator, or a stream without a descriptor
            return
        if same and stat.S_ISREG(found.st_mode):
            raise ConvcliError(
                f"{called} is also the input, which would grow as it is read; use -o FILE"
            )

    def _refuse_overwriting(self, path: str) -> None:
        """Refuse to replace an input by an output that nobody named."""
        try:
            old = os.stat(path)
        except OSError:  # there is none
            return
        spec = self._input_files.get((old.st_dev, old.st_ino))
        if spec is not None:
            raise UsageError(
                f"-o {self._path} would overwrite the input {spec!r}; "
                f"name another directory, such as -o out/"
            )

    @functools.cached_property
    def _input_files(self) -> dict[tuple[int, int], str]:
        """The inputs by device and number."""
        files = {}
        for spec in self._inputs:
            with contextlib.suppress(OSError):
                found = os.stat(spec.partition("::")[0])
                files[found.st_dev, found.st_ino] = spec
        return files


def _names(folder: str, inputs: Sequence[str], ending: str) -> dict[str, str]:
    """Name the output of each input in a directory; refuse one name for two of them."""
    if os.path.isfile(folder.rstrip("/")):
        raise UsageError(f"-o {folder} is a file, not a directory; leave the / out")
    named = [output_name(spec, ending) for spec in inputs]
    name, count = Counter(named).most_common(1)[0]
    if count > 1:
        raise UsageError(
            f"{count} inputs would be written to {os.path.join(folder, name)!r}; "
            f"run them into different directories"
        )
    return dict(zip(inputs, named, strict=True))


def output_name(spec: str, ending: str = "") -> str:
    """Name the output of an input in a directory: as the input, in a format that is written.

    Parameters
    ----------
    spec : str
    ending : str
        Of the format that was asked for; by default the input's if it is written, else ``.npy``,
        as for the members of an archive.
    """
    path, _, member = spec.partition("::")
    stem, old = os.path.splitext(os.path.basename(path))
    if member:
        stem = f"{stem}-{member}"  # a member may have slashes, as paths do
        if not formats.is_image(old.lower()):  # a page of an image is one too
            old = ".npy"
    if spec == "-":
        stem = "stdin"
    if literals.is_list(spec) and not os.path.exists(spec):
        stem, old = "literal", ".npy"
    kept = ending or (old if old.lower() in formats.WRITERS else ".npy")
    for separator in (":", "/", "\\"):
        stem = stem.replace(separator, "-")
    return f"{stem}{kept}"

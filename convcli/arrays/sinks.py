"""Where outputs go: the pipe, a file, a file for each input in a directory, or nowhere."""

import contextlib
import math
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from convcli.arrays import formats
from convcli.arrays.atomic import named_descriptor, replaced, reserve
from convcli.arrays.dtypes import Array, DType
from convcli.arrays.npy import write_data, write_header
from convcli.arrays.transfer import same_file, write_all
from convcli.errors import ConvcliError, UsageError, blaming
from convcli.streams import Streams


class Target:
    """Where the outputs of one input go, one after another."""

    def __init__(self, stream: BinaryIO | None, path: str | None) -> None:
        self._stream = stream
        self.path = path
        self.is_image = path is not None and formats.suffix(path) in formats.WRITERS
        self._outputs = 0
        self._header: tuple[tuple[int, ...], DType] | None = None

    def begin(self, shape: tuple[int, ...], dtype: DType) -> None:
        """Announce an output of this shape and type."""
        self._outputs += 1
        self._header = (shape, dtype)
        if self.is_image and self._outputs > 1:
            raise ConvcliError(f"{self.path!r}: an image holds one output; write them as .npy")

    def write(self, part: Array) -> None:
        """Take the next part of an output."""
        if self._stream is None or self.is_image:
            return
        with blaming(self.path):
            if self._header is not None:  # not before there are data to follow it
                shape, dtype = self._header
                write_header(shape, dtype, self._stream)
                if self.path is not None:
                    reserve(self._stream, math.prod(shape) * dtype.itemsize)
                self._header = None
            write_data(part, self._stream)

    def finish(
        self, whole: Array | None, layout: str, from_integers: bool, alpha: Array | None = None
    ) -> str | None:
        """End an output, and write it if it is an image.

        Parameters
        ----------
        whole : ndarray or None
            All of the output, which an image needs.
        layout : str
            A letter for each of its axes.
        from_integers : bool
            Whether the input held integers.
        alpha : ndarray, shape (rows, columns), optional
            Transparency of the input, for an image of the same size.

        Returns
        -------
        str or None
            How an image's values were mapped.
        """
        if not self.is_image or whole is None or self._stream is None or self.path is None:
            return None
        encoded, mapping = formats.write(whole, layout, self.path, from_integers, alpha)
        with blaming(self.path):
            write_all(encoded, self._stream)
        return mapping


class Sink:
    """Decides where outputs go: the pipe, a file, a file for each input, or nowhere."""

    def __init__(self, output: str | None, inputs: Sequence[str], streams: Streams) -> None:
        """Decide where the outputs of some inputs go, by what ``-o`` says."""
        self._streams = streams
        self._inputs = inputs
        # Opened by a name, a file behind standard output would lose its contents.
        named = output is not None and (output == "-" or named_descriptor(output) == 1)
        self.to_stdout = (output is None or named) and not streams.stdout.isatty()
        if named and not self.to_stdout:
            raise UsageError(f"-o {output} would send bytes to a terminal; use -o FILE, or a pipe")
        self._path = None if named else output
        self._in_folder = output is not None and (output.endswith("/") or os.path.isdir(output))
        if self._in_folder:
            _check_names(str(output), inputs)
        elif self._path == "":
            raise UsageError("-o '' names no file; write -o FILE")
        elif formats.suffix(self._path or "") in formats.READERS.keys() - formats.WRITERS.keys():
            raise UsageError(
                f"-o {output}: outputs are written as .npy or as images, not as "
                f"{formats.suffix(str(output))}; write -o {os.path.splitext(str(output))[0]}.npy"
            )
        elif self._path is not None and len(inputs) > 1:
            raise UsageError(
                f"-o {output} is one file for {len(inputs)} inputs; "
                f"name a directory, such as -o out/"
            )
        elif formats.suffix(self._path or "") in formats.WRITERS:
            formats.check_writable(str(self._path))  # before the work, not after it

    @contextlib.contextmanager
    def open(self, spec: str) -> Iterator[Target]:
        """Open the target for one input; a file takes its place when all went well."""
        if self.to_stdout:
            self._streams.stdout.flush()
            # Unbuffered, as files are: an array is as large as any buffer.
            stdout = self._streams.stdout.buffer
            stream: BinaryIO = getattr(stdout, "raw", stdout)
            self._refuse_own_input(stream, "standard output", spec)
            yield Target(stream, None)
        elif self._path is None:
            yield Target(None, None)
        else:
            path = self._path
            if self._in_folder:
                os.makedirs(path, exist_ok=True)
                path = os.path.join(path, output_name(spec))
                self._refuse_overwriting(path)
            with replaced(path) as stream:
                self._refuse_own_input(stream, repr(path), spec)
                yield Target(stream, path)

    def _refuse_own_input(self, stream: BinaryIO, called: str, spec: str) -> None:
        """Refuse a file that grows as it is read: the run would never end."""
        try:
            source = self._streams.stdin.fileno() if spec == "-" else spec.partition("::")[0]
            found = os.stat(source)
            same = same_file(found, os.fstat(stream.fileno()))
        except (OSError, ValueError):  # a generator, or a stream without a descriptor
            return
        if same and stat.S_ISREG(found.st_mode):
            raise ConvcliError(
                f"{called} is also the input, which would grow as it is read; use -o FILE"
            )

    def _refuse_overwriting(self, path: str) -> None:
        """Refuse to replace an input by an output that nobody named."""
        for spec in self._inputs:
            with contextlib.suppress(OSError):
                if os.path.samefile(path, spec.partition("::")[0]):
                    raise UsageError(
                        f"-o {self._path} would overwrite the input {spec!r}; "
                        f"name another directory, such as -o out/"
                    )


def _check_names(folder: str, inputs: Sequence[str]) -> None:
    """Refuse two inputs whose outputs would have one name."""
    if os.path.isfile(folder.rstrip("/")):
        raise UsageError(f"-o {folder} is a file, not a directory; leave the / out")
    names = Counter(output_name(spec) for spec in inputs)
    name, count = names.most_common(1)[0]
    if count > 1:
        raise UsageError(
            f"{count} inputs would be written to {os.path.join(folder, name)!r}; "
            f"run them separately"
        )


def output_name(spec: str) -> str:
    """Name the output of an input in a directory: as the input, in a format that is written."""
    path, _, member = spec.partition("::")
    stem, ending = os.path.splitext(os.path.basename(path))
    if member:
        stem, ending = f"{stem}-{member}", ".npy"  # a member may have slashes, as paths do
    if spec == "-":
        stem = "stdin"
    kept = ending if ending.lower() in formats.WRITERS else ".npy"
    for separator in (":", "/", "\\"):
        stem = stem.replace(separator, "-")
    return f"{stem}{kept}"

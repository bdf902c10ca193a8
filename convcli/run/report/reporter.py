"""Decides whether, where and in which format a report is written."""

import functools

from convcli.errors import UsageError, counted
from convcli.geometry.text.notation import format_sizes
from convcli.run.options import FORMATS, RunRequest
from convcli.run.results import Parts, Result, ShownArrays
from convcli.streams import Streams, choose_format, note


class Reporter:
    """Writes reports to standard output, or to standard error where that carries the data."""

    def __init__(self, request: RunRequest, streams: Streams, data_to_stdout: bool) -> None:
        """Choose stream and format.

        Parameters
        ----------
        request : RunRequest
        streams : Streams
        data_to_stdout : bool
        """
        wanted = {
            "--plot": request.plot,
            "--time": request.time is not None,
            "--explain": request.explain,
            "-v": request.verbose,
        }
        shown = {**wanted, f"--format {request.format}": request.format is not None}
        for option in (name for name, asked in shown.items() if asked and request.quiet):
            raise UsageError(f"-q hides what {option} shows; omit one of them")
        if request.plot and request.format in ("plain", "json"):
            raise UsageError(f"--plot cannot be combined with --format {request.format}; omit it")
        self._stream = streams.stderr if data_to_stdout else streams.stdout
        extras = request.verify or any(wanted.values())
        chosen = "table" if extras and request.format is None else request.format
        self._format = choose_format(chosen, self._stream, FORMATS)
        # Nobody reads a size on standard error behind a pipe, unless they asked for it.
        unread = data_to_stdout and self._format == "plain" and request.format is None
        if request.explain and self._format == "plain":
            raise UsageError("--explain has no plain form; use --format table or json")
        if request.time is not None and self._format == "plain":
            raise UsageError("--time has no plain form; use --format table or json")
        self._shown = not request.quiet and not unread
        many = len(request.inputs or ()) > 1
        self._together = many and self._format == "table" and not extras
        self._rows: list[Result] = []
        self._note = functools.partial(note, streams)
        self._notes_changes = not request.quiet and not (self._shown and self._format != "plain")
        self._altered: list[Result] = []  # whose values were changed to become an image's
        self._incomplete: list[Result] = []  # images that hold less than their input
        self.needs_summary = self._shown and self._format != "plain"
        in_full = self._shown and self._format == "table"
        values = in_full and not data_to_stdout and request.output is None
        self._parts = Parts(values, request.plot, request.explain, request.verbose)
        self.needs_output = values or request.plot or request.animate

    @property
    def silent(self) -> bool:
        """Whether it says nothing of single arrays."""
        return not (self._shown or self.needs_output)

    def add(self, result: Result, kept: ShownArrays) -> None:
        """Report one array, or keep its row for the one table of many."""
        if result.mapping is not None and result.mapping.dropped:
            self._incomplete.append(result)
        if self._notes_changes and result.mapping is not None and result.mapping.altered:
            self._altered.append(result)
        if not self._shown:
            return
        if self._format == "plain":
            self._stream.write(format_sizes(result.output.shape) + "\n")
            return
        if self._together:
            self._rows.append(result)
            return
        if self._format == "json":
            from convcli.run.report import records  # noqa: PLC0415

            records.write(result, self._stream, self._parts.explain)
            return
        from convcli.run.report import tables  # noqa: PLC0415  Rich is imported only to draw

        tables.show(result, kept, self._stream, self._parts)

    def end(self) -> None:
        """Write the one table of many arrays; say what else changed the values of images."""
        if self._altered:
            self._note_altered()
        if self._incomplete:
            self._note_incomplete()
        if self._rows:
            from convcli.run.report import tables  # noqa: PLC0415

            tables.show_many(self._rows, self._stream)

    def _note_incomplete(self) -> None:
        first, *others = self._incomplete
        assert first.mapping is not None
        dropped, path = first.mapping.dropped, first.output.name.lower()
        remedies = [] if path.endswith(".png") else ["write a .png"]
        if "transparency" in dropped and first.output.shape[:2] != first.input.shape[:2]:
            remedies.append("add -p same")
        remedy = ", and ".join(remedies) or "a .png with as many channels does"
        more = f" ({counted(len(others), 'more image')} likewise)" if others else ""
        self._note(
            f"{_called(first)} does not keep the {' and the '.join(dropped)} of "
            f"{first.input.name!r}{more}; {remedy}"
        )

    def _note_altered(self) -> None:
        first = self._altered[0]
        assert first.mapping is not None
        text = f"{_called(first)}: values {first.mapping.text}"
        if len(self._altered) > 1:
            more = len(self._altered) - 1
            images = "image is" if more == 1 else "images are"
            text += f"; {more} more {images} changed too, each by its own values"
        self._note(f"{text}; see --scale")


def _called(result: Result) -> str:
    """Name what an output was written to."""
    return repr(result.output.name) if result.output.name else "standard output"

"""`--animate`: what a frame shows, what keys do, and that the terminal is left as it was."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from math import prod
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli.explain.animation import Player, frame
from convcli.geometry.window.axis import Axis, Window
from convcli.geometry.window.places import place_of, places
from convcli.streams import Streams
from convcli.terminal.keyboard import keys
from tests.conftest import Stream, run_command


def _player(axes: tuple[Axis, ...], at: int) -> Player:
    sizes = places(axes)
    return Player(at, prod(sizes) - 1, sizes[-1], 0.1)


def test_a_frame_fills_the_output_as_the_window_moves() -> None:
    axes = Window((3,)).on((5, 5))
    lines = frame(axes, _player(axes, 4), 80, 24).plain.splitlines()
    assert lines[:4] == [
        "    v v v    ",
        "  > o o o o o     ■ ■ ■ ",
        "  > o ■ ■ ■ o     ■ ■ · ",
        "  > o ■ ■ ■ o     · · · ",
    ]
    assert lines[-2].startswith("output filled: 5 of 9, 10 a second; input 5x5, output 3x3")
    assert lines[-1] == "space pauses, arrows step, + - speed, q ends"


sizes = st.integers(1, 200)


@given(
    n=st.lists(sizes, min_size=1, max_size=3),
    f=st.integers(1, 9),
    share=st.floats(0, 1),
    width=st.integers(20, 130),
    height=st.integers(14, 50),
)
def test_any_frame_fits_and_shows_its_window(
    n: list[int], f: int, share: float, width: int, height: int
) -> None:
    axes = Window((f,), p=((f, f),)).on(n)
    last = prod(places(axes)) - 1
    text = frame(axes, _player(axes, round(last * share)), width, height).plain
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= height
    drawn = sum(line.count("■") + line.count("□") for line in lines)
    assert drawn > 1  # some of the window, and the newest output
    assert ("■" in text) or ("□" in text)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=3), st.data())
def test_places_come_in_order(shape: list[int], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, prod(shape) - 1))
    place = place_of(index, shape)
    assert all(0 <= i < size for i, size in zip(place, shape, strict=True))
    back = 0
    for i, size in zip(place, shape, strict=True):
        back = back * size + i
    assert back == index


def test_keys_move_pause_and_set_the_speed() -> None:
    start = Player(5, 11, 4, 0.3)
    assert start.after("").at == 6
    assert start.after("right") == start.after("n") == start._replace(at=6, paused=True)
    assert start.after("left").at == start.after("b").at == 4
    assert start.after("down").at == 9
    assert start.after("up").at == 1
    assert start.after("up").after("up").at == 0
    assert start.after("down").after("down").at == 11
    assert start.after("+").seconds == pytest.approx(0.2)
    assert start.after("-").seconds == pytest.approx(0.45)
    paused = start.after(" ")
    assert (paused.paused, paused.after("").at, paused.after(" ").paused) == (True, 5, False)
    assert start.after("q").ended
    assert start.after("x") == start
    assert Player(11, 11, 4, 0.3).after("").ended


def test_keys_are_read_one_by_one() -> None:
    master, terminal = pty.openpty()
    with (
        open(terminal, encoding="utf-8") as stdin,
        keys(Streams(stdin, Stream(), Stream())) as pressed,
    ):
        os.write(master, b"xq\x1b[C\x1bOD\x1b[A ")
        names = ["x", "q", "right", "left", "up", " ", ""]
        assert [pressed(0.05) for _ in names] == names
    os.close(master)


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *args: str, size: tuple[int, int] = (80, 24)) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
                os.environ.pop(name, None)
            os.environ["TERM"] = "xterm-256color"
            os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
            time.sleep(0.1)  # until the size is set
            os.execv(sys.executable, [sys.executable, "-m", "convcli", *args])
        self.text = ""
        self.resize(*size)
        self.before = termios.tcgetattr(self.fd)

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys_: bytes) -> None:
        os.write(self.fd, keys_)

    def read(self, until: str = "", seconds: float = 30) -> str:
        """Read until some text has come, or the command has ended; returns what is new."""
        start, end = len(self.text), time.monotonic() + seconds
        while not until or until not in self.text[start:]:
            ready, _, _ = select.select([self.fd], [], [], max(end - time.monotonic(), 0))
            assert ready, f"no {until!r} in {self.text[start:][-2000:]!r}"
            try:
                self.text += os.read(self.fd, 65536).decode("utf-8", "replace")
            except OSError:  # how a terminal says that the other side has left
                break
        return self.text[start:]

    def end(self) -> int:
        """Wait for the end; the terminal must be as it was, or else the test fails."""
        if "\x1b[?1049l" not in self.text:
            self.read("\x1b[?1049l")
        self.read()
        _, status = os.waitpid(self.pid, 0)
        assert termios.tcgetattr(self.fd) == self.before
        assert "\x1b[?1049l" in self.text  # the other screen is left,
        assert self.text.rindex("\x1b[?25h") > self.text.rindex("\x1b[?25l")  # the cursor shown
        assert "Traceback" not in self.text
        return os.waitstatus_to_exitcode(status)


@pytest.fixture
def animation() -> Iterator[Terminal]:
    terminal = Terminal("shape", "-n", "30", "-f", "3", "--animate")
    terminal.read("filled: 2 of 784")
    yield terminal
    os.close(terminal.fd)


def test_a_pause_stays_steps_and_goes_on(animation: Terminal) -> None:
    assert termios.tcgetattr(animation.fd)[3] & termios.ECHO == 0
    animation.press(b" ")
    animation.read("paused")
    animation.press(b"\x1b[B")
    shown = animation.read("paused")
    at = int(shown.rpartition("filled: ")[2].split()[0])
    animation.press(b"n")
    assert f"filled: {at + 1} of" in animation.read(f"filled: {at + 1} of")
    animation.press(b"b")
    animation.read(f"filled: {at} of")
    animation.press(b" ")
    animation.read(f"filled: {at + 3} of")
    animation.press(b"q")
    assert animation.end() == 0
    assert "784 of 784" not in animation.text


def test_the_speed_is_set(animation: Terminal) -> None:
    first = float(animation.text.rpartition("784, ")[2].split()[0])
    animation.press(b"+")
    animation.read("50 a second")
    assert first < 50
    animation.press(b"q")
    assert animation.end() == 0


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_a_signal_leaves_the_terminal_as_it_was(
    animation: Terminal, number: int, status: int
) -> None:
    os.kill(animation.pid, number)
    assert animation.end() == status


def test_ctrl_c_ends_it(animation: Terminal) -> None:
    animation.press(b"\x03")
    assert animation.end() == 130


def test_a_resized_terminal_is_drawn_anew_also_in_a_pause(animation: Terminal) -> None:
    animation.press(b" ")
    animation.read("paused")
    animation.resize(40, 16)
    animation.read("space pause, ←→ step, +- speed, q end")
    animation.press(b"q")
    assert animation.end() == 0


def test_the_last_frame_stays() -> None:
    terminal = Terminal("shape", "-n", "4", "-f", "3", "--animate")
    assert terminal.end() == 0
    left = terminal.text.rpartition("\x1b[?1049l")[2]
    assert "output filled: 4 of 4" in left
    os.close(terminal.fd)


def test_an_input_larger_than_the_terminal_is_followed() -> None:
    terminal = Terminal("shape", "-n", "5000x9000", "-f", "3", "--animate", size=(60, 20))
    terminal.read("filled: 3 of")
    for _ in range(3):
        terminal.press(b"\x1b[B")
        terminal.read("paused")
    assert int(terminal.text.rpartition("filled: ")[2].split()[0]) > 3 * 8998
    terminal.press(b"q")
    assert terminal.end() == 0
    os.close(terminal.fd)


@pytest.mark.parametrize("command", ["shape -n 8 -f 3", "run rand:8x8 -k box"])
def test_without_a_terminal_it_is_refused_in_one_line(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run_command(*command.split(), "--animate")
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert "--animate needs a terminal" in done.err
    monkeypatch.setenv("TERM", "dumb")
    assert "TERM=dumb" in run_command(*command.split(), "--animate", tty=True).err

"""``--color`` overrides the environment."""

import pytest

from tests.conftest import run_command


def test_color_is_what_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    args = "shape -n 8 -f 3 --format table".split()
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b[" not in run_command(*args, tty=True).out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" in run_command(*args, "--color", "always").out
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in run_command(*args).out
    assert "\x1b[" not in run_command(*args, "--color", "never").out
    assert "\x1b[" not in run_command(*args, "--color", "never", tty=True).out

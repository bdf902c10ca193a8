"""The plain rows of a sweep: one for each case, and on a terminal what went in."""

from tests.conftest import run_command


def test_a_row_for_each_case() -> None:
    args = "shape -n 8,2,9x7 -f 3 --format plain".split()
    assert run_command(*args).out == "6x6\n\n7x5\n"
    assert run_command(*args, tty=True).out == "6x6  n=8 f=3 p=0 s=1\n7x5  n=9x7 f=3 p=0 s=1\n"
    one = "shape -n 8 -f 3 --format plain".split()
    assert run_command(*one, tty=True).out == "6x6\n"

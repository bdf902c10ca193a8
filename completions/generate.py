"""Write the shell completions and the man page from the options that the program really has.

``python completions/generate.py`` rewrites them; ``--check`` names those that differ. They are
static, so that a press of TAB starts no Python.
"""

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # this checkout's convcli, installed or not

from completions.program import Command, program  # noqa: E402
from completions.writers import WRITERS  # noqa: E402


def differing(commands: tuple[Command, ...]) -> list[str]:
    """Name the files that are not what would be written."""
    return [
        name
        for name, write in WRITERS.items()
        if not (HERE / name).exists() or (HERE / name).read_text() != write(commands)
    ]


def main() -> int:
    """Write the files, or only compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a file differs")
    check: bool = parser.parse_args().check
    commands = program()
    for name in differing(commands):
        print(f"{name} differs; run python completions/generate.py" if check else f"wrote {name}")
        if not check:
            (HERE / name).write_text(WRITERS[name](commands))
    return int(check and bool(differing(commands)))


if __name__ == "__main__":
    sys.exit(main())

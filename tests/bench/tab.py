"""What one TAB costs in bash: our script beside the completion that Typer builds in.

Typer's starts the program at every TAB; here that is a hello world, the least that it can cost.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

SCRIPT = Path(__file__).parents[2] / "completions" / "convcli.bash"
LINE = "convcli run photo.npy -k sobel-x --device=c"
WORDS = "convcli run photo.npy -k sobel-x --device = c".split()
TIMES = 200  # of our script in one bash, whose start is taken off

OURS = f"""
source "{SCRIPT}"
COMP_LINE='{LINE}' COMP_POINT={len(LINE)} COMP_WORDS=({" ".join(WORDS)}) COMP_CWORD={len(WORDS) - 1}
for ((t = 0; t < $1; t++)); do _convcli convcli c =; done
[[ $1 == 0 || ${{COMPREPLY[*]}} == "cpu cuda" ]]
"""
HELLO = """
import typer

app = typer.Typer()


@app.command()
def hello(device: str = "cpu") -> None:
    print("hello", device)


app(prog_name="hello")
"""


def seconds(*argv: str, **env: str) -> float:
    """Time a process."""
    start = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **env})
    return time.perf_counter() - start


def main() -> None:
    """Print the medians, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        hello = Path(folder) / "hello.py"
        hello.write_text(HELLO)
        asked = {"_HELLO_COMPLETE": "complete_bash", "COMP_WORDS": "hello --d", "COMP_CWORD": "1"}
        typers = [seconds(sys.executable, str(hello), **asked) for _ in range(11)]
    ours = [
        (seconds("bash", "-c", OURS, "tab", str(TIMES)) - seconds("bash", "-c", OURS, "tab", "0"))
        / TIMES
        for _ in range(11)
    ]
    ratio = median(typers) / median(ours)
    print(
        f"one TAB in bash: ours {median(ours) * 1e3:.2f} ms, Typer's {median(typers) * 1e3:.0f} ms"
    )
    print(f"Typer's takes {ratio:.0f} times as long")


if __name__ == "__main__":
    main()

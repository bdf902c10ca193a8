"""Finds the completion scripts: in an installed package beside this file, else in the checkout."""

from pathlib import Path

from convcli.errors import ConvcliError, UsageError

FILES = {
    "bash": "convcli.bash",
    "zsh": "_convcli",
    "fish": "convcli.fish",
    "powershell": "convcli.ps1",
}


def script(shell: str) -> str:
    """Return the completion script of a shell."""
    if shell not in FILES:
        raise UsageError(
            f"--completion {shell!r} must be one of {', '.join(FILES)}; use --completion bash"
        )
    package = Path(__file__).parent
    for folder in (package / "completions", package.parent / "completions"):
        if (folder / FILES[shell]).exists():
            return (folder / FILES[shell]).read_text(encoding="utf-8")
    raise ConvcliError(
        f"--completion {shell}: this installation has no completion scripts; install convcli again"
    )

"""Runs campaigns and prints a table: what, tried, failed, the first failure.

    python -m tests.faults [--seed N] [--cases N] [--jobs N] [CAMPAIGN ...]
    python -m tests.faults --seed N --case N [--keep FOLDER] CAMPAIGN

Each case follows from campaign, seed and number, so that the second form repeats it, shows
what it ran, and can keep the files. Exits with 1 if a case failed.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy and PyTorch: what forks must have no threads

import argparse  # noqa: E402
import gc  # noqa: E402
import importlib  # noqa: E402
import multiprocessing  # noqa: E402
import shutil  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from pathlib import Path  # noqa: E402
from random import Random  # noqa: E402
from typing import NamedTuple  # noqa: E402

from rich import box  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402
from rich.text import Text  # noqa: E402

from tests.faults.campaigns import CAMPAIGNS  # noqa: E402
from tests.faults.trial import Fault, Trial  # noqa: E402


class Outcome(NamedTuple):
    """What became of one case; `fault` is None where nothing was wrong."""

    campaign: str
    number: int
    commands: list[str]
    fault: str | None


def try_case(campaign: str, seed: int, number: int, keep: Path | None = None) -> Outcome:
    """Run one case in a folder of its own."""
    top = keep or Path(tempfile.mkdtemp(prefix="faults-"))
    folder = top / "a" / "b"  # so that ../.. is ours as well
    folder.mkdir(parents=True)
    trial = Trial(Random(f"{campaign} {seed} {number}"), folder)
    fault = None
    try:
        CAMPAIGNS[campaign].case(trial)
    except Fault as found:
        fault = str(found)
    finally:
        if keep is None:
            shutil.rmtree(top, ignore_errors=True)
    return Outcome(campaign, number, trial.commands, fault)


def _try_task(task: tuple[str, int, int]) -> Outcome:
    return try_case(*task)


def import_ahead(campaign: str) -> None:
    """Import what the runs of a campaign need, so that forked children find it there."""
    for name in CAMPAIGNS[campaign].ahead:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def outcomes(names: list[str], seed: int, cases: int, jobs: int) -> Iterator[Outcome]:
    """Run cases of campaigns, those of each on some processes, in any order."""
    context = multiprocessing.get_context("fork")
    for name in names:
        tasks = [(name, seed, number) for number in range(cases)]
        with context.Pool(jobs, import_ahead, (name,)) as pool:
            yield from pool.imap_unordered(_try_task, tasks, chunksize=4)


def table(found: list[Outcome], names: list[str], seed: int) -> Table:
    """Lay out what was tried and what failed, a campaign a row."""
    made = Table(box=box.SIMPLE_HEAD)
    made.add_column("campaign", no_wrap=True)
    for title in ("tried", "failed"):
        made.add_column(title, justify="right")
    made.add_column("first failure", overflow="fold")
    for name in names:
        outcomes_ = sorted(o for o in found if o.campaign == name)
        failed = [o for o in outcomes_ if o.fault is not None]
        first = describe(failed[0], seed) if failed else ""
        made.add_row(name, f"{len(outcomes_):,}", f"{len(failed):,}", Text(first))
    return made


def describe(outcome: Outcome, seed: int) -> str:
    """Tell a failure: what was wrong, what ran, how to repeat it."""
    ran = "\n".join(outcome.commands)
    again = f"python -m tests.faults --seed {seed} --case {outcome.number} {outcome.campaign}"
    text = f"{outcome.fault}\n{ran}\n{again}"
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def main() -> int:
    """Read the options, run, print."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description=str(__doc__).partition("\n")[0]
    )
    parser.add_argument("campaigns", nargs="*", metavar="CAMPAIGN", help=", ".join(CAMPAIGNS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=100, help="of each campaign")
    parser.add_argument("--case", type=int, help="repeat one case")
    parser.add_argument("--keep", type=Path, help="folder for the files of that case")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--all", action="store_true", help="print every failure, not the first")
    given = parser.parse_args()
    names = given.campaigns or list(CAMPAIGNS)
    if unknown := set(names) - set(CAMPAIGNS):
        parser.error(f"unknown campaigns: {', '.join(sorted(unknown))}")
    if given.case is not None and len(names) != 1:
        parser.error("--case repeats a case of one campaign; name it")
    if given.case is not None:
        if given.keep:
            given.keep.mkdir(parents=True)
        (name,) = names
        import_ahead(name)
        found = [try_case(name, given.seed, given.case, given.keep)]
    else:
        found = list(outcomes(names, given.seed, given.cases, given.jobs))
    console = Console(markup=False, highlight=False, soft_wrap=False)
    if given.all or given.case is not None:
        for outcome in sorted(found):
            if outcome.fault is not None or given.case is not None:
                console.out(describe(outcome, given.seed) + "\n")
    console.print(table(found, names, given.seed))
    return int(any(outcome.fault is not None for outcome in found))


if __name__ == "__main__":
    sys.exit(main())

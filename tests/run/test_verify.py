"""`--verify` passes what is right at the edges of what a type can hold."""

import json
from typing import Any

import numpy as np
import pytest

from convcli.run.compute import convolver, pipeline
from tests.conftest import npy_bytes, run_command


@pytest.mark.parametrize(
    "args",
    [
        "rand:16x16 --seed 1 -k [[1e-6]] --dtype float16",  # subnormal results
        "rand:16x16 --seed 1 -k [[1e-40,1e-39]]",
        "rand:16x16 --seed 1 -k rand:3x3 --dtype longdouble",
        "rand:16x16 --seed 1 -k [[1e5]] --dtype float16",  # infinite in half precision
    ],
)
def test_right_answers_pass(args: str) -> None:
    done = run_command("run", *args.split(), "--verify", "-o", "/dev/null", stdin=b"")
    assert (done.status, done.err) == (0, "")
    assert "passed" in done.out


def test_a_wrong_answer_that_is_not_a_number_is_reported_as_json(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    convolve = convolver.convolve_block

    def wrong(*args: Any) -> Any:
        out, plans = convolve(*args)
        out[:] = np.nan
        return out, plans

    monkeypatch.setattr(pipeline, "convolve_block", wrong)
    args = ("rand:8x8", "-k", "rand:3x3", "--verify", "--format", "json", "-o", "/dev/null")
    done = run_command("run", *args, stdin=b"")
    verdict = json.loads(done.out)["verify"]
    assert (done.status, verdict["passed"], verdict["error"]) == (1, False, None)


def test_outputs_of_both_infinities_are_summarized_in_silence(
    recwarn: pytest.WarningsRecorder,
) -> None:
    x = np.array([[np.inf, 0, -np.inf]])
    done = run_command(
        "run", "-", "-k", "[[1]]", "--format", "json", "-o", "/dev/null", stdin=npy_bytes(x)
    )
    assert (done.status, done.err) == (0, "")
    assert '"mean": null' in done.out

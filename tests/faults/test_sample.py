"""A sample of the campaigns, with a seed that stays the same: some hundreds of cases."""

import subprocess
import sys

import pytest

from tests.faults.campaigns import CAMPAIGNS
from tests.faults.program import ROOT

# Campaigns that find nothing, with the cases of each that are tried at every change.
SAMPLE = {
    "inputs": 80,
    "weights": 30,
    "models": 60,
    "commands": 80,
    "layers": 40,
    "names": 30,
    "disks": 30,
    "pipes": 30,
    "signals": 15,
    "stores": 2,
    "sizes": 50,
    "values": 50,
    "fields": 50,
}


@pytest.mark.parametrize("campaign", SAMPLE)
def test_a_campaign_finds_nothing(campaign: str) -> None:
    cases = str(SAMPLE[campaign])
    command = [sys.executable, "-m", "tests.faults", "--seed", "1", "--cases", cases, campaign]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_sample_names_campaigns() -> None:
    assert SAMPLE.keys() <= CAMPAIGNS.keys()

"""The test Slurm itself: what the other tests of this folder rely on."""

import subprocess
import sys

import pytest
from helpers.slurm_jobs import output
from testbed import PROGRAM

pytestmark = pytest.mark.slurm


def test_a_job_runs_on_two_nodes_and_sees_its_gpus(slurm):
    said = output(
        *("srun", "--nodes=2", "--gpus-per-node=2", "sh", "-c"),
        'echo "$SLURMD_NODENAME $CUDA_VISIBLE_DEVICES"',
    )
    assert sorted(said.splitlines()) == ["sedd1 0,1", "sedd2 0,1"]


def test_an_existing_slurm_is_left_alone(slurm, tmp_path):
    words = [sys.executable, str(PROGRAM), "up", str(tmp_path)]
    second = subprocess.run(words, capture_output=True, text=True)
    assert second.returncode != 0
    assert "this machine has a Slurm" in second.stderr
    assert output("scontrol", "ping").count("UP") == 1

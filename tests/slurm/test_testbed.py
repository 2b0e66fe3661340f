"""The test Slurm itself."""

import subprocess
import sys

import pytest
from helpers.slurm_jobs import output
from testbed import PROGRAM

pytestmark = pytest.mark.slurm


def test_a_job_runs_on_two_nodes_and_sees_its_gpus(slurm):
    text = output(
        *("srun", "--nodes=2", "--gpus-per-node=2", "sh", "-c"),
        'echo "$SLURMD_NODENAME $CUDA_VISIBLE_DEVICES"',
    )
    assert sorted(text.splitlines()) == ["sedd1 0,1", "sedd2 0,1"]


def test_the_test_slurm_refuses_to_start_beside_another(slurm, tmp_path):
    words = [sys.executable, str(PROGRAM), "up", str(tmp_path)]
    second = subprocess.run(words, capture_output=True, text=True)
    assert second.returncode != 0
    assert "this machine has a Slurm" in second.stderr
    assert output("scontrol", "ping").count("UP") == 1

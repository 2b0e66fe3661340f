"""Jobs that Slurm preempted, and jobs at their time limit, by what its commands say."""

import pytest

pytest.importorskip("snakemake_executor_plugin_slurm")


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        ("PreemptEligibleTime=Now PreemptTime=2026-01-01T00:00:00", "TIMEOUT", "it was preempted"),
        ("PreemptEligibleTime=2026-01-01 PreemptTime=None", "TIMEOUT", "it reached its time limit"),
        ("", "TIMEOUT", "it reached its time limit, or was preempted (Slurm says TIMEOUT of both)"),
        (None, "TIMEOUT", "it reached its time limit, or was preempted (Slurm says TIMEOUT of both)"),
        ("PreemptTime=None", "PREEMPTED", "it was preempted"),
        ("PreemptTime=2026-01-01T00:00:00", "NODE_FAIL", "its node failed"),
    ],
)  # fmt: skip
def test_a_job_at_its_time_limit_is_told_from_a_preempted_one(
    tmp_path, monkeypatch, answer, state, reason
):
    from sedd.launch.short_jobs import why_retried

    monkeypatch.setenv("PATH", str(tmp_path))
    if answer is not None:
        scontrol = tmp_path / "scontrol"
        scontrol.write_text(f"#!/bin/sh\necho 'JobId=7 JobName=x {answer} SuspendTime=None'\n")
        scontrol.chmod(0o755)
    assert why_retried("7", state) == reason

"""A run has one job: submitted once, found again, and never with other settings."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import local_jobs as jobs

from sedd.errors import ConfigError, DataError, JobError
from sedd.launch import ensure_job, wait_for
from sedd.launch.published import is_published, recorded_identity, requested_identity
from sedd.launch.record import write_record
from sedd.launch.status import job_state
from sedd.paths import checkpoint_file, jobs_dir, tokens_dir
from sedd.train import train


def test_a_job_is_submitted_once_found_again_and_awaited(runs, whole, capsys):
    first = ensure_job(jobs.experiment("run"), jobs.local())
    again = ensure_job(jobs.experiment("run"), jobs.local())
    assert (first.is_new, again.is_new) == (True, False)
    assert first.record == again.record
    wait_for(jobs.experiment("run"), jobs.local(), until=60)
    wait_for(jobs.experiment("run"), jobs.local())
    assert jobs.job_ids("run") == [first.record.job_id]
    stderr = capsys.readouterr().err
    assert str(first.record.log()) in stderr
    # no such line for step 120, if that checkpoint exists before the wait for it begins
    assert "run: results/runs/run/checkpoints/step_60.pt is ready" in stderr
    assert "train run" in first.record.log().read_text()

    assert jobs.same(jobs.final_state("run"), whole)
    # a finished run submits nothing, and a lost public file is restored without a job
    jobs.eventually(lambda: not jobs.job_processes("run"), "the job has ended")
    checkpoint_file("run", 60).unlink()
    wait_for(jobs.experiment("run"), jobs.local(), until=60)
    assert checkpoint_file("run", 60).exists()
    assert jobs.job_ids("run") == [first.record.job_id]


def test_two_simultaneous_calls_submit_one_job(runs):
    both = [
        subprocess.Popen(
            [*jobs.words("shared"), "--cluster", "local", "--detach"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = sorted(process.communicate(timeout=jobs.SECONDS)[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert outputs[0].startswith("shared: already being trained by local job")
    assert outputs[1].startswith("shared: submitted local job")
    assert len(jobs.job_ids("shared")) == 1


def test_a_live_job_with_other_settings_is_named_and_not_touched(runs):
    endless = jobs.experiment("run", *jobs.ENDLESS)
    submitted = ensure_job(endless, jobs.local()).record
    changed = endless.model_copy(update={"seed": 7})
    with pytest.raises(
        JobError, match=r"other settings \(seed: default -> 7\); cancel it first: sedd cancel"
    ):
        ensure_job(changed, jobs.local())
    with pytest.raises(JobError, match="with a checkpoint every 500 steps, but none at 60"):
        ensure_job(jobs.experiment("run"), jobs.local(), until=60)
    assert jobs.record("run") == submitted
    assert job_state(submitted).phase == "running"


def test_a_checkpoint_with_other_settings_does_not_count(runs):
    train(jobs.experiment("run"), until=60)
    changed = jobs.experiment("run").model_copy(update={"seed": 7})
    old, new = (requested_identity(one)[0] for one in (jobs.experiment("run"), changed))
    assert is_published("run", 60, old)
    assert not is_published("run", 60, new)
    before = checkpoint_file("run", 60).read_bytes()
    wait_for(changed, jobs.local(), until=60)
    assert is_published("run", 60, new)
    assert checkpoint_file("run", 60).read_bytes() != before


def test_a_missing_checkpoint_older_than_the_newest_state_is_trained(runs):
    train(jobs.experiment("run"))
    more = jobs.experiment("other", "training.checkpoint_every=50").model_copy(
        update={"name": "run"}
    )
    wait_for(more, jobs.local(), until=50)
    assert checkpoint_file("run", 50).exists()
    assert len(jobs.job_ids("run")) == 1


def test_a_job_has_ended_if_another_process_has_its_process_id(runs):
    submitted = ensure_job(jobs.experiment("run"), jobs.local()).record
    jobs.kill_job("run")
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        assert job_state(replace(submitted, job_id=str(other.pid))).phase == "ended"
        other.kill()


def test_a_zombie_process_is_not_a_live_job(runs):
    submitted = ensure_job(jobs.experiment("run"), jobs.local()).record
    jobs.kill_job("run")
    folder = str(jobs_dir("run").absolute() / "%j")
    with subprocess.Popen([sys.executable, "-c", "input()", "submitit.x", folder]) as zombie:
        zombie.kill()
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)  # it has died; nobody has asked
        assert job_state(submitted).phase == "ended"


def test_a_local_job_of_another_machine_is_neither_resubmitted_nor_reported_as_ended(runs):
    submitted = ensure_job(jobs.experiment("run"), jobs.local()).record
    jobs.kill_job("run")
    write_record(replace(submitted, host="elsewhere"))
    with pytest.raises(
        JobError, match=r"started on elsewhere.*remove results/runs/run/jobs/job.json"
    ):
        ensure_job(jobs.experiment("run"), jobs.local())


def test_invalid_requests_fail_before_a_job_is_submitted(runs):
    three = jobs.pair().model_copy(update={"processes_per_node": 3})
    with pytest.raises(ConfigError, match="on 3 devices"):
        ensure_job(jobs.experiment("run"), three)
    with pytest.raises(ConfigError, match="must be the step of a checkpoint: 60, 120; got 7"):
        wait_for(jobs.experiment("run"), jobs.local(), until=7)
    (tokens_dir("corpus", "text8", "train") / "meta.json").unlink()
    with pytest.raises(DataError, match="sedd tokenize"):
        ensure_job(jobs.experiment("run"), jobs.local())
    assert not jobs_dir("run").exists()


def test_settings_edited_after_submission_do_not_reach_the_job(runs):
    submitted = ensure_job(jobs.experiment("run"), jobs.local()).record
    path = Path("config/experiments/smoke_absorb.yaml")
    path.write_text(path.read_text().replace("lr: 0.002", "lr: 0.5"))
    jobs.trains("run", lines=1)
    settings = json.loads(Path(submitted.settings).read_text())
    assert settings["training"]["lr"] == 0.002
    recorded = recorded_identity("run")
    assert recorded is not None
    assert recorded[0] == submitted.identity


def test_submitting_and_waiting_do_not_import_torch():
    program = "import sys, sedd.launch, sedd.launch.submitter; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

"""One job a run: sent once, found again, and never one of other settings."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import local_jobs as jobs

from sedd.errors import ConfigError, DataError, JobError
from sedd.launch import ensure, wait_for
from sedd.launch.published import has_landed, wanted_identity
from sedd.launch.record import write_record
from sedd.launch.states import job_state
from sedd.paths import checkpoint_file, jobs_dir, tokens_dir
from sedd.train import train


def test_a_job_is_sent_once_found_again_and_waited_for(runs, whole, capsys):
    first = ensure(jobs.experiment("run"), jobs.local())
    again = ensure(jobs.experiment("run"), jobs.local())
    assert (first.is_new, again.is_new) == (True, False)
    assert first.record == again.record
    wait_for(jobs.experiment("run"), jobs.local(), until=60)
    wait_for(jobs.experiment("run"), jobs.local())
    assert jobs.job_ids("run") == [first.record.job_id]
    said = capsys.readouterr().err
    assert str(first.record.log()) in said
    # of the later checkpoint nothing is said if it is there before it is waited for
    assert "run: results/runs/run/checkpoints/step_60.pt is there" in said
    assert "train run" in first.record.log().read_text()

    assert jobs.same(jobs.final_state("run"), whole)
    # a finished run sends nothing, and a name that was lost comes back without a job
    jobs.eventually(lambda: not jobs.job_processes("run"), "the job has ended")
    checkpoint_file("run", 60).unlink()
    wait_for(jobs.experiment("run"), jobs.local(), until=60)
    assert checkpoint_file("run", 60).exists()
    assert jobs.job_ids("run") == [first.record.job_id]


def test_two_at_once_send_one_job(runs):
    both = [
        subprocess.Popen(
            [*jobs.words("shared"), "--cluster", "local", "--detach"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = sorted(process.communicate(timeout=jobs.SECONDS)[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert said[0].startswith("shared: is trained already by local job")
    assert said[1].startswith("shared: sent local job")
    assert len(jobs.job_ids("shared")) == 1


def test_a_live_job_of_other_settings_is_named_and_left_alone(runs):
    endless = jobs.experiment("run", *jobs.ENDLESS)
    sent = ensure(endless, jobs.local()).record
    changed = endless.model_copy(update={"seed": 7})
    with pytest.raises(
        JobError, match=r"other settings \(seed 1 -> 7\); stop it first: sedd cancel"
    ):
        ensure(changed, jobs.local())
    with pytest.raises(JobError, match="with a checkpoint every 500 steps, none at 60"):
        ensure(jobs.experiment("run"), jobs.local(), until=60)
    assert jobs.record("run") == sent
    assert job_state(sent).phase == "running"


def test_a_checkpoint_of_other_settings_is_not_taken(runs):
    train(jobs.experiment("run"), until=60)
    changed = jobs.experiment("run").model_copy(update={"seed": 7})
    old, new = (wanted_identity(one)[0] for one in (jobs.experiment("run"), changed))
    assert has_landed("run", 60, old)
    assert not has_landed("run", 60, new)
    before = checkpoint_file("run", 60).read_bytes()
    wait_for(changed, jobs.local(), until=60)
    assert has_landed("run", 60, new)
    assert checkpoint_file("run", 60).read_bytes() != before


def test_a_checkpoint_from_before_the_newest_state_can_be_asked_for(runs):
    train(jobs.experiment("run"))
    more = jobs.experiment("other", "training.checkpoint_every=50").model_copy(
        update={"name": "run"}
    )
    wait_for(more, jobs.local(), until=50)
    assert checkpoint_file("run", 50).exists()
    assert len(jobs.job_ids("run")) == 1


def test_a_job_whose_process_id_went_to_another_process_has_ended(runs):
    sent = ensure(jobs.experiment("run"), jobs.local()).record
    jobs.kill_job("run")
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        assert job_state(replace(sent, job_id=str(other.pid))).phase == "ended"
        other.kill()


def test_a_process_that_is_dead_but_not_yet_taken_leave_of_is_no_job(runs):
    sent = ensure(jobs.experiment("run"), jobs.local()).record
    jobs.kill_job("run")
    folder = str(jobs_dir("run").absolute() / "%j")
    with subprocess.Popen([sys.executable, "-c", "input()", "submitit.x", folder]) as zombie:
        zombie.kill()
        assert job_state(sent).phase == "ended"


def test_a_job_of_another_machine_is_neither_doubled_nor_called_dead(runs):
    sent = ensure(jobs.experiment("run"), jobs.local()).record
    jobs.kill_job("run")
    write_record(replace(sent, host="elsewhere"))
    with pytest.raises(
        JobError, match=r"started on elsewhere.*remove results/runs/run/jobs/job.json"
    ):
        ensure(jobs.experiment("run"), jobs.local())


def test_what_the_cluster_cannot_do_is_told_before_anything_is_sent(runs):
    three = jobs.pair().model_copy(update={"processes_per_node": 3})
    with pytest.raises(ConfigError, match="on 3 devices"):
        ensure(jobs.experiment("run"), three)
    with pytest.raises(ConfigError, match="must be the step of a checkpoint: 60, 120; got 7"):
        wait_for(jobs.experiment("run"), jobs.local(), until=7)
    (tokens_dir("corpus", "text8", "train") / "meta.json").unlink()
    with pytest.raises(DataError, match="sedd tokenize"):
        ensure(jobs.experiment("run"), jobs.local())
    assert not jobs_dir("run").exists()


def test_settings_edited_after_sending_do_not_reach_the_job(runs):
    sent = ensure(jobs.experiment("run"), jobs.local()).record
    path = Path("config/experiments/smoke_absorb.yaml")
    path.write_text(path.read_text().replace("lr: 0.002", "lr: 0.5"))
    jobs.trains("run", lines=1)
    kept = json.loads(Path(sent.settings).read_text())
    assert kept["training"]["lr"] == 0.002
    assert has_identity("run", sent.identity)


def has_identity(run: str, identity: str) -> bool:
    from sedd.launch.published import found_identity

    found = found_identity(run)
    return found is not None and found[0] == identity


def test_sending_and_waiting_need_no_torch():
    program = "import sys, sedd.launch, sedd.launch.sender; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

"""What happens to a waiter, or to a job, and what the run is in the end: the same, bit for bit, as one left alone."""

import os
import signal
import subprocess
import sys

import pytest
from helpers import local_jobs as jobs

from sedd.errors import JobError
from sedd.launch import ensure_job, wait, wait_for
from sedd.launch.status import job_state
from sedd.paths import run_dir


def test_a_killed_waiter_leaves_the_training_and_the_next_takes_it_up(runs):
    waiter = jobs.start_waiter("run", *jobs.ENDLESS)
    jobs.trains("run", lines=1)
    waiter.kill()
    waiter.communicate()
    sent = jobs.record("run")
    assert job_state(sent).phase == "running"
    wait_for(jobs.experiment("run", *jobs.ENDLESS), jobs.local(), until=500)
    assert jobs.job_ids("run") == [sent.job_id]
    assert job_state(sent).phase == "running"


def test_ctrl_c_ends_the_waiting_and_says_how_to_end_the_training(runs):
    waiter = jobs.start_waiter("run", *jobs.ENDLESS)
    jobs.trains("run", lines=1)
    os.killpg(waiter.pid, signal.SIGINT)  # as a terminal does: to all of the waiter's group
    _, said = waiter.communicate(timeout=jobs.SECONDS)
    assert waiter.returncode == 128 + signal.SIGINT
    sent = jobs.record("run")
    assert f"local job {sent.job_id} on cluster local trains on" in said
    assert "sedd cancel run" in said
    assert "Traceback" not in said
    assert job_state(sent).phase == "running"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's signal is Linux's")
def test_a_waiter_ends_with_the_one_who_started_it(runs):
    command = [*jobs.words("run", *jobs.ENDLESS), "--cluster", "local", "--die-with-parent"]
    program = (
        f"import subprocess; w = subprocess.Popen({command!r}); print(w.pid, flush=True); w.wait()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert parent.stdout is not None
    waiter = jobs.psutil.Process(int(parent.stdout.readline()))
    jobs.trains("run", lines=1)
    parent.kill()
    parent.communicate()
    waiter.wait(timeout=jobs.SECONDS)
    assert job_state(jobs.record("run")).phase == "running"


def test_a_killed_job_is_sent_again_and_ends_with_the_same_weights(runs, whole):
    waiter = jobs.start_waiter("run")
    jobs.trains("run", lines=30)
    first = jobs.record("run").job_id
    jobs.trainers("run")[0].send_signal(signal.SIGKILL)
    _, said = waiter.communicate(timeout=jobs.SECONDS)
    assert waiter.returncode == 0
    assert f"job {first} ended at step" in said
    assert jobs.record("run").job_id != first
    assert jobs.same(jobs.final_state("run"), whole)


def test_a_job_told_to_make_way_saves_and_goes_on_by_itself(runs, whole):
    sent = ensure_job(jobs.experiment("run"), jobs.local()).record
    jobs.trains("run", lines=30)
    (trainer,) = jobs.trainers("run")
    trainer.send_signal(signal.SIGUSR2)  # as its controller does before the time limit
    wait_for(jobs.experiment("run"), jobs.local())
    assert jobs.job_ids("run") == [sent.job_id]
    assert "Requeued job" in sent.log().read_text()
    assert jobs.same(jobs.final_state("run"), whole)


def test_a_killed_process_of_two_ends_the_job_and_the_run_goes_on_as_if_nothing_had_been(runs):
    wait_for(jobs.experiment("whole"), jobs.pair())
    sent = ensure_job(jobs.experiment("run"), jobs.pair()).record
    jobs.trains("run", lines=30)
    next(p for p in jobs.trainers("run") if p.environ()["SUBMITIT_LOCAL_LOCALID"] == "1").kill()
    wait_for(jobs.experiment("run"), jobs.pair())
    assert jobs.record("run").job_id != sent.job_id
    assert jobs.same(jobs.final_state("whole"), jobs.final_state("run"))
    assert all(sent.log(rank).stat().st_size for rank in (0, 1))


def test_a_job_that_fails_again_and_again_is_given_up_with_the_end_of_its_log(runs, monkeypatch):
    monkeypatch.setattr(wait, "MAX_FRUITLESS_JOBS", 2)
    (run_dir("run") / ".train.lock").mkdir(parents=True)  # no mistake that the code foresees
    with pytest.raises(JobError) as caught:
        wait_for(jobs.experiment("run"), jobs.local())
    said = str(caught.value)
    assert "2 jobs in a row ended without a new state" in said
    assert f"the end of {jobs.record('run').log()}" in said
    assert "IsADirectoryError" in said
    assert len(jobs.job_ids("run")) == 2


def test_a_mistake_is_told_once_in_its_own_words_and_nothing_is_sent_again(runs):
    with pytest.raises(JobError) as caught:
        wait_for(jobs.experiment("run", "data.length=1000000"), jobs.local())
    assert "too few for one block" in str(caught.value)
    assert "Traceback" not in jobs.record("run").log().read_text()
    assert len(jobs.job_ids("run")) == 1

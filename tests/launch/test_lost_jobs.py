"""Waiters and jobs are killed; the run ends with the weights of an uninterrupted run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers import local_jobs as jobs

from sedd.config import load_cluster
from sedd.errors import JobError
from sedd.launch import ensure_job, wait, wait_for
from sedd.launch.status import job_state


def test_a_killed_waiter_leaves_the_job_running_and_the_next_waiter_finds_it(runs):
    waiter = jobs.start_waiter("run", *jobs.ENDLESS)
    jobs.trains("run", lines=1)
    waiter.kill()
    waiter.communicate()
    submitted = jobs.record("run")
    assert job_state(submitted).phase == "running"
    wait_for(jobs.experiment("run", *jobs.ENDLESS), jobs.local(), until=500)
    assert jobs.job_ids("run") == [submitted.job_id]
    assert job_state(submitted).phase == "running"


def test_ctrl_c_ends_the_wait_and_prints_how_to_cancel_the_job(runs):
    waiter = jobs.start_waiter("run", *jobs.ENDLESS)
    jobs.trains("run", lines=1)
    os.killpg(waiter.pid, signal.SIGINT)  # a terminal signals the whole process group
    _, stderr = waiter.communicate(timeout=jobs.SECONDS)
    assert waiter.returncode == 128 + signal.SIGINT
    submitted = jobs.record("run")
    assert f"local job {submitted.job_id} on cluster local continues training" in stderr
    assert "sedd cancel run" in stderr
    assert "Traceback" not in stderr
    assert job_state(submitted).phase == "running"


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="parent-death signals exist on Linux only"
)
def test_a_waiter_ends_with_its_parent_process(runs):
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


def test_a_killed_job_is_resubmitted_and_ends_with_the_same_weights(runs, whole):
    waiter = jobs.start_waiter("run")
    (trainer,) = jobs.trainers_at("run", lines=30)
    trainer.send_signal(signal.SIGKILL)
    first = jobs.record("run").job_id
    _, stderr = waiter.communicate(timeout=jobs.SECONDS)
    assert waiter.returncode == 0
    assert f"job {first} ended (no error recorded" in stderr
    assert jobs.record("run").job_id != first
    assert jobs.same(jobs.final_state("run"), whole)


def test_a_job_warned_of_its_time_limit_saves_and_is_requeued(runs, whole):
    submitted = ensure_job(jobs.experiment("run"), jobs.local()).record
    (trainer,) = jobs.trainers_at("run", lines=30)
    trainer.send_signal(signal.SIGUSR2)  # its controller sends this signal before the time limit
    wait_for(jobs.experiment("run"), jobs.local())
    assert jobs.job_ids("run") == [submitted.job_id]
    assert "Requeued job" in submitted.log().read_text()
    assert jobs.same(jobs.final_state("run"), whole)


def test_one_killed_rank_of_two_ends_the_job_and_the_next_job_ends_with_the_same_weights(runs):
    wait_for(jobs.experiment("whole"), jobs.pair())
    submitted = ensure_job(jobs.experiment("run"), jobs.pair()).record
    ranks = jobs.trainers_at("run", lines=30, ranks=2)
    next(p for p in ranks if p.environ()["SUBMITIT_LOCAL_LOCALID"] == "1").kill()
    wait_for(jobs.experiment("run"), jobs.pair())
    assert jobs.record("run").job_id != submitted.job_id
    assert jobs.same(jobs.final_state("whole"), jobs.final_state("run"))
    assert all(submitted.log(rank).stat().st_size for rank in (0, 1))


def test_after_repeated_failures_the_waiter_gives_up_and_prints_the_end_of_the_log(
    runs, monkeypatch
):
    monkeypatch.setattr(wait, "MAX_FRUITLESS_JOBS", 2)
    Path("torch.py").write_text('raise RuntimeError("out of order")')  # an unexpected error
    with pytest.raises(JobError) as caught:
        wait_for(jobs.experiment("run"), jobs.local())
    message = str(caught.value)
    assert "2 jobs in a row ended without saving a new state" in message
    assert f"end of {jobs.record('run').log()}" in message
    assert "RuntimeError: out of order" in message
    assert len(jobs.job_ids("run")) == 2


def test_a_user_error_is_reported_and_the_job_is_not_resubmitted(runs):
    with pytest.raises(JobError) as caught:
        wait_for(jobs.experiment("run", "data.length=1000000"), jobs.local())
    assert "too few for one block" in str(caught.value)
    assert "Traceback" not in jobs.record("run").log().read_text()
    assert len(jobs.job_ids("run")) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_job_that_asks_for_gpus_but_sees_none_is_refused_and_not_resubmitted(runs):
    text = jobs.PAIR.replace("gpus_per_node: 0", "gpus_per_node: 2")
    Path("config/cluster/gpus.yaml").write_text(text)
    with pytest.raises(JobError, match=r"has 2 GPUs per node, but PyTorch .* sees none"):
        wait_for(jobs.experiment("run"), load_cluster("gpus"))
    assert len(jobs.job_ids("run")) == 1

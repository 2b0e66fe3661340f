"""`sedd status` and `sedd cancel`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import local_jobs as jobs
from helpers.project import command

from sedd.cli.jobs import run_table
from sedd.launch import RunStatus, ensure_job
from sedd.launch.published import is_published
from sedd.launch.record import newest_saved_step
from sedd.launch.status import job_state
from sedd.paths import metrics_file
from sedd.train import train

HEADS = ("checkpoint", "log")


def sedd(*words: str, check: bool = True):
    return command(Path.cwd(), "sedd", *words, check=check)


def test_status_of_finished_running_and_cancelled_runs(runs):
    assert "no runs yet" in sedd("status").stdout
    train(jobs.experiment("short"))
    waiter = jobs.start_waiter("run", *jobs.ENDLESS)
    jobs.trains("run")
    statuses = {one["run"]: one for one in json.loads(sedd("status", "--json").stdout)}
    running, done = statuses["run"], statuses["short"]
    shown = [done[key] for key in ("state", "step", "steps", "checkpoint", "job_id")]
    assert shown == ["done", 120, 120, 120, None]
    shown = [running[key] for key in ("state", "steps", "cluster", "job_id", "log")]
    submitted = jobs.record("run")
    assert shown == ["running", 1_000_000, "local", submitted.job_id, str(submitted.log())]
    assert running["step"] >= 20
    assert running["seconds_left"] > 0
    assert 0 < running["loss_nats_per_token"] < 5

    output = sedd("cancel", "run").stdout
    step = newest_saved_step("run")
    assert (
        f"job {submitted.job_id} has been cancelled; its newest saved state is step {step}"
        in output
    )
    assert "sedd train run --cluster local" in output
    assert job_state(submitted).phase == "ended"
    _, stderr = waiter.communicate(timeout=jobs.SECONDS)
    assert waiter.returncode == 2
    assert f"job {submitted.job_id} was cancelled" in stderr
    head, line = sedd("status", "run").stdout.splitlines()
    assert head.split() == [*("run", "state", "job", "step"), *("loss", "token/s", "left"), *HEADS]
    assert line.split()[:6] == [
        "run",
        "cancelled",
        submitted.job_id,
        "on",
        "local",
        f"{step}/1000000",
    ]
    assert "had already ended" in sedd("cancel", "run").stdout

    # the same command resumes from the saved state
    more = step // 500 * 500 + 500
    sedd("train", "run", "--cluster", "local", "--until", str(more))
    steps = [json.loads(line)["step"] for line in metrics_file("run").read_text().splitlines()]
    assert [steps[at + 1] for at, one in enumerate(steps[:-1]) if one == step][-1] == step + 1
    assert len(jobs.job_ids("run")) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="root takes the part of two accounts")
def test_a_job_of_another_account_is_neither_cancelled_nor_recorded_as_cancelled(runs):
    submitted = ensure_job(jobs.experiment("run", *jobs.ENDLESS), jobs.local()).record
    for path in (*runs.parents[:3], *Path("results").rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    program = (
        "import os; from sedd.launch import cancel; from sedd.errors import JobError\n"
        "os.setuid(65534)\n"
        "try: cancel('run', print)\n"
        "except JobError as error: print(error)"
    )
    words = [sys.executable, "-c", program]
    output = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert f"job {submitted.job_id} belongs to another account and was not cancelled" in output
    assert jobs.record("run") == submitted
    assert job_state(submitted).phase == "running"


def test_a_failed_run_shows_the_reason(runs):
    submitted = ensure_job(jobs.experiment("run", "data.length=1000000"), jobs.local()).record
    jobs.eventually(lambda: job_state(submitted).phase == "ended", "the job has ended")
    output = sedd("status", "run").stdout
    assert "failed (" in output
    assert "too few for one block" in output
    assert not is_published("run", 120, submitted.identity)


def test_a_run_training_without_a_job_is_shown(runs):
    process = jobs.subprocess.Popen(
        jobs.words("run", *jobs.ENDLESS), stderr=jobs.subprocess.DEVNULL
    )
    jobs.trains("run", lines=1)
    (status,) = json.loads(sedd("status", "--json").stdout)
    assert (status["state"], status["detail"]) == (
        "running",
        f"without a job, process {process.pid}",
    )
    process.kill()
    process.wait()


def test_an_unknown_name_is_reported_with_the_closest_run(runs):
    train(jobs.experiment("gentle"), until=60)
    result = sedd("status", "gentel", check=False)
    assert result.returncode == 2
    assert "did you mean 'gentle'?" in result.stderr
    result = sedd("cancel", "gentle", check=False)
    assert result.returncode == 2
    assert "no job was submitted" in result.stderr


def test_incompatible_options_are_rejected(runs):
    for words in (
        ["--detach"],
        ["--die-with-parent"],
        ["--cluster", "local", "--device", "cpu"],
        ["--cluster", "local", "--detach", "--until", "60"],
        ["--cluster", "lokal"],
    ):
        assert sedd("train", "smoke_absorb", *words, check=False).returncode == 2
    assert not Path("results/runs").exists()


def test_the_table_keeps_long_names_whole_and_shows_readable_times(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    status = RunStatus(
        run="r" * 150,
        state="queued",
        detail="PENDING: (Resources [1/2])",
        job_id="7",
        cluster="slurm",
        step=20,
        steps=100,
        loss_nats_per_token=1.23456,
        tokens_per_second=12345.6,
        seconds_left=90_061.4,
        checkpoint=None,
        log="results/" + "l" * 150,
        notes=["a note"],
    )
    head, line, note = run_table([status]).splitlines()
    assert head.index("log") == line.index("results/")
    assert line.startswith("r" * 150 + "  queued (PENDING: (Resources [1/2]))  7 on slurm  20/100")
    assert line.endswith("1.235   12,346  1 day, 1:01:01           -  results/" + "l" * 150)
    assert note == "r" * 150 + ": a note"

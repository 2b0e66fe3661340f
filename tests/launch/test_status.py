"""The screen of runs, and stopping one."""

import json
from pathlib import Path

from helpers import local_jobs as jobs
from helpers.project import command

from sedd.launch import ensure_job
from sedd.launch.published import is_published
from sedd.launch.record import newest_saved_step
from sedd.launch.status import job_state
from sedd.paths import metrics_file
from sedd.train import train

HEADS = ("checkpoint", "log")


def sedd(*words: str, check: bool = True):
    return command(Path.cwd(), "sedd", *words, check=check)


def test_the_screen_and_a_cancelled_job(runs):
    assert "no runs yet" in sedd("status").stdout
    train(jobs.experiment("short"))
    waiter = jobs.start_waiter("run", *jobs.ENDLESS)
    jobs.trains("run")
    found = {one["run"]: one for one in json.loads(sedd("status", "--json").stdout)}
    running, done = found["run"], found["short"]
    shown = [done[key] for key in ("state", "step", "steps", "checkpoint", "job_id")]
    assert shown == ["done", 120, 120, 120, None]
    shown = [running[key] for key in ("state", "steps", "cluster", "job_id", "log")]
    sent = jobs.record("run")
    assert shown == ["running", 1_000_000, "local", sent.job_id, str(sent.log())]
    assert running["step"] >= 20
    assert running["seconds_left"] > 0
    assert 0 < running["loss_nats_per_token"] < 5

    said = sedd("cancel", "run").stdout
    step = newest_saved_step("run")
    assert f"job {sent.job_id} is gone; its newest state is of step {step}, and nothing" in said
    assert "sedd train run --cluster local" in said
    assert job_state(sent).phase == "ended"
    _, told = waiter.communicate(timeout=jobs.SECONDS)
    assert waiter.returncode == 2
    assert f"job {sent.job_id} was cancelled" in told
    head, line = sedd("status", "run").stdout.splitlines()
    assert head.split() == [*("run", "state", "job", "step"), *("loss", "token/s", "left"), *HEADS]
    assert line.split()[:6] == ["run", "cancelled", sent.job_id, "on", "local", f"{step}/1000000"]
    assert "had ended before" in sedd("cancel", "run").stdout

    # the same command goes on from there
    more = step // 500 * 500 + 500
    sedd("train", "run", "--cluster", "local", "--until", str(more))
    steps = [json.loads(line)["step"] for line in metrics_file("run").read_text().splitlines()]
    assert [steps[at + 1] for at, one in enumerate(steps[:-1]) if one == step][-1] == step + 1
    assert len(jobs.job_ids("run")) == 2


def test_a_run_that_failed_says_why(runs):
    sent = ensure_job(jobs.experiment("run", "data.length=1000000"), jobs.local()).record
    jobs.eventually(lambda: job_state(sent).phase == "ended", "the job has ended")
    assert "failed (" in (said := sedd("status", "run").stdout)
    assert "too few for one block" in said
    assert not is_published("run", 120, sent.identity)


def test_a_run_that_trains_without_a_job_is_shown(runs):
    process = jobs.subprocess.Popen(
        jobs.words("run", *jobs.ENDLESS), stderr=jobs.subprocess.DEVNULL
    )
    jobs.trains("run", lines=1)
    (found,) = json.loads(sedd("status", "--json").stdout)
    assert (found["state"], found["detail"]) == ("running", f"without a job, process {process.pid}")
    process.kill()
    process.wait()


def test_an_unknown_run_is_told_with_the_nearest(runs):
    train(jobs.experiment("gentle"), until=60)
    result = sedd("status", "gentel", check=False)
    assert result.returncode == 2
    assert "did you mean 'gentle'?" in result.stderr
    result = sedd("cancel", "gentle", check=False)
    assert result.returncode == 2
    assert "no job was sent" in result.stderr


def test_options_that_do_not_go_together_are_refused(runs):
    for words in (
        ["--detach"],
        ["--die-with-parent"],
        ["--cluster", "local", "--device", "cpu"],
        ["--cluster", "local", "--detach", "--until", "60"],
        ["--cluster", "lokal"],
    ):
        assert sedd("train", "smoke_absorb", *words, check=False).returncode == 2
    assert not Path("results/runs").exists()

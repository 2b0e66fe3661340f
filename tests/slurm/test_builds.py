"""`snakemake --profile slurm`: one training job per run, one job per short rule, interrupted."""

import os
import signal
import time
from collections import Counter

import pytest
from helpers.project import planned
from helpers.slurm_jobs import jobs_named, output, short_jobs, wait_until
from helpers.slurm_lab import Lab, Run, Waiter

pytestmark = pytest.mark.slurm
BUILD = ("--configfile", "config/lab.yaml")


@pytest.fixture(scope="module")
def build(lab: Lab) -> Lab:
    """The lab with a build configuration of its one experiment."""
    (lab.folder / "config/lab.yaml").write_text(
        "experiments: [steady]\ntables: [text8]\nreports: true\ncluster: local\n"
    )
    path = lab.folder / "config/experiments/steady.yaml"
    path.write_text(path.read_text().replace("checkpoint_every: 100", "checkpoint_every: 200"))
    lab.cluster("slurm")
    return lab


def with_slow_commands(lab: Lab) -> str:
    """A PATH on which Slurm's own commands wait before they start, as for a busy controller: scancel,
    and sbatch for the job that samples.
    """
    folder = lab.folder.parent / "slow"
    folder.mkdir()
    for name, words, seconds in (("scancel", "*", 3), ("sbatch", "*rule=sample*", 10)):
        text = (
            f'#!/bin/sh\ncase "$*" in {words}) sleep {seconds};; esac\nexec /usr/bin/{name} "$@"\n'
        )
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def has_finished(log: str, rule: str) -> bool:
    return f"(Rule: {rule})" in log


def has_waited(waiter: Waiter) -> bool:
    return "steady: waiting for" in waiter.output()


def test_an_interrupted_build_resumes_and_runs_nothing_twice(build):
    run = Run(build, "steady")
    first = build.snakemake("first", *BUILD, PATH=with_slow_commands(build))
    run.reaches(200).freeze()
    wait_until(lambda: short_jobs("RUNNING"), "a checkpoint is measured")
    sample = f"{build.project}:sample:steady:200"
    assert not jobs_named(sample), "its sbatch must still run"
    first.interrupt()  # Ctrl-C
    wait_until(lambda: "Terminating processes" in first.output(), "Snakemake cancels its jobs")
    time.sleep(1)
    first.interrupt()  # again, while scancel runs
    first.ends(code=1)
    assert len(jobs_named(sample)) == 1
    wait_until(
        lambda: not short_jobs("PENDING", "RUNNING", "COMPLETING"), "short jobs are cancelled"
    )
    assert output("squeue", "--noheader", "--format=%j %T") == "sedd-steady RUNNING"

    second = build.snakemake("second", *BUILD)
    for rule in ("sample", "perplexity"):
        wait_until(lambda rule=rule: has_finished(second.output(), rule), f"{rule} of step 200")
    assert not (run.folder / "checkpoints/step_400.pt").exists(), "training must be suspended here"
    message = build.snakemake("locked", *BUILD).ends(code=1)
    assert "cannot be locked" in message
    second.process.kill()
    second.ends(code=-signal.SIGKILL)
    build.snakemake("unlock", *BUILD, "--unlock").ends()

    third = build.snakemake("third", *BUILD)
    parallel = build.snakemake(
        "parallel", *BUILD, "--nolock", "--", "results/runs/steady/checkpoints/step_400.pt"
    )
    for waiter in (third, parallel):  # Snakemake removes the output of a job that it starts
        wait_until(lambda waiter=waiter: has_waited(waiter), f"{waiter.name} waits for step 400")
    run.thaw()
    third.ends()
    parallel.ends()
    assert len(jobs_named("sedd-steady")) == 1
    done = Counter(short_jobs("COMPLETED"))
    assert set(done.values()) == {1}, done
    for rule in ("sample", "perplexity"):
        assert sum(f" rule={rule} run=steady " in job for job in done) == 2, done
    assert planned(build.folder, "--profile", "slurm", *BUILD) == {}
    assert (build.folder / "results/reports/steady.html").exists()

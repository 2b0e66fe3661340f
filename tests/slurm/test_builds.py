"""`snakemake --profile slurm`: one training job per run, one job per short rule, interrupted."""

import signal
from collections import Counter

import pytest
from helpers.project import planned
from helpers.slurm_jobs import jobs_named, output, wait_until
from helpers.slurm_lab import Lab, Run

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


def short_jobs(*states: str) -> list[str]:
    """Rule and wildcards of each short rule's job in one of these states."""
    comments = output("squeue", "--noheader", f"--states={','.join(states)}", "--format=%k")
    return [line for line in comments.splitlines() if line.startswith("rule_")]


def has_finished(log: str, rule: str) -> bool:
    return f"(Rule: {rule})" in log


def test_an_interrupted_build_resumes_and_runs_nothing_twice(build):
    run = Run(build, "steady")
    first = build.snakemake("first", *BUILD)
    run.reaches(200).freeze()
    wait_until(lambda: short_jobs("RUNNING"), "a checkpoint is sampled or measured")
    first.interrupt()  # Ctrl-C
    first.ends(code=1)
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
    run.thaw()
    third.ends()
    parallel.ends()
    assert len(jobs_named("sedd-steady")) == 1
    done = Counter(short_jobs("COMPLETED"))
    assert set(done.values()) == {1}, done
    for rule in ("sample", "perplexity"):
        assert sum(job.startswith(f"rule_{rule}_") for job in done) == 2, done
    assert planned(build.folder, "--profile", "slurm", *BUILD) == {}
    assert (build.folder / "results/reports/steady.html").exists()

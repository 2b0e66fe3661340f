"""Short rules that lose their node, their time or Slurm itself, in one folder at once."""

import contextlib
import os
import shutil
import signal
import subprocess
import time

import pytest
from helpers.at_once import at_once
from helpers.slurm_jobs import (
    FOLDER,
    as_root,
    job_field,
    job_processes,
    jobs_named,
    output,
    short_job,
    signal_job,
    wait_until,
)
from helpers.slurm_lab import Lab, Waiter

from sedd.launch.record import JobState
from sedd.launch.slurm_commands import slurm_states

pytestmark = pytest.mark.slurm


def suspended(lab: Lab, split: str, **cluster: str) -> tuple[Waiter, str]:
    """A build that tokenizes a split in a short job, and the job, which is suspended."""
    build = start(lab, split, **cluster)

    def is_suspended() -> bool:
        assert not build.has_ended(), build.output()
        job = short_job(f"rule=tokenize dataset=corpus tokenizer=text8 split={split}")
        return bool(job) and signal_job(job, signal.SIGSTOP)

    wait_until(is_suspended, f"a job tokenizes {split}")
    return build, short_job(f"split={split}")


def start(lab: Lab, split: str, **cluster: str) -> Waiter:
    """Start such a build on a cluster that is called like the split."""
    lab.cluster(split, nodes="1", **cluster)
    folder = lab.folder / f"results/data/corpus/text8/{split}"
    shutil.rmtree(folder)
    target = f"results/data/corpus/text8/{split}/meta.json"
    words = ("--configfile", "config/smoke.yaml", "--config", f"cluster={split}", "--nolock")
    return lab.snakemake(split, *words, "--", target)


def name(lab: Lab, split: str) -> str:
    """The name of jobs that tokenize a split."""
    return f"{lab.project}:tokenize:corpus:text8:{split}"


def jobs_of(lab: Lab, split: str) -> list[str]:
    """Ids of all jobs that tokenize a split, in the order of their submission."""
    return sorted(jobs_named(name(lab, split)), key=int)


@at_once
def test_a_held_short_job_is_told_and_a_cancelled_one_is_not_run_again(lab):
    build, job = suspended(lab, "test")
    as_root("scontrol", "requeuehold", job)
    wait_until(lambda: f"scontrol release {job} lets it start" in build.output(), "it is told")
    output("scancel", job)
    log = build.ends(code=1)
    assert log.count("is held") == 1
    assert f"Slurm job {job} ({name(lab, 'test')}) was cancelled" in log
    assert "Traceback" not in log
    assert jobs_of(lab, "test") == [job]


@at_once
def test_a_short_job_that_loses_its_node_starts_again(lab):
    build, job = suspended(lab, "train", constraint="pair3")
    node = job_field(job, "NodeList")
    as_root("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
    signal_job(job, signal.SIGKILL)  # slurmd brings the node back, which must be empty by then
    build.ends()
    assert job_field(job, "Restarts") == "1"
    assert jobs_of(lab, "train") == [job]


@at_once
def test_a_preempted_short_job_starts_again(lab):
    build, job = suspended(lab, "validation", constraint="pair2")
    words = ["--partition=urgent", "--constraint=pair2", "--nodes=2", "--exclusive"]
    with subprocess.Popen(["srun", *words, "true"]) as urgent:
        while urgent.poll() is None:  # Slurm continues the job, which could end before it is killed
            with contextlib.suppress(ProcessLookupError):
                signal_job(job, signal.SIGSTOP)
            time.sleep(0.2)
    assert urgent.returncode == 0
    with contextlib.suppress(ProcessLookupError):
        signal_job(job, signal.SIGCONT)
    log = build.ends()
    if job_field(job, "Restarts") == "1":  # Slurm has started it again
        assert jobs_of(lab, "validation") == [job]
    else:  # Slurm calls a job that outlived the notice one at its time limit: Snakemake submits another
        assert f"Slurm job {job} ({name(lab, 'validation')}) did not complete" in log
        assert len(jobs_of(lab, "validation")) == 2


def test_a_build_outlives_a_controller_that_is_away_and_has_then_forgotten_its_job(lab):
    running, job = suspended(lab, "train")
    as_root("kill", (FOLDER / "run/slurmctld.pid").read_text().strip())
    waiting = start(lab, "validation")
    signal_job(job, signal.SIGCONT)
    for build in (running, waiting):
        wait_until(lambda build=build: "Slurm does not answer" in build.output(), "it is told")
    wait_until(lambda: not list(job_processes(job)), "the job ends meanwhile")
    os.kill(running.process.pid, signal.SIGSTOP)  # until Slurm has forgotten its job
    as_root("sed", "-i", "s/^MinJobAge=.*/MinJobAge=2/", str(FOLDER / "etc/slurm.conf"))
    as_root("env", f"SLURM_CONF={FOLDER}/etc/slurm.conf", "slurmctld")
    wait_until(lambda: job not in jobs_of(lab, "train"), "Slurm forgets the job")
    os.kill(running.process.pid, signal.SIGCONT)
    assert f"Slurm job {job} ({name(lab, 'train')}) is forgotten by Slurm" in running.ends()
    waiting.ends()
    for build in (running, waiting):
        assert build.output().count("Slurm does not answer") == 1
        assert build.output().count("Slurm answers again") == 1
        assert "account" not in build.output()


def test_a_job_that_squeue_has_forgotten_has_ended(slurm):
    assert slurm_states(["99999999"]) == {"99999999": JobState("ended", "")}

"""Jobs on a Slurm with an accounting database that preempts with SIGTERM only."""

import shutil

import pytest
from helpers.at_once import at_once
from helpers.slurm_jobs import job_field, jobs_named, output, wait_until
from helpers.slurm_lab import Waiter

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module")
def slurm(slurm_with_accounting: None) -> None:
    """Run this module's lab on the Slurm with accounting."""


@at_once
def test_a_job_preempted_with_sigterm_only_resumes_and_ends_with_the_same_weights(lab):
    whole = lab.train("undisturbed")
    run = lab.train("preempted", "pair2").reaches(40)
    job = run.job
    words = ["--partition=urgent", "--constraint=pair2", "--nodes=2", "--exclusive"]
    output("srun", *words, "true")
    run.ends()
    assert jobs_named("sedd-preempted") == [job]
    assert job_field(job, "Restarts") == "1"
    whole.ends()
    run.has_weights_of(whole)


@at_once
def test_jobs_of_a_build_request_the_resources_of_the_cluster_file(lab):
    # more cores than this machine may have: it must not limit jobs on other nodes
    keys = {"account": "sedd", "partition": "main", "cpus_per_task": "4", "mem_gb": "4"}
    common = {**keys, "nodes": "1", "extra": "{nice: 3, exclude: sedd8}"}
    lab.cluster("cpus", **common, gpus_per_node="0", short_hours="0.5", short_mem_gb="2")
    lab.cluster("type", **common, gpus_per_node="k80:1")
    lab.cluster("gres", **common, gpus_per_node="null", gres="gpu:k80:1")
    shutil.rmtree(lab.folder / "results/data/corpus/text8/test")

    def build(cluster: str, target: str) -> Waiter:
        words = ("--configfile", "config/smoke.yaml", "--config", f"cluster={cluster}")
        return lab.snakemake(cluster, *words, "--nolock", "--", *target.split())

    run = "results/runs/steady"
    test = "results/data/corpus/text8/test/meta.json"
    log = build("cpus", f"{run}/checkpoints/step_100.pt {test}").ends()
    assert "account" not in log.lower().replace("slurm_account", "")
    # the test Slurm's GPUs are no GPUs: short jobs that get one are refused
    refused = {
        "perplexity": build("type", f"{run}/eval/step_100/corpus.json"),
        "sample": build("gres", f"{run}/samples/step_100/analytic_8.jsonl"),
    }
    for rule, builder in refused.items():
        log = builder.ends(code=1)
        name = f"{lab.project}:{rule}:steady:100"
        (job,) = jobs_named(name)  # not tried again
        assert f"Slurm job {job} ({name}) ended as FAILED" in log
        (error,) = (lab.folder / "logs" / rule).glob("steady.step_100.*")
        assert "this Slurm job has 1 GPU(s) on this node, but PyTorch" in error.read_text()
    jobs = {
        "tokenize": last_job(f"{lab.project}:tokenize:corpus:text8:test"),
        "train": last_job("sedd-steady"),
        "by type": last_job(f"{lab.project}:perplexity:steady:100"),
        "by gres": last_job(f"{lab.project}:sample:steady:100"),
    }
    fields = ("Partition", "Account", "Features", "CPUs/Task", "ExcNodeList", "TimeLimit")
    same = ["main", "sedd", "pair1", "4", "sedd8"]
    actual = {kind: [job_field(job, field) for field in fields] for kind, job in jobs.items()}
    assert actual == {
        "tokenize": [*same, "00:30:00"],
        "train": [*same, "01:00:00"],
        "by type": [*same, "01:00:00"],
        "by gres": [*same, "01:00:00"],
    }
    assert [
        job_field(jobs["tokenize"], "MinMemoryNode"),
        job_field(jobs["train"], "MinMemoryNode"),
    ] == ["2000M", "4G"]
    asked = {kind: job_field(job, "TresPerNode") for kind, job in jobs.items()}
    assert asked == {
        "tokenize": "",
        "train": "",
        "by type": "gres:gpu:k80:1",
        "by gres": "gres:gpu:k80:1",
    }


def last_job(name: str) -> str:
    """Id of the newest job with this name, which includes the project of a short job."""
    return max(jobs_named(name), key=int)


@at_once
def test_a_training_that_gets_gpus_but_sees_none_is_refused(lab):
    """The test Slurm's GPUs are no GPUs."""
    lab.cluster("gpus", nodes="1", gpus_per_node="k80:2")
    run = lab.train("no_gpus", "gpus")
    log = run.ends(code=2)
    assert "the job has 2 GPUs per node, but PyTorch" in log
    assert job_field(run.job, "TresPerNode") == "gres:gpu:k80:2"
    assert jobs_named("sedd-no_gpus") == [run.job]


def test_a_finished_job_is_in_the_accounting_database(slurm):
    output("sbatch", "--wait", "--job-name=remembered", "--output=/dev/null", "--wrap=true")
    wait_until(
        lambda: (
            "remembered|COMPLETED|sedd" in output("sacct", "-nP", "-o", "JobName,State,Account")
        ),
        "the job is in the database, which slurmctld updates periodically",
    )

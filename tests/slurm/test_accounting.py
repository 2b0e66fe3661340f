"""Jobs on a Slurm with an accounting database that preempts with SIGTERM only."""

import shutil

import pytest
from helpers.at_once import at_once
from helpers.slurm_jobs import job_field, jobs_named, output, wait_until

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
    lab.cluster("slurm", account="sedd", partition="main", gpus_per_node="1", cpus_per_task="4")
    shutil.rmtree(lab.folder / "results/data/corpus/text8/test")
    target = "results/runs/steady/eval/step_100/corpus.json"
    lab.snakemake("build", "--configfile", "config/smoke.yaml", "--", target).ends()
    jobs = {}
    for line in output("squeue", "--noheader", "--states=all", "--format=%i|%j|%k").splitlines():
        job, name, comment = line.split("|")
        if comment.startswith("rule_") or name == "sedd-steady":
            kind = comment.split("_")[1] if comment.startswith("rule_") else "train"
            fields = ("Partition", "Account", "Features", "CPUs/Task", "TresPerJob", "TresPerNode")
            jobs[kind] = [job_field(job, field) for field in fields]
    common = ["main", "sedd", "pair1", "4"]
    assert jobs == {
        "tokenize": [*common, "", ""],
        "train": [*common, "", "gres:gpu:1"],
        "perplexity": [*common, "gres:gpu:1", ""],
    }


def test_a_finished_job_is_in_the_accounting_database(slurm):
    output("sbatch", "--wait", "--job-name=remembered", "--output=/dev/null", "--wrap=true")
    wait_until(
        lambda: (
            "remembered|COMPLETED|sedd" in output("sacct", "-nP", "-o", "JobName,State,Account")
        ),
        "the job is in the database, which slurmctld updates periodically",
    )

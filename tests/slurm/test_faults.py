"""Fault injection on two nodes. Each run must end with the weights of an undisturbed run."""

import contextlib
import json
import os
import signal
from pathlib import Path

import pytest
from helpers.at_once import at_once
from helpers.slurm_jobs import (
    FOLDER,
    as_root,
    batch_script_of,
    job_field,
    jobs_named,
    output,
    processes_of,
    short_job,
    signal_job,
    wait_until,
)
from helpers.slurm_lab import STEPS, Lab, Run

pytestmark = pytest.mark.slurm


def undisturbed(lab: Lab) -> Run:
    """The undisturbed run, after its training has ended."""
    run = Run(lab, "undisturbed")
    wait_until(
        lambda: (run.folder / f"train/state_{STEPS}.pt").exists(),
        "the undisturbed run, started by test_two_nodes_train_one_run, ends",
    )
    return run


@at_once
def test_two_nodes_train_one_run(lab):
    run = lab.train("undisturbed")
    job = run.job
    log = run.ends()
    assert "400/400" in log
    assert job_field(job, "NodeList") == "sedd[1-2]"
    assert run.state()["world_size"] == 2
    for rank in (0, 1):
        rank_log = (run.folder / f"jobs/{job}/{job}_{rank}_log.out").read_text()
        assert f"node={rank}(2), global_rank={rank}(2)" in rank_log


@at_once
def test_a_job_at_its_time_limit_is_requeued_and_ends_with_the_same_weights(lab):
    run = lab.train("limited", "minute").reaches(200)
    job = run.job
    # Slurm's shortest time limit, one minute, exceeds this training; freezing the ranks reaches it
    ranks = run.freeze()

    def is_signaled(process: int) -> bool:
        try:
            status = Path(f"/proc/{process}/status").read_text()
        except OSError:
            return True  # already ended: on a busy machine the signal may come earlier
        pending = int(status.split("ShdPnd:")[1].split()[0], 16)
        return bool(pending & 1 << signal.SIGUSR2 - 1)

    wait_until(
        lambda: all(map(is_signaled, ranks.values())), "Slurm sends the signal before the limit"
    )
    run.thaw()
    run.ends()
    assert jobs_named("sedd-limited") == [job]
    assert int(job_field(job, "Restarts")) >= 1  # more on a busy machine
    run.has_weights_of(undisturbed(lab))


@at_once
def test_a_job_leaves_an_unresponsive_node_and_ends_with_the_same_weights(lab):
    run = lab.train("node_lost", "pair4").reaches(40)
    job = run.job
    as_root("kill", "-KILL", (FOLDER / "run/slurmd-sedd7.pid").read_text().strip())
    run.freeze()  # rank 0 is on that node, and Slurm cannot end it there
    wait_until(lambda: job_field(job, "JobState") != "RUNNING", "Slurm finds the node down")
    as_root("env", f"SLURM_CONF={FOLDER}/etc/slurm.conf", "slurmd", "-N", "sedd7")
    run.ends()
    assert job_field(job, "Restarts") == "1"
    run.has_weights_of(undisturbed(lab))


@at_once
def test_a_read_only_folder_is_reported_and_the_resumed_run_ends_with_the_same_weights(lab):
    run = lab.train("read_only").reaches(40)
    folder = str(run.folder / "train")
    as_root("mount", "--bind", folder, folder)
    try:
        as_root("mount", "-o", "remount,bind,ro", folder)
        log = run.ends(code=2)
        assert "cannot be saved: Read-only file system" in log
        assert len(jobs_named("sedd-read_only")) == 1, "resubmitted in vain"
    finally:
        as_root("umount", "--lazy", folder)
    run.wait_for("two").ends()
    run.has_weights_of(undisturbed(lab))


@at_once
def test_a_full_disk_is_reported_and_the_resumed_run_ends_with_the_same_weights(lab):
    run = Run(lab, "full")
    run.folder.mkdir(parents=True)
    as_root(
        "mount", "-t", "tmpfs", "-o", f"size=8m,mode=777,uid={os.getuid()}", "sedd", str(run.folder)
    )
    try:
        run.wait_for("two").reaches(40)
        fill(run.folder / "filler")
        log = run.ends(code=2)
        assert "cannot be saved: No space left on device" in log
        assert len(jobs_named("sedd-full")) == 1, "resubmitted in vain"
        (run.folder / "filler").unlink()
        run.wait_for("two").ends()
        run.has_weights_of(undisturbed(lab))
    finally:
        as_root("umount", "--lazy", str(run.folder))


def fill(path: Path) -> None:
    """Fill the disk, leaving room for a few log lines but not for a checkpoint."""
    with path.open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while file.write(bytes(1 << 12)):
                pass
        file.truncate(max(file.tell() - (1 << 15), 0))


@at_once
def test_a_requeued_job_ends_with_the_same_weights(lab):
    run = lab.train("requeued").reaches(40)
    job = run.job
    as_root("scontrol", "requeue", job)
    run.ends()
    assert jobs_named("sedd-requeued") == [job]
    assert job_field(job, "Restarts") == "1"
    run.has_weights_of(undisturbed(lab))


@at_once
def test_a_job_preempted_by_a_higher_partition_ends_with_the_same_weights(lab):
    run = lab.train("preempted", "pair2").reaches(40)
    job = run.job
    words = ["--partition=urgent", "--constraint=pair2", "--nodes=2", "--exclusive"]
    output("srun", *words, "true")
    run.ends()
    assert jobs_named("sedd-preempted") == [job]
    assert job_field(job, "Restarts") == "1"
    run.has_weights_of(undisturbed(lab))


@at_once
def test_a_killed_rank_ends_its_job_and_the_next_job_ends_with_the_same_weights(lab):
    run = lab.train("rank_killed").reaches(40)
    job = run.job
    os.kill(processes_of(job)[1], signal.SIGKILL)
    log = run.ends()
    assert f"job {job} ended" in log
    assert len(jobs_named("sedd-rank_killed")) >= 2
    run.has_weights_of(undisturbed(lab))


@at_once
def test_a_killed_batch_script_ends_its_job_and_the_next_job_ends_with_the_same_weights(lab):
    run = lab.train("script_killed").reaches(40)
    job = run.job
    os.kill(batch_script_of(job), signal.SIGKILL)
    log = run.ends()
    assert f"job {job} ended" in log
    assert len(jobs_named("sedd-script_killed")) >= 2
    run.has_weights_of(undisturbed(lab))


@at_once
def test_two_waiters_share_one_job_that_outlives_either(lab):
    run = lab.train("two_waiters").wait_for("two").reaches(40)
    run.waiters[0].process.kill()
    run.waiters[0].ends(code=-signal.SIGKILL)
    log = run.ends()
    assert "400/400" in log
    assert jobs_named("sedd-two_waiters") == [run.job]
    run.has_weights_of(undisturbed(lab))


@at_once
def test_a_job_leaves_a_node_that_goes_down_and_ends_with_the_same_weights(lab):
    run = lab.train("node_down", "pair3").reaches(40)
    job = run.job
    as_root("scontrol", "update", "NodeName=sedd6", "State=DOWN", "Reason=test")
    wait_until(lambda: job_field(job, "JobState") != "RUNNING", "Slurm requeues the job")
    with contextlib.suppress(AssertionError):  # slurmd may have resumed the node already
        as_root("scontrol", "update", "NodeName=sedd6", "State=RESUME")
    wait_until(
        lambda: "State=DOWN" not in output("scontrol", "show", "node", "sedd6"), "the node is up"
    )
    run.ends()
    assert job_field(job, "Restarts") == "1"
    run.has_weights_of(undisturbed(lab))


@at_once
def test_a_job_cancelled_with_scancel_is_reported_and_not_resubmitted(lab):
    run = lab.train("cancelled").reaches(40)
    job = run.job
    output("scancel", job)
    log = run.ends(code=2)
    assert f"job {job} was cancelled" in log
    assert jobs_named("sedd-cancelled") == [job]
    run.wait_for("two").ends()
    run.has_weights_of(undisturbed(lab))


@at_once
def test_a_job_that_this_account_may_not_cancel_is_not_recorded_as_cancelled(lab):
    run = lab.train("refused").reaches(40)
    job = run.job
    # Slurm's own scancel, called by another account
    script = lab.folder.parent / "bin/scancel"
    script.parent.mkdir()
    nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups"
    script.write_text(
        f'#!/bin/sh\nexec {"" if os.geteuid() == 0 else "sudo -n "}{nobody} /usr/bin/scancel "$@"\n'
    )
    script.chmod(0o755)
    path = f"{script.parent}:{os.environ['PATH']}"
    log = lab.start("cancel", "sedd", "cancel", "refused", PATH=path).ends(2)
    assert "Access/permission denied" in log
    record = json.loads((run.folder / "jobs/job.json").read_text())
    assert (record["job_id"], record["cancelled"]) == (job, None)
    run.ends()
    assert jobs_named("sedd-refused") == [job]
    run.has_weights_of(undisturbed(lab))


@at_once
def test_a_job_that_cannot_requeue_itself_is_followed_by_another(lab):
    programs = lab.folder.parent / "programs_without_scontrol"
    programs.mkdir()
    for path in Path("/usr/bin").iterdir():
        if path.name != "scontrol":
            (programs / path.name).symlink_to(path)
    lab.cluster("no_scontrol", setup=f"['export PATH={programs}']")
    run = lab.train("no_requeue", "no_scontrol").reaches(40)
    job = run.job
    run.signal(signal.SIGUSR2)  # as Slurm does before the time limit
    run.ends()
    assert "The job cannot requeue itself" in run.logs()
    assert len(jobs_named("sedd-no_requeue")) >= 2
    assert job_field(job, "Restarts") == "0"
    run.has_weights_of(undisturbed(lab))


@at_once
def test_a_short_job_at_its_time_limit_is_followed_by_one_with_more_time(lab):
    lab.cluster("brief", nodes="1", short_hours="0.0166")
    target = "results/data/corpus/text8/test/meta.json"
    (lab.folder / target).unlink()
    words = ("--configfile", "config/smoke.yaml", "--config", "cluster=brief", "--nolock")
    build = lab.snakemake("brief", *words, "--", target)

    def is_suspended() -> bool:
        job = short_job("split=test")
        return bool(job) and signal_job(job, signal.SIGSTOP)

    wait_until(is_suspended, "a job tokenizes")
    log = build.ends()
    name = f"{lab.project}:tokenize:corpus:text8:test"
    first, second = sorted(jobs_named(name), key=int)
    assert f"Slurm job {first} ({name}) did not complete: it reached its time limit" in log
    assert [job_field(job, "TimeLimit") for job in (first, second)] == ["00:01:00", "00:02:00"]


@at_once
def test_resuming_with_another_number_of_ranks_warns_about_rounding(lab):
    run = lab.train("shrunk").reaches(40)
    output("scancel", run.job)
    run.ends(code=2)
    run.wait_for("one").ends()
    assert "no longer bit-for-bit equal" in run.logs()
    assert run.state()["world_size"] == 1


@at_once
def test_resources_that_the_cluster_lacks_are_reported_once_in_slurms_words(lab):
    for key, value, message in (
        ("partition", "nosuch", "invalid partition specified: nosuch"),
        ("gpus_per_node", "4", "Requested node configuration is not available"),
        ("nodes", "8", "Requested node configuration is not available"),
    ):
        lab.cluster(f"wrong_{key}", **{key: value})
        run = lab.train(f"wrong_{key}", f"wrong_{key}")
        log = run.ends(code=2)
        assert log.count(message) == 1, log
        assert "Traceback" not in log
        assert output("squeue", "--noheader", f"--name=sedd-wrong_{key}") == ""

"""Training jobs on two nodes to which things happen. Each ends with the weights of the run to which nothing happened."""

import contextlib
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
    wait_until,
)
from helpers.slurm_lab import STEPS, Lab, Run

pytestmark = pytest.mark.slurm


def undisturbed(lab: Lab) -> Run:
    """The run to which nothing happens, trained."""
    run = Run(lab, "undisturbed")
    wait_until(
        lambda: (run.folder / f"train/state_{STEPS}.pt").exists(),
        "the undisturbed run ends, which test_two_nodes_train_one_run starts",
    )
    return run


@at_once
def test_two_nodes_train_one_run(lab):
    run = lab.train("undisturbed")
    job = run.job
    said = run.ends()
    assert "400/400" in said
    assert job_field(job, "NodeList") == "sedd[1-2]"
    assert run.state()["world_size"] == 2
    for rank in (0, 1):
        log = (run.folder / f"jobs/{job}/{job}_{rank}_log.out").read_text()
        assert f"node={rank}(2), global_rank={rank}(2)" in log


@at_once
def test_a_job_at_its_time_limit_makes_way_and_goes_on_to_the_same_weights(lab):
    run = lab.train("limited", "minute").reaches(40)
    job = run.job
    # Slurm's shortest limit, a minute, is longer than this training, unless it stands still
    ranks = run.freeze()

    def is_told(process: int) -> bool:
        try:
            status = Path(f"/proc/{process}/status").read_text()
        except OSError:
            return True  # and has made way: on a busy machine the signal comes before this test
        pending = int(status.split("ShdPnd:")[1].split()[0], 16)
        return bool(pending & 1 << signal.SIGUSR2 - 1)

    wait_until(lambda: all(map(is_told, ranks.values())), "Slurm sends the signal before the limit")
    run.thaw()
    run.ends()
    assert jobs_named("sedd-limited") == [job]
    assert int(job_field(job, "Restarts")) >= 1  # more on a busy machine
    run.has_weights_of(undisturbed(lab))


@at_once
def test_a_node_that_answers_no_more_is_left_and_the_run_ends_with_the_same_weights(lab):
    run = lab.train("node_lost", "pair4").reaches(40)
    job = run.job
    as_root("kill", "-KILL", (FOLDER / "run/slurmd-sedd7.pid").read_text().strip())
    run.freeze()  # rank 0 is on that node, where no one can end it
    wait_until(lambda: job_field(job, "JobState") != "RUNNING", "Slurm finds the node down")
    as_root("env", f"SLURM_CONF={FOLDER}/etc/slurm.conf", "slurmd", "-N", "sedd7")
    run.ends()
    assert job_field(job, "Restarts") == "1"
    run.has_weights_of(undisturbed(lab))


@at_once
def test_a_folder_that_cannot_be_written_is_told_and_the_run_goes_on_to_the_same_weights(lab):
    run = lab.train("read_only").reaches(40)
    folder = str(run.folder / "train")
    as_root("mount", "--bind", folder, folder)
    try:
        as_root("mount", "-o", "remount,bind,ro", folder)
        said = run.ends(code=2)
        assert "cannot be saved: Read-only file system" in said
        assert len(jobs_named("sedd-read_only")) == 1, "sent again in vain"
    finally:
        as_root("umount", "--lazy", folder)
    run.wait_for("two").ends()
    run.has_weights_of(undisturbed(lab))


@at_once
def test_a_full_disk_is_told_and_the_run_goes_on_to_the_same_weights(lab):
    run = Run(lab, "full")
    run.folder.mkdir(parents=True)
    as_root(
        "mount", "-t", "tmpfs", "-o", f"size=8m,mode=777,uid={os.getuid()}", "sedd", str(run.folder)
    )
    try:
        run.wait_for("two").reaches(40)
        fill(run.folder / "filler")
        said = run.ends(code=2)
        assert "cannot be saved: No space left on device" in said
        assert len(jobs_named("sedd-full")) == 1, "sent again in vain"
        (run.folder / "filler").unlink()
        run.wait_for("two").ends()
        run.has_weights_of(undisturbed(lab))
    finally:
        as_root("umount", "--lazy", str(run.folder))


def fill(path: Path) -> None:
    """Write until the disk has room for a few lines and for no checkpoint."""
    with path.open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while file.write(bytes(1 << 12)):
                pass
        file.truncate(max(file.tell() - (1 << 15), 0))


@at_once
def test_a_job_that_is_queued_again_goes_on_to_the_same_weights(lab):
    run = lab.train("requeued").reaches(40)
    job = run.job
    as_root("scontrol", "requeue", job)
    run.ends()
    assert jobs_named("sedd-requeued") == [job]
    assert job_field(job, "Restarts") == "1"
    run.has_weights_of(undisturbed(lab))


@at_once
def test_a_job_preempted_by_a_higher_partition_goes_on_to_the_same_weights(lab):
    run = lab.train("preempted", "pair2").reaches(40)
    job = run.job
    words = ["--partition=urgent", "--constraint=pair2", "--nodes=2", "--exclusive"]
    output("srun", *words, "true")
    run.ends()
    assert jobs_named("sedd-preempted") == [job]
    assert job_field(job, "Restarts") == "1"
    run.has_weights_of(undisturbed(lab))


@at_once
def test_a_killed_process_ends_its_job_and_the_next_goes_on_to_the_same_weights(lab):
    run = lab.train("rank_killed").reaches(40)
    job = run.job
    os.kill(processes_of(job)[1], signal.SIGKILL)
    said = run.ends()
    assert f"job {job} ended" in said
    assert len(jobs_named("sedd-rank_killed")) >= 2
    run.has_weights_of(undisturbed(lab))


@at_once
def test_a_killed_batch_script_ends_its_job_and_the_next_goes_on_to_the_same_weights(lab):
    run = lab.train("script_killed").reaches(40)
    job = run.job
    os.kill(batch_script_of(job), signal.SIGKILL)
    said = run.ends()
    assert f"job {job} ended" in said
    assert len(jobs_named("sedd-script_killed")) >= 2
    run.has_weights_of(undisturbed(lab))


@at_once
def test_two_who_ask_at_once_get_one_job_that_outlives_either(lab):
    run = lab.train("asked_twice").wait_for("two").reaches(40)
    run.waiters[0].process.kill()
    run.waiters[0].ends(code=-signal.SIGKILL)
    said = run.ends()
    assert "400/400" in said
    assert jobs_named("sedd-asked_twice") == [run.job]
    run.has_weights_of(undisturbed(lab))


@at_once
def test_a_node_that_goes_down_is_left_and_the_run_ends_with_the_same_weights(lab):
    run = lab.train("node_down", "pair3").reaches(40)
    job = run.job
    as_root("scontrol", "update", "NodeName=sedd6", "State=DOWN", "Reason=test")
    wait_until(lambda: job_field(job, "JobState") != "RUNNING", "the job is taken from the node")
    with contextlib.suppress(AssertionError):  # a slurmd that reports again has brought it back
        as_root("scontrol", "update", "NodeName=sedd6", "State=RESUME")
    wait_until(lambda: "State=DOWN" not in output("scontrol", "show", "node", "sedd6"), "it is up")
    run.ends()
    assert job_field(job, "Restarts") == "1"
    run.has_weights_of(undisturbed(lab))


@at_once
def test_a_job_cancelled_by_hand_is_told_and_not_sent_again_until_asked(lab):
    run = lab.train("cancelled").reaches(40)
    job = run.job
    output("scancel", job)
    said = run.ends(code=2)
    assert f"job {job} was cancelled" in said
    assert jobs_named("sedd-cancelled") == [job]
    run.wait_for("two").ends()
    run.has_weights_of(undisturbed(lab))


@at_once
def test_a_run_goes_on_in_another_number_of_processes_and_says_so(lab):
    run = lab.train("shrunk").reaches(40)
    output("scancel", run.job)
    run.ends(code=2)
    run.wait_for("one").ends()
    assert "no longer equal, bit for bit" in run.logs()
    assert run.state()["world_size"] == 1


@at_once
def test_what_the_cluster_does_not_have_is_told_in_its_own_words_once(lab):
    for key, value, words in (
        ("partition", "nosuch", "invalid partition specified: nosuch"),
        ("gpus_per_node", "4", "Requested node configuration is not available"),
        ("nodes", "8", "Requested node configuration is not available"),
    ):
        lab.cluster(f"wrong_{key}", **{key: value})
        run = lab.train(f"wrong_{key}", f"wrong_{key}")
        said = run.ends(code=2)
        assert said.count(words) == 1, said
        assert "Traceback" not in said
        assert output("squeue", "--noheader", f"--name=sedd-wrong_{key}") == ""

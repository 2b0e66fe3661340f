"""Records and failures of jobs, and error messages of Slurm."""

import json
import signal
import types
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sedd.errors import CheckpointError, JobError
from sedd.launch.failure import failed_rank, failure_file, first_failure, log_tail, write_failure
from sedd.launch.job import TrainJob
from sedd.launch.record import JobRecord, JobState, read_record, write_record
from sedd.launch.slurm_commands import error_text, is_unreachable
from sedd.launch.status import summarize
from sedd.paths import job_file, jobs_dir

RECORD = JobRecord(
    run="run",
    job_id="7",
    executor="local",
    cluster="pair",
    host="here",
    identity="0" * 64,
    settings="settings.json",
    num_tasks=2,
    sent="2026-01-01T00:00:00+00:00",
    step_before=0,
)


@pytest.fixture
def folder(project):
    path = jobs_dir("run") / "7"
    path.mkdir(parents=True)
    for rank in range(2):
        RECORD.log(rank).write_text(f"begins\rbar of {rank}\nends {rank}\n")
    return path


def test_slurm_errors_are_shown_once_and_without_command_names():
    stderr = (
        "sbatch: error: invalid partition specified: nosuch\n"
        "sbatch: error: Batch job submission failed: Invalid partition name specified\n"
        "sbatch: error: invalid partition specified: nosuch\n"
    )
    assert error_text(stderr) == (
        "invalid partition specified: nosuch; "
        "Batch job submission failed: Invalid partition name specified"
    )
    assert not is_unreachable(stderr)
    assert is_unreachable("squeue: error: Unable to contact slurm controller (connect failure)")


def test_the_root_cause_is_reported_not_ranks_that_only_lost_a_peer(folder):
    write_failure(failure_file("run", "7", 0), RuntimeError("Connection closed by peer [::1]:41"))
    write_failure(failure_file("run", "7", 1), CheckpointError("no room is left"))
    failure = first_failure(RECORD)
    assert failure is not None
    assert (failure.rank, failure.is_user_error, failure.message) == (1, True, "no room is left")
    assert log_tail(RECORD).splitlines()[1:] == ["    begins", "    bar of 1", "    ends 1"]


def test_the_log_of_a_killed_rank_is_shown_because_it_recorded_no_error(folder):
    write_failure(failure_file("run", "7", 0), RuntimeError("Connection reset by peer"))
    assert first_failure(RECORD) is None
    assert failed_rank(RECORD) == 1


def test_a_missing_log_means_that_the_job_did_not_start(project):
    assert "the job did not start" in log_tail(RECORD)


def test_a_record_survives_a_round_trip_and_a_malformed_file_is_named(project):
    assert read_record("run") is None
    record = replace(RECORD, cancelled="2026-01-01T00:00:01+00:00")
    write_record(record)
    assert read_record("run") == record
    job_file("run").write_text(json.dumps({"job": 1}))
    with pytest.raises(JobError, match=r"job\.json: not a job record"):
        read_record("run")


@pytest.mark.parametrize(
    "error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")]
)
def test_a_job_that_lacks_memory_says_so_in_one_line_and_is_not_sent_again(
    folder, monkeypatch, capsys, error
):
    def train(job, environment):
        raise error

    monkeypatch.setattr(TrainJob, "_train", train)
    monkeypatch.setattr(TrainJob, "_set_environment", lambda *_: None)
    place = types.SimpleNamespace(job_id="7", global_rank=1, cluster="local", num_tasks=1)
    monkeypatch.setattr("submitit.JobEnvironment", lambda: place)
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as exit:
            TrainJob(str(Path.cwd()), "run", "settings.json", 1, 0, None)()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert exit.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("sedd: not enough memory")
    assert len(said.splitlines()) == 1
    failure = first_failure(RECORD)
    assert failure is not None
    assert failure.is_user_error
    assert summarize("run", RECORD, JobState("ended"), 9) == ("failed", failure.message)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("OUT_OF_MEMORY", "raise mem_gb in the cluster's file"),
        ("", "it was stopped, or killed, e.g. for lack of memory"),
        ("NODE_FAIL", "NODE_FAIL"),
    ],
)
def test_a_job_killed_without_a_word_has_a_reason_in_the_status(folder, state, reason):
    shown, detail = summarize("run", RECORD, JobState("ended", state), 9)
    assert shown == "failed"
    assert reason in detail
    assert len(detail.splitlines()) == 1

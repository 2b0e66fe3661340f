"""What is told of jobs: Slurm's words once, the log of the process that failed first, times a person reads."""

import json
from dataclasses import replace

import pytest
from sedd.launch.metrics import clock_time

from sedd.errors import CheckpointError, JobError
from sedd.launch.failure import failed_rank, failure_file, first_failure, log_tail, write_failure
from sedd.launch.record import JobRecord, read_record, write_record
from sedd.launch.slurm import is_unreachable, words
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
    made = jobs_dir("run") / "7"
    made.mkdir(parents=True)
    for rank in range(2):
        RECORD.log(rank).write_text(f"begins\rbar of {rank}\nends {rank}\n")
    return made


def test_slurms_words_are_told_once_and_without_its_commands_names():
    said = (
        "sbatch: error: invalid partition specified: nosuch\n"
        "sbatch: error: Batch job submission failed: Invalid partition name specified\n"
        "sbatch: error: invalid partition specified: nosuch\n"
    )
    assert words(said) == (
        "invalid partition specified: nosuch; Batch job submission failed: Invalid partition name specified"
    )
    assert not is_unreachable(said)
    assert is_unreachable("squeue: error: Unable to contact slurm controller (connect failure)")


def test_the_process_that_failed_is_told_not_those_that_failed_for_the_lack_of_it(folder):
    write_failure(failure_file("run", "7", 0), RuntimeError("Connection closed by peer [::1]:41"))
    write_failure(failure_file("run", "7", 1), CheckpointError("no room is left"))
    failure = first_failure(RECORD)
    assert failure is not None
    assert (failure.rank, failure.is_user_error, failure.message) == (1, True, "no room is left")
    assert log_tail(RECORD).splitlines()[1:] == ["    begins", "    bar of 1", "    ends 1"]


def test_a_killed_process_left_no_word_so_that_its_log_is_shown(folder):
    write_failure(failure_file("run", "7", 0), RuntimeError("Connection reset by peer"))
    assert first_failure(RECORD) is None
    assert failed_rank(RECORD) == 1


def test_a_job_that_did_not_start_has_no_log_and_that_is_told(project):
    assert "did not get to start" in log_tail(RECORD)


def test_a_record_is_read_as_it_was_written_and_a_foreign_file_is_named(project):
    assert read_record("run") is None
    record = replace(RECORD, cancelled="2026-01-01T00:00:01+00:00")
    write_record(record)
    assert read_record("run") == record
    job_file("run").write_text(json.dumps({"job": 1}))
    with pytest.raises(JobError, match=r"job\.json: not a job's record"):
        read_record("run")


def test_times_are_written_as_people_read_them():
    assert [clock_time(s) for s in (0, 59.6, 3723, 90_061)] == [
        *("0:00:00", "0:01:00", "1:02:03"),
        "1 d 1:01:01",
    ]

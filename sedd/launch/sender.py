"""The process that sends a job: python -m sedd.launch.sender RUN CLUSTER SETTINGS IDENTITY UNTIL.

In a session of its own: Ctrl-C reaches every process of a terminal, and a job must survive it. And if the one who asked is
killed between the sending and the record, this process still writes the record, with the lock held.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from submitit.core.utils import FailedJobError, FailedSubmissionError
from submitit.helpers import clean_env

from sedd.config import ClusterConfig, load_cluster
from sedd.errors import ConfigError, Problem, SeddError
from sedd.launch.executor import build_executor
from sedd.launch.job import TrainJob
from sedd.launch.record import JobRecord, newest_state, write_record
from sedd.launch.slurm import words
from sedd.paths import cluster_file, jobs_dir, kept_checkpoint_file
from sedd.runtime.provenance import now


def submit(
    run: str, cluster: ClusterConfig, settings: Path, identity: str, until: int
) -> JobRecord:
    """Submit the run's job and record it. No other may be alive.

    Raises ConfigError with Slurm's own words if it refuses the job.
    """
    executor = build_executor(cluster, run)
    before = newest_state(run)
    job = TrainJob(
        project=str(Path.cwd()),
        run=run,
        settings=str(settings),
        threads=cluster.cpus_per_task,
        device="cpu" if cluster.gpus_per_node == 0 else None,
        visible_devices=os.environ.get("CUDA_VISIBLE_DEVICES"),
        first=until if until < before and not kept_checkpoint_file(run, until).exists() else None,
    )
    remove_leavings(run)
    try:
        with clean_env():  # when sent from within a job
            sent = executor.submit(job)
    except (FailedJobError, FailedSubmissionError) as error:
        refused = Problem("sbatch", words(str(error)))
        raise ConfigError(str(cluster_file(cluster.name)), [refused]) from None
    record = JobRecord(
        run=run,
        job_id=sent.job_id,
        executor=cluster.executor,
        cluster=cluster.name,
        host=socket.gethostname(),
        identity=identity,
        settings=str(settings),
        num_tasks=cluster.num_devices,
        sent=now(),
        step_before=before,
    )
    write_record(record)
    return record


def remove_leavings(run: str) -> None:
    """Remove what earlier jobs were sent with: a new job that is given an old process id would read it as its own."""
    for pattern in ("*/*_submitted.pkl", "*/*_result.pkl", "*.pkl", ".submission_file_*"):
        for path in jobs_dir(run).glob(pattern):
            path.unlink()


def main(arguments: list[str]) -> int:
    run, cluster, settings, identity, until = arguments
    # the answer is for the one who asked; what Slurm's commands or a job's controller print goes to the log
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as answer:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        try:
            submit(run, load_cluster(cluster), Path(settings), identity, int(until))
        except SeddError as error:
            answer.write(str(error))
            return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

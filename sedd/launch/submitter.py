"""The process that submits a job.

Usage: python -m sedd.launch.submitter RUN CLUSTER SETTINGS IDENTITY UNTIL

It runs in its own session, so that Ctrl-C in the terminal does not reach the job. If the process
that started it is killed between submission and recording, it still writes the record, and holds
the lock until then.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import submitit
from submitit.core.utils import FailedJobError, FailedSubmissionError
from submitit.helpers import clean_env

from sedd.config import ClusterConfig, load_cluster
from sedd.errors import ConfigError, Problem, SeddError
from sedd.launch.job import TrainJob
from sedd.launch.local import submitit_folder
from sedd.launch.record import JobRecord, lock_file, newest_saved_step, write_record
from sedd.launch.slurm_commands import error_text, job_comment, job_name
from sedd.paths import cluster_file, jobs_dir, kept_checkpoint_file
from sedd.runtime.lock import adopt
from sedd.runtime.provenance import now

MAX_INTERRUPTIONS = 100_000
"""requeues allowed per job; submitit counts each as a timeout and allows three by default"""


def submit(run: str, cluster: ClusterConfig, settings: Path, identity: str, until: int) -> None:
    """Submit the run's job and record it. The run must have no other live job.

    Raises ConfigError with Slurm's message if Slurm refuses the job.
    """
    executor = (
        local_executor(cluster, run)
        if cluster.executor == "local"
        else slurm_executor(cluster, run)
    )
    step_before = newest_saved_step(run)
    is_past = until < step_before and not kept_checkpoint_file(run, until).exists()
    job = TrainJob(
        project=str(Path.cwd()),
        run=run,
        settings=str(settings),
        threads=cluster.cpus_per_task,
        gpus=cluster.num_gpus,
        visible_devices=os.environ.get("CUDA_VISIBLE_DEVICES"),
        first=until if is_past else None,
    )
    remove_old_job_files(run)
    try:
        with clean_env():  # removes Slurm's variables if this process itself runs inside a job
            submitted = executor.submit(job)
    except (FailedJobError, FailedSubmissionError) as error:
        problem = Problem("sbatch", error_text(str(error)))
        raise ConfigError(str(cluster_file(cluster.name)), [problem]) from None
    write_record(
        JobRecord(
            run=run,
            job_id=submitted.job_id,
            executor=cluster.executor,
            cluster=cluster.name,
            host=socket.gethostname(),
            identity=identity,
            settings=str(settings),
            num_tasks=cluster.num_devices,
            sent=now(),
            step_before=step_before,
        )
    )


def local_executor(cluster: ClusterConfig, run: str) -> submitit.Executor:
    executor = submitit.LocalExecutor(submitit_folder(run), max_num_timeout=MAX_INTERRUPTIONS)
    executor.update_parameters(
        timeout_min=cluster.hours * 60,
        tasks_per_node=cluster.tasks_per_node,
        signal_delay_s=cluster.notice_seconds,
        stderr_to_stdout=True,
    )
    return executor


def slurm_executor(cluster: ClusterConfig, run: str) -> submitit.Executor:
    """The executor for a Slurm cluster. Raises ConfigError if this machine has no Slurm."""
    try:
        executor = submitit.SlurmExecutor(submitit_folder(run), max_num_timeout=MAX_INTERRUPTIONS)
    except RuntimeError as error:
        what = f"is slurm, but {str(error)[0].lower()}{str(error)[1:]}"
        raise ConfigError(str(cluster_file(cluster.name)), [Problem("executor", what)]) from None
    executor.update_parameters(
        job_name=job_name(run),
        comment=job_comment("train", run=run),
        nodes=cluster.nodes,
        ntasks_per_node=cluster.tasks_per_node,
        gpus_per_node=cluster.gpus_per_node or None,
        gres=cluster.gres,
        cpus_per_task=cluster.cpus_per_task,
        mem=f"{cluster.mem_gb}GB",
        time=cluster.minutes,
        partition=cluster.partition,
        account=cluster.account,
        qos=cluster.qos,
        constraint=cluster.constraint,
        setup=list(cluster.setup),
        signal_delay_s=cluster.notice_seconds,
        stderr_to_stdout=True,
        wckey=None,
        # end the whole job when one rank is killed, instead of leaving the others waiting for it;
        # since Slurm 22.05 srun no longer inherits cpus-per-task from the job
        srun_args=["--kill-on-bad-exit=1", f"--cpus-per-task={cluster.cpus_per_task}"],
        additional_parameters={"requeue": True, **cluster.options},
    )
    return executor


def remove_old_job_files(run: str) -> None:
    """Remove submitit's files of earlier jobs.

    A new local job whose process id was used before would read them as its own.
    """
    for pattern in ("*/*_submitted.pkl", "*/*_result.pkl", "*.pkl", ".submission_file_*"):
        for path in jobs_dir(run).glob(pattern):
            path.unlink()


def main(arguments: list[str]) -> int:
    run, cluster, settings, identity, until = arguments
    adopt(lock_file(run))
    # stdout carries only our error message; the output of Slurm or a controller goes to the log
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as stdout:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        try:
            submit(run, load_cluster(cluster), Path(settings), identity, int(until))
        except SeddError as error:
            stdout.write(str(error))
            return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

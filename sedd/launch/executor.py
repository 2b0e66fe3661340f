"""From `config/cluster/NAME.yaml` to submitit's executors."""

from __future__ import annotations

import submitit

from sedd.config import ClusterConfig
from sedd.errors import ConfigError, Problem
from sedd.launch.processes import submitit_folder
from sedd.launch.slurm import job_name
from sedd.paths import cluster_file

INTERRUPTIONS = 100_000
"""that a job may live through; submitit counts each of a short job as a time-out, and allows three by default"""


def build_executor(cluster: ClusterConfig, run: str) -> submitit.Executor:
    """The executor of a run's training jobs. Raises ConfigError if there is no such thing here."""
    if cluster.executor == "local":
        return _local(cluster, run)
    return _slurm(cluster, run)


def _local(cluster: ClusterConfig, run: str) -> submitit.Executor:
    executor = submitit.LocalExecutor(submitit_folder(run), max_num_timeout=INTERRUPTIONS)
    executor.update_parameters(
        timeout_min=cluster.hours * 60,
        tasks_per_node=cluster.tasks_per_node,
        signal_delay_s=cluster.notice_seconds,
        stderr_to_stdout=True,
    )
    return executor


def _slurm(cluster: ClusterConfig, run: str) -> submitit.Executor:
    try:
        executor = submitit.SlurmExecutor(submitit_folder(run), max_num_timeout=INTERRUPTIONS)
    except RuntimeError as error:
        what = f"is slurm, but {str(error)[0].lower()}{str(error)[1:]}"
        raise ConfigError(str(cluster_file(cluster.name)), [Problem("executor", what)]) from None
    extra = {key: value for key, value in cluster.extra.items() if value is not False}
    executor.update_parameters(
        job_name=job_name(run),
        nodes=cluster.nodes,
        ntasks_per_node=cluster.tasks_per_node,
        gpus_per_node=cluster.gpus_per_node or None,
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
        # a process that is killed must not leave the others waiting for it;
        # since 22.05 srun no longer takes the cores over from the job
        srun_args=["--kill-on-bad-exit=1", f"--cpus-per-task={cluster.cpus_per_task}"],
        additional_parameters={"requeue": True, **extra},
    )
    return executor

"""A build: its files, and for each job the inputs, settings and resources.

Wildcards are those of a rule's output, as strings: experiment, step, dataset, ... Nothing here runs
a job or imports torch.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sedd.config import (
    AnyExperiment,
    ClusterConfig,
    Experiment,
    TableConfig,
    check_project,
    device_problems,
    load_cluster,
    load_project,
    load_subject,
    load_table,
)
from sedd.errors import ConfigError, SeddError
from sedd.paths import cluster_file, experiment_file, table_file
from sedd.results import samples
from sedd.results.kinds import KINDS
from sedd.workflow.rules import rules

# what the target rules of the Snakefile ask for, as rules whose files they are
TARGETS: dict[str, Collection[str]] = {
    "data": ("tokenize",),
    "checkpoints": ("train", "curves"),
    "evaluations": KINDS.keys(),
    "tables": ("table", "figure"),
    "reports": ("report", "figures", "compare", "overview"),
}


@dataclass(frozen=True)
class Job:
    """One call of a rule: its wildcards, the files it makes, and those it reads."""

    rule: str
    wildcards: SimpleNamespace
    outputs: list[str]
    inputs: list[str]


class Build:
    """The build that a file such as config/config.yaml, or Snakemake's merged configuration,
    describes.
    """

    def __init__(self, project: Path | Mapping[str, Any] = Path("config/config.yaml")):
        """Read and check everything that the build names.

        Raises SeddError with the problems of all files at once.
        """
        self.project = load_project(project)
        self._check_files()
        self.cluster: ClusterConfig = load_cluster(self.project.cluster)
        self.experiments: dict[str, AnyExperiment] = {
            name: load_subject(name) for name in self.project.experiments
        }
        # pretrained models have no checkpoint and no page
        self.trained: dict[str, Experiment] = {
            name: one for name, one in self.experiments.items() if isinstance(one, Experiment)
        }
        self.tables: dict[str, TableConfig] = {
            name: load_table(name) for name in self.project.tables
        }
        for name, experiment in self.trained.items():
            if problems := device_problems(experiment, self.cluster):
                raise ConfigError(f"{name} on cluster {self.project.cluster}", problems)

    def targets(self, kind: str) -> list[str]:
        """Every file of a kind: one of TARGETS, or the name of a rule."""
        names = TARGETS.get(kind, (kind,))
        return [path for rule in names for job in self.jobs(rule) for path in job.outputs]

    def jobs(self, rule: str) -> list[Job]:
        """Every job of a rule, once each."""
        definition = rules()[rule]
        jobs = definition.build_jobs(self)
        for subject in self.experiments.values():
            jobs += definition.jobs(subject)
        distinct = {tuple(sorted(job.items())): job for job in jobs}
        return [self._job(rule, job) for job in distinct.values()]

    def inputs(self, rule: str, wildcards: Any) -> list[str]:
        """The files that a job reads. Raises SeddError for a job that cannot exist."""
        return rules()[rule].inputs(self, wildcards)

    def settings(self, rule: str, wildcards: Any) -> Any:
        """The settings that a job depends on. Snakemake keeps them as `params` and runs the job
        again if they change.
        """
        return rules()[rule].settings(self, wildcards)

    def sampler(self, wildcards: Any) -> str:
        """The options of `sedd sample` that choose the sampler of a job."""
        return shlex.join(
            samples.sampler_words(self.subject(wildcards.experiment), wildcards.sampler)
        )

    def resources(self, *, computes: bool) -> dict[str, Any]:
        """Snakemake's resources of a short job, which gets as much as one process of a training
        job.

        computes: whether the job runs a network, on a GPU if training has one.
        """
        cluster = self.cluster
        resources: dict[str, Any] = {
            "mem_mb": cluster.mem_gb * 1000 // cluster.tasks_per_node,
            "runtime": cluster.minutes,
            # Snakemake bounds `threads` by the cores of this machine, also for jobs elsewhere
            "cpus_per_task": cluster.cpus_per_task,
        }
        if cluster.executor == "slurm":
            resources |= {
                "slurm_partition": cluster.partition,
                "slurm_account": cluster.account,
                "qos": cluster.qos,
                "constraint": cluster.constraint,
                "gpu": 1 if computes and cluster.gpus_per_node else None,
            }
        return {key: value for key, value in resources.items() if value is not None}

    @property
    def training_cores(self) -> int:
        """Cores of this machine that a training job takes; waiting for a job elsewhere needs one."""
        if self.cluster.executor == "local":
            return self.cluster.num_devices * self.cluster.cpus_per_task
        return 1

    def subject(self, name: str) -> AnyExperiment:
        """An experiment of the build, or any other that a target names. Raises ConfigError."""
        return self.experiments.get(name) or load_subject(name)

    def trained_subject(self, name: str) -> Experiment:
        """`subject`, which must be trained here. Raises SeddError."""
        subject = self.subject(name)
        if not isinstance(subject, Experiment):
            raise SeddError(
                f"{name}: {subject.pretrained} is pretrained: it is measured as it is, and has no checkpoint here"
            )
        return subject

    def files_of(self, rule: str, name: str) -> list[str]:
        """Every file that a rule makes for one experiment, which need not belong to the build."""
        return [
            path for job in rules()[rule].jobs(self.subject(name)) for path in _outputs(rule, job)
        ]

    def _check_files(self) -> None:
        """Raise SeddError with the problems of every file that the build names."""
        files = [
            *map(experiment_file, self.project.experiments),
            *map(table_file, self.project.tables),
            cluster_file(self.project.cluster),
        ]
        if errors := check_project(files):
            raise SeddError("\n".join(map(str, errors)))

    def _job(self, rule: str, job: dict[str, Any]) -> Job:
        wildcards = SimpleNamespace(**{key: str(value) for key, value in job.items()})
        return Job(rule, wildcards, _outputs(rule, job), self.inputs(rule, wildcards))


def _outputs(rule: str, job: dict[str, Any]) -> list[str]:
    return [path.format(**job) for path in rules()[rule].outputs]

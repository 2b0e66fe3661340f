"""A build: its files, and for each job the inputs, settings and resources.

Wildcards are those of a rule's output, as strings: experiment, step, dataset, ... Nothing here runs
a job or imports torch.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sedd.config import (
    AnyExperiment,
    ClusterConfig,
    Experiment,
    SweepConfig,
    TableConfig,
    check_project,
    device_problems,
    load_cluster,
    load_dataset,
    load_project,
    load_subject,
    load_sweep,
    load_table,
    needed_tokens,
)
from sedd.config.definition import find
from sedd.config.file_names import existing
from sedd.data.parts import part_of
from sedd.errors import ConfigError, SeddError
from sedd.paths import cluster_file, name_of_folder, report_file, sweep_file, table_file
from sedd.results import samples
from sedd.results.kinds import KINDS
from sedd.workflow.rules import rules

# what the target rules of the Snakefile ask for, as rules whose files they are
TARGETS: dict[str, Collection[str]] = {
    "data": ("vocabulary", "tokenize"),
    "checkpoints": ("train", "curves"),
    "evaluations": KINDS.keys(),
    "tables": ("table", "figure"),
    "reports": ("report", "figures", "compare", "sweep", "overview"),
}

SBATCH = "sbatch_options"
"""resource of a short job: further options of sbatch, as words of a shell"""
RETRIES = 2


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

    def __init__(
        self,
        project: Path | Mapping[str, Any] = Path("config/config.yaml"),
        sweeps: Collection[str] = (),
    ):
        """Read and check everything that the build names. sweeps: in place of those of the build.

        Raises SeddError with the problems of all files at once.
        """
        self.project = load_project(project)
        if sweeps:
            self.project = self.project.model_copy(update={"sweeps": tuple(sweeps)})
        self._check_files()
        self.cluster: ClusterConfig = load_cluster(self.project.cluster)
        self.sweeps: dict[str, SweepConfig] = {
            name: load_sweep(name) for name in self.project.sweeps
        }
        members = [member.name for sweep in self.sweeps.values() for member in sweep.members()]
        self.experiments: dict[str, AnyExperiment] = {
            name: load_subject(name) for name in (*self.project.experiments, *members)
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

    def splits_beside(self, wildcards: Any) -> list[str]:
        """The splits that the build needs beside that of a `tokenize` job, from the same texts."""
        name, tokenizer = wildcards.dataset, name_of_folder(wildcards.tokenizer)
        needed = [one for subject in self.experiments.values() for one in needed_tokens(subject)]
        splits = [split for *of, split in needed if of == [name, tokenizer]]
        if not splits:
            return []  # a target outside of the build
        dataset = load_dataset(name)
        part = part_of(dataset, wildcards.split)
        others = dict.fromkeys(one for one in splits if one != wildcards.split)
        return [one for one in others if part_of(dataset, one) == part]

    def sampler(self, wildcards: Any) -> str:
        """The options of `sedd sample` that choose the sampler of a job."""
        return shlex.join(
            samples.sampler_words(self.subject(wildcards.experiment), wildcards.sampler)
        )

    def resources(self, *, computes: bool) -> dict[str, Any]:
        """Snakemake's resources of a short job: the cores of one training process, and its own
        time and memory, of which a further attempt gets more.

        computes: whether the job runs a network, on a GPU if training has one.
        """
        cluster = self.cluster
        most_mb = cluster.mem_gb * 1000 // cluster.tasks_per_node
        resources: dict[str, Any] = {
            "mem_mb": _by_attempt(cluster.short_mem_mb, most_mb),
            "runtime": _by_attempt(cluster.short_minutes, cluster.minutes),
            # Snakemake bounds `threads` by the cores of this machine, also for jobs elsewhere
            "cpus_per_task": cluster.cpus_per_task,
        }
        if cluster.executor == "slurm":
            options = cluster.options | (cluster.one_gpu if computes else {})
            words = [
                f"--{key.replace('_', '-')}" + ("" if value is True else f"={value}")
                for key, value in options.items()
            ]
            resources |= {
                "slurm_partition": cluster.partition,
                "slurm_account": cluster.account,
                "qos": cluster.qos,
                "constraint": cluster.constraint,
                SBATCH: shlex.join(words) or None,
            }
        return {key: value for key, value in resources.items() if value is not None}

    @property
    def retries(self) -> int:
        """How often a short job runs again that lost its node or reached a limit."""
        return RETRIES if self.cluster.executor == "slurm" else 0

    @property
    def training_cores(self) -> int:
        """Cores of this machine that a training job takes; waiting for a job elsewhere needs one."""
        if self.cluster.executor == "local":
            return self.cluster.num_devices * self.cluster.cpus_per_task
        return 1

    @property
    def compared(self) -> list[str]:
        """The trained experiments that are named one by one. A sweep has a page of its own."""
        return [name for name in self.project.experiments if name in self.trained]

    def definition(self, wildcards: Any) -> str:
        """The file that an experiment is defined in."""
        return str(find(wildcards.experiment))

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

    def sweep_targets(self) -> list[str]:
        """The pages of all sweeps and of their runs."""
        members = [one.name for sweep in self.sweeps.values() for one in sweep.members()]
        return [*(str(report_file(name)) for name in members), *self.targets("sweep")]

    def _check_files(self) -> None:
        """Raise SeddError with the problems of every file that the build names."""
        files = [
            *map(find, self.project.experiments),
            *(existing(sweep_file, name, "sweeps") for name in self.project.sweeps),
            *map(table_file, self.project.tables),
            cluster_file(self.project.cluster),
        ]
        if errors := check_project(list(dict.fromkeys(files))):
            raise SeddError("\n".join(map(str, errors)))

    def _job(self, rule: str, job: dict[str, Any]) -> Job:
        wildcards = SimpleNamespace(**{key: str(value) for key, value in job.items()})
        return Job(rule, wildcards, _outputs(rule, job), self.inputs(rule, wildcards))


def _outputs(rule: str, job: dict[str, Any]) -> list[str]:
    return [path.format(**job) for path in rules()[rule].outputs]


def _by_attempt(first: int, most: int) -> Callable[..., int]:
    """A resource that grows with the attempt, up to that of a training."""
    return lambda wildcards, attempt: min(first * attempt, max(first, most))

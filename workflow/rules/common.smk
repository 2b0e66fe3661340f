# Which files the build consists of. The configuration is read and checked by the package itself, so that a mistake
# in it ends a dry run with the same message as `sedd config check`.
import os
import sys
from pathlib import Path

from sedd.config import (
    checkpoint_steps,
    device_problems,
    load_cluster,
    load_dataset,
    load_experiment,
    load_project,
    load_table,
    training_identity,
)
from sedd.errors import ConfigError, SeddError
from sedd.paths import (
    checkpoint_file,
    evaluation_file,
    report_file,
    samples_file,
    table_stem,
    tokens_dir,
)

# `sedd` is found beside the Python that runs Snakemake, whether or not its environment is activated
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

try:
    PROJECT = load_project(config)
    CLUSTER = load_cluster(PROJECT.cluster)
    EXPERIMENTS = {name: load_experiment(name) for name in PROJECT.experiments}
    TABLES = {name: load_table(name) for name in PROJECT.tables}
    for name, experiment in EXPERIMENTS.items():
        if problems := device_problems(experiment, CLUSTER):
            raise ConfigError(f"{name} on cluster {PROJECT.cluster}", problems)
except SeddError as error:
    sys.exit(f"{error}")


wildcard_constraints:
    experiment=r"[A-Za-z0-9][A-Za-z0-9_.-]*",
    step=r"\d+",
    dataset=r"[A-Za-z0-9_-]+",
    split="train|validation|test",
    sampler="euler|analytic",


def tokens(dataset, tokenizer, split):
    """The files of one tokenised split."""
    folder = tokens_dir(dataset, tokenizer, split)
    return [str(folder / "tokens.bin"), str(folder / "meta.json")]


def all_tokens():
    """Every split that the build's experiments train on, validate on or are measured on."""
    wanted = []
    for experiment in EXPERIMENTS.values():
        data = experiment.data
        for split in ("train", "validation"):
            wanted += tokens(data.dataset, data.tokenizer, split)
        for dataset in experiment.evaluation.datasets:
            wanted += tokens(dataset, data.tokenizer, "test")
    return wanted


def all_checkpoints():
    """Every checkpoint of every experiment of the build."""
    return [
        str(checkpoint_file(name, step))
        for name, experiment in EXPERIMENTS.items()
        for step in checkpoint_steps(experiment)
    ]


def evaluated_steps(experiment):
    """The checkpoints that are sampled and measured: all of them, or the last."""
    steps = checkpoint_steps(experiment)
    return steps[-1:] if experiment.evaluation.checkpoints == "last" else steps


def evaluations(name):
    """Every perplexity of one experiment."""
    experiment = EXPERIMENTS[name]
    return [
        str(evaluation_file(name, step, dataset))
        for step in evaluated_steps(experiment)
        for dataset in experiment.evaluation.datasets
    ]


def samples(name):
    """Every sample file of one experiment."""
    experiment = EXPERIMENTS[name]
    sampling = experiment.sampling
    return [
        str(samples_file(name, step, sampling.sampler, sampling.steps))
        for step in evaluated_steps(experiment)
    ]


def all_tables():
    """Each table in each of its forms."""
    return [f"{table_stem(name)}.{form}" for name in TABLES for form in ("md", "csv", "tex")]


def all_reports():
    """One page an experiment."""
    return [str(report_file(name)) for name in EXPERIMENTS] if PROJECT.reports else []

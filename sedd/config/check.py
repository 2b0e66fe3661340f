"""Report all problems of all configuration files, without a GPU and before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from sedd.config.check_sweep import check_sweep
from sedd.config.check_templates import template_problems
from sedd.config.cluster import ClusterConfig
from sedd.config.dataset import DatasetConfig
from sedd.config.definition import check_defined
from sedd.config.experiment import Experiment
from sedd.config.file_names import check_exists
from sedd.config.load import load_cluster, load_project
from sedd.config.load_experiment import check_dataset, experiment_from, load_subject, with_drawing
from sedd.config.queries import draw_settings
from sedd.config.sections.model import ModelConfig
from sedd.config.sections.training import indivisible_batch
from sedd.config.sweep import load_sweep
from sedd.config.table import TableConfig
from sedd.config.tokenizer import TokenizerConfig
from sedd.config.yaml.source import KeyPath, read_source
from sedd.config.yaml.validate import load_yaml_model
from sedd.errors import ConfigError, Problem
from sedd.paths import CONFIG, dataset_file

A = TypeVar("A")
T = TypeVar("T")


def check_project(paths: Sequence[Path] = ()) -> list[ConfigError]:
    """One ConfigError for each file with problems; by default, all YAML files in config/ are
    checked.

    The folder of a file says its kind (config/experiments, sweeps, model, datasets, tokenizers, tables,
    cluster; other files are builds). Names of other files must exist. The experiments of a build must also fit
    its cluster.
    """
    errors = []
    for path in paths or sorted(CONFIG.rglob("*.yaml")):
        try:
            check_file(path)
        except ConfigError as error:
            errors.append(error)
    return errors


def check_file(path: Path) -> None:
    """Raise ConfigError with all problems of one file."""
    folder = path.absolute().parent
    is_run = path.name == "config.yaml" and folder.parent.name == "runs"
    CHECKS.get("experiments" if is_run else folder.name, check_build)(path)


def check_experiment(path: Path) -> None:
    """Check an experiment, its templates, and each point of its grid of samplers as the draws of
    this point do.
    """
    experiment = experiment_from(path)
    source = read_source(path)
    found: dict[str, None] = {}  # a point contradicts itself with any number of steps
    for label, steps, precision in draw_settings(experiment):
        try:
            with_drawing(experiment, (label, steps, precision))
        except ConfigError as error:
            for problem in error.problems:
                found[f"{label} with {precision} draws: {problem.where} {problem.what}"] = None
    for what in found:
        source.report(("generative", "samplers"), what, ("generative",))
    for index, problem in template_problems(experiment):
        keys = ("sampling", "infill"), ("sampling",)
        source.report((*keys[0], index), problem, *keys)
    source.raise_problems()


def check_build(path: Path) -> None:
    """Check a build: its keys, the names in it, and that each batch fits the cluster's devices."""
    source = read_source(path)
    if path.absolute().parent.name != CONFIG.name and "experiments" not in source.values:
        kinds = ", ".join(str(CONFIG / kind) for kind in CHECKS)
        source.report((), f"the kind of file is not clear from its folder; known are {kinds}")
        source.raise_problems()
    project = load_project(path)
    cluster = load_or_none(load_cluster, project.cluster)
    named: list[tuple[KeyPath, str]] = [
        (("experiments", index), name) for index, name in enumerate(project.experiments)
    ]
    for index, name in enumerate(project.sweeps):
        sweep = load_or_none(load_sweep, name)
        named += [(("sweeps", index), member.name) for member in (sweep.members() if sweep else ())]
    for path_of_name, name in named:
        experiment = load_or_none(load_subject, name)
        trained = isinstance(experiment, Experiment)
        for problem in device_problems(experiment, cluster) if trained and cluster else ():
            source.report(path_of_name, f"{name}: {problem}")
    source.raise_problems()


def device_problems(experiment: Experiment, cluster: ClusterConfig) -> list[Problem]:
    """Problems of running an experiment on the devices of a cluster."""
    training = experiment.training
    what = indivisible_batch(training.batch_size, training.accum, cluster.num_devices)
    if what is None:
        return []
    return [Problem("training.batch_size", f"{what}; the cluster is {cluster.name!r}")]


def check_table(path: Path) -> None:
    """Check a table, and that its experiments and datasets exist."""
    table = load_yaml_model(path, TableConfig)
    source = read_source(path)
    for index, row in enumerate(table.rows):
        if row.kind != "published":
            check_defined(source, ("rows", index, "experiment"), row.experiment)
        for number, name in enumerate(row.seeds if row.kind == "ours" else ()):
            check_defined(source, ("rows", index, "seeds", number), name)
    for name, column in table.columns.items():
        if column.dataset is not None:
            check_exists(source, ("columns", name, "dataset"), column.dataset, dataset_file)
    source.raise_problems()


def check_tokenizer(path: Path) -> None:
    """Check a vocabulary, and that the dataset that it is learned from has a training split."""
    load_yaml_model(path, TokenizerConfig)
    source = read_source(path)
    check_dataset(source, ("dataset",), ("train",))
    source.raise_problems()


def load_or_none(load: Callable[[A], T], argument: A) -> T | None:
    """The loaded file; None for an invalid file, which is reported on its own."""
    try:
        return load(argument)
    except ConfigError:
        return None


CHECKS: dict[str, Callable[[Path], object]] = {
    "experiments": check_experiment,
    "model": lambda path: load_yaml_model(path, ModelConfig),
    "datasets": lambda path: load_yaml_model(path, DatasetConfig),
    "tokenizers": check_tokenizer,
    "cluster": lambda path: load_yaml_model(path, ClusterConfig),
    "sweeps": check_sweep,
    "tables": check_table,
}

"""Report all problems of all configuration files, without a GPU and before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from sedd.config.cluster import ClusterConfig
from sedd.config.dataset import DatasetConfig
from sedd.config.experiment import Experiment
from sedd.config.file_names import check_exists
from sedd.config.load import load_cluster, load_project
from sedd.config.load_experiment import experiment_from
from sedd.config.sections.model import ModelConfig
from sedd.config.sections.training import indivisible_batch
from sedd.config.table import TableConfig
from sedd.config.yaml.source import read_source
from sedd.config.yaml.validate import load_yaml_model
from sedd.errors import ConfigError, Problem
from sedd.paths import CONFIG, dataset_file, experiment_file

A = TypeVar("A")
T = TypeVar("T")


def check_project(paths: Sequence[Path] = ()) -> list[ConfigError]:
    """One ConfigError for each file with problems; by default, all YAML files in config/ are
    checked.

    The folder of a file says its kind (config/experiments, model, datasets, tables, cluster; other
    files are builds). Names of other files must exist. The experiments of a build must also fit
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


def check_build(path: Path) -> None:
    """Check a build: its keys, the names in it, and that each batch fits the cluster's devices."""
    source = read_source(path)
    if path.absolute().parent.name != CONFIG.name and "experiments" not in source.values:
        kinds = ", ".join(str(CONFIG / kind) for kind in CHECKS)
        source.report((), f"the kind of file is not clear from its folder; known are {kinds}")
        source.raise_problems()
    project = load_project(path)
    cluster = load_or_none(load_cluster, project.cluster)
    for index, name in enumerate(project.experiments):
        experiment = load_or_none(experiment_from, experiment_file(name))
        trained = isinstance(experiment, Experiment)
        for problem in device_problems(experiment, cluster) if trained and cluster else ():
            source.report(("experiments", index), f"{name}: {problem}")
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
            check_exists(source, ("rows", index, "experiment"), row.experiment, experiment_file)
    for name, column in table.columns.items():
        if column.dataset is not None:
            check_exists(source, ("columns", name, "dataset"), column.dataset, dataset_file)
    source.raise_problems()


def load_or_none(load: Callable[[A], T], argument: A) -> T | None:
    """The loaded file; None for an invalid file, which is reported on its own."""
    try:
        return load(argument)
    except ConfigError:
        return None


CHECKS: dict[str, Callable[[Path], object]] = {
    "experiments": experiment_from,
    "model": lambda path: load_yaml_model(path, ModelConfig),
    "datasets": lambda path: load_yaml_model(path, DatasetConfig),
    "cluster": lambda path: load_yaml_model(path, ClusterConfig),
    "tables": check_table,
}

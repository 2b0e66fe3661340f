"""All problems of all configuration files, found without a GPU and before anything is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sedd.config.cluster import ClusterConfig
from sedd.config.dataset import DatasetConfig
from sedd.config.experiment import Experiment
from sedd.config.load_experiment import experiment_from
from sedd.config.sections.model import ModelConfig
from sedd.config.sections.training import indivisible_batch
from sedd.config.table import TableConfig
from sedd.config.yaml.load import check_reference, load_cluster, load_project, load_yaml_model
from sedd.config.yaml.source import read_source
from sedd.errors import ConfigError, Problem
from sedd.paths import CONFIG, dataset_file, experiment_file


def check_project(paths: Sequence[Path] = ()) -> list[ConfigError]:
    """One ConfigError for each file that has problems; by default of every file under config/.

    A file is checked for what its folder says it is (config/experiments, model, datasets, tables,
    cluster; a build otherwise), for what it refers to, and a build also for what its experiments
    ask of its cluster.
    """
    errors = []
    for path in paths or sorted(CONFIG.rglob("*.yaml")):
        try:
            check_file(path)
        except ConfigError as error:
            errors.append(error)
    return errors


def check_file(path: Path) -> None:
    """Raise ConfigError with everything that is wrong in one file."""
    folder = path.absolute().parent
    is_run = path.name == "config.yaml" and folder.parent.name == "runs"
    CHECKS.get("experiments" if is_run else folder.name, check_build)(path)


def check_build(path: Path) -> None:
    """A build: its keys, what it names, and whether the cluster can share out each batch."""
    source = read_source(path)
    if path.absolute().parent.name != CONFIG.name and "experiments" not in source.values:
        kinds = ", ".join(str(CONFIG / kind) for kind in CHECKS)
        source.report((), f"its folder does not say what it is; known are {kinds}")
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
    """What an experiment asks of a cluster and cannot get."""
    training = experiment.training
    what = indivisible_batch(training.batch_size, training.accum, cluster.num_devices)
    if what is None:
        return []
    return [Problem("training.batch_size", f"{what}; the cluster is {cluster.name!r}")]


def check_table(path: Path) -> None:
    """A table, and whether the experiments and texts that it names are there."""
    table = load_yaml_model(path, TableConfig)
    source = read_source(path)
    for index, row in enumerate(table.rows):
        if row.kind != "published":
            check_reference(source, ("rows", index, "experiment"), row.experiment, experiment_file)
    for name, column in table.columns.items():
        if column.dataset is not None:
            check_reference(source, ("columns", name, "dataset"), column.dataset, dataset_file)
    source.raise_problems()


def load_or_none(load: Callable[[Any], Any], what: Any) -> Any:
    """What could be loaded; a file that could not has an error of its own."""
    try:
        return load(what)
    except ConfigError:
        return None


CHECKS: dict[str, Callable[[Path], object]] = {
    "experiments": experiment_from,
    "model": lambda path: load_yaml_model(path, ModelConfig),
    "datasets": lambda path: load_yaml_model(path, DatasetConfig),
    "cluster": lambda path: load_yaml_model(path, ClusterConfig),
    "tables": check_table,
}

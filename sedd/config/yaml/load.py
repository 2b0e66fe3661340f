"""From a YAML file to a checked model: all problems at once, each with its line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from sedd.config.cluster import ClusterConfig
from sedd.config.dataset import DatasetConfig
from sedd.config.project import ProjectConfig
from sedd.config.settings import NAME, NAME_ALLOWED
from sedd.config.yaml.overrides import apply_overrides
from sedd.config.yaml.problems import guess_or_list, validate
from sedd.config.yaml.source import KeyPath, Source, read_source
from sedd.errors import ConfigError, Problem
from sedd.paths import CONFIG, cluster_file, dataset_file, experiment_file, table_file

M = TypeVar("M", bound=BaseModel)


def load_yaml_model(path: Path, model: type[M], overrides: Sequence[str] = ()) -> M:
    """Read a YAML file as `model`, changed by key=value overrides.

    The field `name`, if the model has one, is the file's stem.

    Raises ConfigError with everything that is wrong in the file.
    """
    source = read_source(path)
    apply_overrides(source, overrides)
    if "name" in model.model_fields:
        set_name(source, path.stem)
    return finish(model, source)


def load_dataset(name: str) -> DatasetConfig:
    """Read config/datasets/NAME.yaml. Raises ConfigError."""
    return load_yaml_model(existing(dataset_file, name, "--dataset"), DatasetConfig)


def load_cluster(name: str) -> ClusterConfig:
    """Read config/cluster/NAME.yaml. Raises ConfigError."""
    return load_yaml_model(existing(cluster_file, name, "cluster"), ClusterConfig)


def load_project(project: Path | Mapping[str, Any] = CONFIG / "config.yaml") -> ProjectConfig:
    """Read what to build from a file, or take it as Snakemake has read it (--configfile, --config).

    Raises ConfigError, also for experiments, tables and clusters that are not there.
    """
    if isinstance(project, Path):
        source = read_source(project)
    else:
        source = Source("the build (--configfile, --config)", values=dict(project))
    made = validate(ProjectConfig, source)
    for key, file in (("experiments", experiment_file), ("tables", table_file)):
        check_references(source, (key,), file)
    cluster = made.cluster if made is not None else source.values.get("cluster")
    check_reference(source, ("cluster",), cluster, cluster_file)
    return finish(ProjectConfig, source)


def finish(model: type[M], source: Source) -> M:
    """The model of a source's values. Raises ConfigError with every problem of the source."""
    made = validate(model, source)
    source.raise_problems()
    assert made is not None, "a source without problems makes a model"
    return made


def set_name(source: Source, name: str) -> None:
    """Give the model its file's stem as its name, which no file says itself."""
    if "name" in source.values:
        source.report(("name",), "unknown key; the name is the file's own: rename the file instead")
    source.values["name"] = name


def existing(file: Callable[[str], Path], name: str, where: str) -> Path:
    """The file of that name. Raises ConfigError, with the names there are, if it is not there."""
    check_name(name, where)
    path = file(name)
    if not path.is_file():
        what = f"there is no such file; {guess_or_list(name, stems(path.parent))}"
        raise ConfigError(str(path), [Problem(where, what)])
    return path


def check_name(name: str, where: str) -> None:
    """Raise ConfigError unless `name` can name a file and a folder, and leads nowhere else."""
    if not NAME.fullmatch(name):
        raise ConfigError("command line", [Problem(where, f"must be {NAME_ALLOWED}, got {name!r}")])


def check_references(source: Source, path: KeyPath, file: Callable[[str], Path]) -> None:
    """Report each name of a list whose file is not there."""
    names = value_of(source, path)
    for index, name in enumerate(names if isinstance(names, list) else ()):
        check_reference(source, (*path, index), name, file)


def value_of(source: Source, path: KeyPath) -> Any:
    """What stands at a key, or None."""
    value: Any = source.values
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def check_reference(source: Source, path: KeyPath, name: Any, file: Callable[[str], Path]) -> None:
    """Report a name whose file is not there."""
    if not isinstance(name, str) or source.is_wrong(path):
        return
    if not NAME.fullmatch(name):
        source.report(path, f"must be {NAME_ALLOWED}, got {name!r}")
    elif not file(name).is_file():
        there = stems(file(name).parent)
        source.report(path, f"there is no {file(name)}; {guess_or_list(name, there)}")


def stems(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml"))

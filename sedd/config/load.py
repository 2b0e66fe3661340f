"""Load a dataset, a cluster, a build or a table from its file in config/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sedd.config.cluster import ClusterConfig
from sedd.config.dataset import DatasetConfig
from sedd.config.definition import check_defined
from sedd.config.file_names import check_all_exist, check_exists, check_name, existing
from sedd.config.project import ProjectConfig
from sedd.config.table import TableConfig
from sedd.config.tokenizer import TokenizerConfig
from sedd.config.values import NAME
from sedd.config.yaml.source import Source, read_source
from sedd.config.yaml.validate import load_yaml_model, require, validate
from sedd.errors import ConfigError, Problem
from sedd.paths import (
    CONFIG,
    cluster_file,
    dataset_file,
    sweep_file,
    table_file,
    tokenizer_file,
)


def load_dataset(name: str) -> DatasetConfig:
    """Read config/datasets/NAME.yaml. Raises ConfigError."""
    return load_yaml_model(existing(dataset_file, name, "--dataset"), DatasetConfig)


def find_tokenizer(name: str) -> TokenizerConfig | None:
    """Read config/tokenizers/NAME.yaml; None if there is no such file: the name is that of another
    tokenizer. Raises ConfigError.
    """
    if not NAME.fullmatch(name) or not (path := tokenizer_file(name)).is_file():
        return None
    return load_yaml_model(path, TokenizerConfig)


def load_cluster(name: str) -> ClusterConfig:
    """Read config/cluster/NAME.yaml. Raises ConfigError."""
    return load_yaml_model(existing(cluster_file, name, "cluster"), ClusterConfig)


def load_project(project: Path | Mapping[str, Any] = CONFIG / "config.yaml") -> ProjectConfig:
    """Load a build from its file, or from values that Snakemake has read.

    Raises ConfigError, also for experiments, tables and clusters without a file.
    """
    if isinstance(project, Path):
        source = read_source(project)
    else:
        source = Source("the build (--configfile, --config)", values=dict(project))
    config = validate(ProjectConfig, source)
    names = source.get(("experiments",))
    for index, name in enumerate(names if isinstance(names, list | tuple) else ()):
        check_defined(source, ("experiments", index), name)
    check_all_exist(source, "sweeps", sweep_file)
    check_all_exist(source, "tables", table_file)
    cluster = config.cluster if config is not None else source.get(("cluster",))
    check_exists(source, ("cluster",), cluster, cluster_file)
    return require(config, source)


def load_table(
    name: str, overrides: Sequence[str] = (), *, rename: str | None = None, writes: bool = True
) -> TableConfig:
    """Read config/tables/NAME.yaml, changed by key=value overrides.

    rename: name under which a changed table is written.
    writes: False for a table that is only shown; it needs no new name.
    Raises ConfigError with all problems of the file and of the overrides.
    """
    if overrides and writes and rename in (None, name):
        what = (
            f"{' '.join(overrides)} changes the table {name!r}: name the changed table, with --name"
        )
        raise ConfigError("command line", [Problem("--name", what)])
    if rename is not None:
        check_name(rename, "--name")
    return load_yaml_model(existing(table_file, name, "NAME"), TableConfig, overrides)

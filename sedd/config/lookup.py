"""Look up an experiment by the published model that it measures, and tables by an experiment."""

from __future__ import annotations

from pathlib import Path

from sedd.config.file_names import stems
from sedd.config.load import load_table
from sedd.config.load_experiment import experiment_from
from sedd.config.pretrained import Pretrained
from sedd.errors import ConfigError
from sedd.paths import CONFIG, experiment_file


def measured_by(pretrained: str) -> str | None:
    """Name of the experiment in config/experiments that measures this model, or None.

    pretrained: a hub id or a path, as in the key of this name. Of several, the first by name.
    """
    for name in stems(CONFIG / "experiments"):
        path = experiment_file(name)
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
            if "pretrained" not in text and "base:" not in text:
                continue  # most experiments train; this saves the time of reading their YAML
            subject = experiment_from(path)
        except (OSError, ConfigError):
            continue  # `sedd config check` reports it
        if isinstance(subject, Pretrained) and is_same_source(subject.pretrained, pretrained):
            return name
    return None


def is_same_source(one: str, other: str) -> bool:
    """Whether two values of the key `pretrained` are one hub id, or one existing file or folder."""
    if Path(one).exists() and Path(other).exists():
        return Path(one).samefile(other)
    return one == other


def tables_with(experiment: str) -> list[str]:
    """Names of the tables with a row for an experiment."""
    return [
        name for name in stems(CONFIG / "tables") if experiment in load_table(name).experiments()
    ]

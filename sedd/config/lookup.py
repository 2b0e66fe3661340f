"""Look up an experiment by the published model that it measures, and tables by an experiment."""

from __future__ import annotations

from pathlib import Path

from sedd.config.file_names import stems
from sedd.config.load import load_table
from sedd.config.load_experiment import experiment_from
from sedd.config.pretrained import Pretrained
from sedd.errors import ConfigError, Problem
from sedd.paths import CONFIG, experiment_file


def subject_name(name: str) -> str:
    """The experiment for `name`: `name` itself, or the experiment that measures this hub id or
    folder.

    Raises ConfigError with an example if no experiment measures this model.
    """
    if experiment_file(name).is_file() or ("/" not in name and not Path(name).is_dir()):
        return name
    known = {}
    for stem in stems(CONFIG / "experiments"):
        try:
            subject = experiment_from(experiment_file(stem))
        except ConfigError:
            continue  # `sedd config check` reports it
        if isinstance(subject, Pretrained):
            known[subject.pretrained] = stem
    if name in known:
        return known[name]
    what = (
        "no experiment measures this model; experiments with a pretrained model are "
        f"{', '.join(known.values()) or 'none'}: "
        f"copy one in {CONFIG / 'experiments'} and set `pretrained: {name}`"
    )
    raise ConfigError("command line", [Problem(name, what)])


def tables_with(experiment: str) -> list[str]:
    """Names of the tables with a row for an experiment."""
    return [
        name for name in stems(CONFIG / "tables") if experiment in load_table(name).experiments()
    ]

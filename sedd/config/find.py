"""Finding an experiment by the model that it measures, and the tables that show it."""

from __future__ import annotations

from pathlib import Path

from sedd.config.load_experiment import experiment_from
from sedd.config.pretrained import Pretrained
from sedd.config.table import load_table
from sedd.config.yaml.load import stems
from sedd.errors import ConfigError, Problem
from sedd.paths import CONFIG, experiment_file


def subject_name(name: str) -> str:
    """The experiment of that name, or the one that measures the published model `name`, a hub id or a folder.

    Raises ConfigError with an example if no experiment measures it.
    """
    if experiment_file(name).is_file() or ("/" not in name and not Path(name).is_dir()):
        return name
    known = {}
    for stem in stems(CONFIG / "experiments"):
        try:
            made = experiment_from(experiment_file(stem))
        except ConfigError:
            continue  # told by `sedd config check`
        if isinstance(made, Pretrained):
            known[made.pretrained] = stem
    if name in known:
        return known[name]
    what = (
        f"no experiment measures this model; those that measure published ones are {', '.join(known.values()) or 'none'}: "
        f"copy one of them in {CONFIG / 'experiments'}, with `pretrained: {name}`"
    )
    raise ConfigError("command line", [Problem(name, what)])


def tables_with(experiment: str) -> list[str]:
    """The tables that have a row of an experiment."""
    return [
        name for name in stems(CONFIG / "tables") if experiment in load_table(name).experiments()
    ]

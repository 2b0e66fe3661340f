"""Check a sweep: its base, and the experiment at each point of its grid."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from sedd.config.check_templates import template_problems
from sedd.config.definition import find_or_none
from sedd.config.experiment import Experiment
from sedd.config.file_names import check_exists
from sedd.config.load_experiment import experiment_from, load_subject
from sedd.config.sweep import SweepConfig
from sedd.config.values import NAME, NAME_ALLOWED
from sedd.config.yaml.source import KeyPath, Source, read_source
from sedd.config.yaml.validate import set_name, validate
from sedd.errors import ConfigError
from sedd.paths import experiment_file, sweep_file


def check_sweep(path: Path) -> None:
    """Raise ConfigError with all problems of a sweep. Those of a value of the grid are reported at
    this value.
    """
    source = read_source(path)
    set_name(source, path.stem)
    sweep = validate(SweepConfig, source)
    _check_base(source, source.get(("base",)))
    if sweep is not None:
        _check_names(source, sweep)
        if not source.problems:
            _check_points(source, sweep)
    source.raise_problems()


def _check_base(source: Source, name: Any) -> None:
    if not isinstance(name, str) or source.is_wrong(("base",)):
        return
    check_exists(source, ("base",), name, experiment_file)
    if not experiment_file(name).is_file():
        return
    try:
        base = experiment_from(experiment_file(name))
    except ConfigError as error:
        for problem in error.problems:
            source.report(("base",), f"{error.source}: {problem}")
        return
    if not isinstance(base, Experiment):
        what = f"{name} is a pretrained model; name an experiment that is trained here"
        source.report(("base",), what)


def _check_names(source: Source, sweep: SweepConfig) -> None:
    counts = Counter(setting for setting, _ in sweep.points())
    for setting, count in counts.items():
        if count > 1:
            what = f"{count} settings have the name {setting}; leave out equal values, or "
            source.report(("grid",), what + "divide the sweep into two")
    for member in sweep.members():
        if not NAME.fullmatch(member.name):
            what = f"a run would be named {member.name[:120]!r}, and a name must be {NAME_ALLOWED}"
            source.report(("grid",), f"{what}; shorten the values, or the name of the sweep")
        elif find_or_none(member.name) != sweep_file(sweep.name):
            what = f"{find_or_none(member.name)} has a run of the same name, {member.name}"
            source.report(("grid",), f"{what}; rename one of the two files")


def _check_points(source: Source, sweep: SweepConfig) -> None:
    """Load the first run of each setting; the others differ in their seed."""
    found: dict[tuple[KeyPath, str], list[str]] = {}
    for (setting, point), members in zip(sweep.points(), sweep.settings().values(), strict=True):
        try:
            templates = template_problems(load_subject(members[0].name))
            problems = [(f"sampling.infill[{index}]", what) for index, what in templates]
        except ConfigError as error:
            problems = [(problem.where, problem.what) for problem in error.problems]
        for key, what in problems:
            where = _where(sweep, point, key)
            found.setdefault((where, f"{key}: {what}"), []).append(setting)
    for (where, what), settings in found.items():
        others = f" and {len(settings) - 1} more" if len(settings) > 1 else ""
        source.report(where, f"{what} (in {settings[0]}{others})", ("grid",))


def _where(sweep: SweepConfig, point: dict[str, Any], key: str) -> KeyPath:
    """The place in the grid of a problem with `key`: of the value that sets the key, or the grid."""
    for swept, value in point.items():
        if key == swept or key.startswith((f"{swept}.", f"{swept}[")):
            return ("grid", swept, sweep.grid[swept].index(value))
    return ("grid",)

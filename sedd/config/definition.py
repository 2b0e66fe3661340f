"""Definitions: the settings behind a NAME.

A NAME is a file of config/experiments, which may name another one as its `base`; a member of a
sweep (config/sweeps); or a run that recorded its settings, such as one of `sedd train --name`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sedd.config.experiment import Experiment
from sedd.config.file_names import check_exists, run_folders, stems
from sedd.config.sweep import member_names, sweep_with
from sedd.config.values import NAME, NAME_ALLOWED
from sedd.config.yaml.describe import guess_or_list, spell
from sedd.config.yaml.overrides import CHOOSERS, apply_overrides
from sedd.config.yaml.source import KeyPath, Source, read_source
from sedd.config.yaml.validate import set_name
from sedd.errors import ConfigError, Problem
from sedd.paths import experiment_file, run_dir, sweep_file

BASE = ("base",)


def find(name: str) -> Path:
    """The file that defines NAME. Raises ConfigError with the known names."""
    if (path := find_or_none(name)) is not None:
        return path
    what = f"there is no such experiment or run; {guess_or_list(name, known_names())}"
    raise ConfigError(str(experiment_file(name)), [Problem("NAME", what)])


def check_known(names: Iterable[str]) -> None:
    """Raise ConfigError for all unknown names at once, each with the nearest known name."""
    unknown = [name for name in names if not is_defined(name)]
    known = known_names() if unknown else []
    problems = [
        Problem("NAME", f"there is no experiment or run {name!r}; {guess_or_list(name, known)}")
        for name in unknown
    ]
    if problems:
        raise ConfigError("command line", problems)


def find_or_none(name: str) -> Path | None:
    """`find`, or None for an unknown name. Raises ConfigError for a sweep with mistakes."""
    if (path := experiment_file(name)).is_file():
        return path
    recorded = resolved_file(name) if resolved_file(name).is_file() else None
    try:
        sweep = sweep_with(name)
    except ConfigError:
        if recorded is None:
            raise
        return recorded
    return recorded if sweep is None else sweep_file(sweep.name)


def is_defined(name: str) -> bool:
    """Whether NAME has settings: it is an experiment, a member of a sweep, or a recorded run."""
    try:
        return find_or_none(name) is not None
    except ConfigError:
        return True  # the sweep's own check reports it


def check_defined(source: Source, path: KeyPath, name: Any) -> None:
    """Report the experiment named at a key if it is unknown. Invalid names were rejected before."""
    if isinstance(name, str) and NAME.fullmatch(name) and not is_defined(name):
        known = guess_or_list(name, known_names())
        source.report(path, f"there is no {experiment_file(name)}, and no run {name!r}; {known}")


def known_names() -> list[str]:
    """Names of all experiments, members of sweeps, and runs that recorded their settings, sorted."""
    runs = (folder.name for folder in run_folders() if resolved_file(folder.name).is_file())
    return sorted({*stems(experiment_file("x").parent), *member_names(), *runs})


def read(name: str) -> Source:
    """The values of NAME, those of its base included. Raises ConfigError."""
    path = find(name)
    if path.parent != sweep_file("x").parent:
        return read_file(path)
    sweep = sweep_with(name)
    assert sweep is not None, "the path is that of a sweep"
    member = next(one for one in sweep.members() if one.name == name)
    source = read_file(experiment_file(sweep.base))
    source.name = f"{path}, {name}"
    apply_overrides(source, member.overrides)
    source.overridden.clear()  # they are not those of the command line
    source.values |= {"name": name, "base": sweep.base, "overrides": list(member.overrides)}
    return source


def read_file(path: Path) -> Source:
    """The values of a file of config/experiments, or of a run's resolved file, in any folder."""
    if path.name == resolved_file("x").name:
        source, name = read_source(path), path.parent.name
        if (own := source.values.get("name", name)) != name:
            source.report(("name",), f"must be the folder's name, {name!r}; got {own!r}")
        source.values["name"] = name
        return source
    source = _with_bases(path, ())
    set_name(source, path.stem)
    if "overrides" in source.values:
        source.report(("overrides",), "unknown key; it is set by overrides on the command line")
    return source


def defining_files(name: str) -> list[Path]:
    """Every file that NAME is defined in, the nearest first. Raises ConfigError."""
    path = find(name)
    found = [path]
    if path.name == resolved_file("x").name:
        return found
    base = read_source(path).values.get("base")
    while isinstance(base, str) and (path := experiment_file(base)) not in found:
        found.append(path)
        base = read_source(path).values.get("base")
    return found


def resolved_file(name: str) -> Path:
    """The resolved config of a run, in the run's folder."""
    return run_dir(name) / "config.yaml"


def _with_bases(path: Path, above: tuple[Path, ...]) -> Source:
    """The values of a file over those of its base. above: the files that are based on it.

    A mistake in the base is reported at the key `base`.
    """
    source = read_source(path)
    base = source.values.pop("base", None)
    if base is None:
        return source
    parent = _parent(source, path, base, above)
    if parent is None:  # keys that the base would have are unknown, not missing
        source.wrong |= {(key,) for key in Experiment.model_fields if key not in source.values}
    else:
        source.values = _merged(parent.values, source.values)
    return source


def _parent(source: Source, path: Path, base: Any, above: tuple[Path, ...]) -> Source | None:
    """The values of the base; None, with a problem reported, if they cannot be read."""
    if not isinstance(base, str) or not NAME.fullmatch(base):
        source.report(BASE, f"must be {NAME_ALLOWED}, got {spell(base)}")
        return None
    if not (file := experiment_file(base)).is_file():
        check_exists(source, BASE, base, experiment_file)
        return None
    chain = [*above, path]
    if file.resolve() in [one.resolve() for one in chain]:
        names = " -> ".join(map(str, [*chain, file]))
        source.report(BASE, f"each of these files is based on the next: {names}; write one out")
        return None
    try:
        parent = _with_bases(file, tuple(chain))
        parent.raise_problems()
    except ConfigError as error:
        for problem in error.problems:
            source.report(BASE, f"{error.source}: {problem}")
        return None
    return parent


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The values of `own` over those of `base`, section by section. As with overrides, another
    `type` or `preset` replaces its section.
    """
    merged = dict(base)
    for key, value in own.items():
        below = base.get(key)
        if key == "model" and isinstance(below, str):
            below = {"preset": below}
        if isinstance(below, Mapping) and isinstance(value, Mapping) and _continues(below, value):
            merged[key] = _merged(below, value)
        else:
            merged[key] = value
    return merged


def _continues(below: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    """Whether a section keeps the `type` and the `preset` of the base."""
    return all(own.get(key, below.get(key)) == below.get(key) for key in CHOOSERS)

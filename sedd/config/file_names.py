"""Names of configuration files and of the folders of runs.

Check that a name is valid and that its file exists, or list the existing ones; derive a name from
the source of a model.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sedd.config.values import NAME, NAME_ALLOWED
from sedd.config.yaml.describe import guess_or_list
from sedd.config.yaml.source import KeyPath, Source
from sedd.errors import ConfigError, Problem
from sedd.paths import run_dir


def stems(folder: Path) -> list[str]:
    """Names of the YAML files in a folder, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def check_name(name: str, where: str) -> None:
    """Raise ConfigError unless `name` is valid as the name of a file and of a folder."""
    if where == "NAME" and "=" in name:
        what = f"missing before {name}: name the experiment to change, such as tiny_absorb"
        raise ConfigError("command line", [Problem(where, what)])
    if not NAME.fullmatch(name):
        raise ConfigError("command line", [Problem(where, f"must be {NAME_ALLOWED}, got {name!r}")])


def derived_name(source: str) -> str:
    """Name of the run of a model that no experiment describes, from its hub id or path.

    `--` stands for a slash: louaaron/sedd-small is louaaron--sedd-small. If this name would be
    invalid, or also that of another source, a hash of the source is part of it.
    """
    parts = [part for part in Path(source.removesuffix(".pt")).parts if part != os.sep]
    name = "--".join(parts)
    if NAME.fullmatch(name) and not any("--" in part for part in parts):
        return name
    digest = hashlib.sha256(source.encode()).hexdigest()[:8]
    plain = re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-_.")[-80:].lstrip("-_.")
    return f"{plain or 'model'}-{digest}"


def own_run(folder: Path) -> str | None:
    """Name of the run of this project whose folder this is; None for any other path."""
    folder, runs = folder.resolve(), run_dir("x").parent.resolve()
    is_run = folder.parent == runs and folder.is_dir() and NAME.fullmatch(folder.name)
    return folder.name if is_run else None


def existing(file: Callable[[str], Path], name: str, where: str) -> Path:
    """Path of the file with this name. Raises ConfigError, listing the names, if it is missing."""
    check_name(name, where)
    path = file(name)
    if not path.is_file():
        what = f"there is no such file; {guess_or_list(name, stems(path.parent))}"
        raise ConfigError(str(path), [Problem(where, what)])
    return path


def check_exists(source: Source, path: KeyPath, name: Any, file: Callable[[str], Path]) -> None:
    """Report the file named at a key if it is missing. Invalid names were rejected before."""
    if not isinstance(name, str) or source.is_wrong(path) or file(name).is_file():
        return
    names = stems(file(name).parent)
    source.report(path, f"there is no {file(name)}; {guess_or_list(name, names)}")


def check_all_exist(source: Source, key: str, file: Callable[[str], Path]) -> None:
    """Report each missing file named in a list."""
    names = source.get((key,))
    for index, name in enumerate(names if isinstance(names, list) else ()):
        check_exists(source, (key, index), name, file)

"""Names of configuration files: check that a named file exists, else list the existing ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sedd.config.values import NAME, NAME_ALLOWED
from sedd.config.yaml.describe import guess_or_list
from sedd.config.yaml.source import KeyPath, Source
from sedd.errors import ConfigError, Problem


def stems(folder: Path) -> list[str]:
    """Names of the YAML files in a folder, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def check_name(name: str, where: str) -> None:
    """Raise ConfigError unless `name` is valid as the name of a file and of a folder."""
    if not NAME.fullmatch(name):
        raise ConfigError("command line", [Problem(where, f"must be {NAME_ALLOWED}, got {name!r}")])


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

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

from sedd.config.values import NAME, NAME_ALLOWED, RESERVED, tokenizer_problem
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


def check_run_name(name: str, where: str) -> None:
    """`check_name` for an experiment or a run, which must not have the name of another page."""
    check_name(name, where)
    if name in RESERVED:
        what = f"{name!r} is reserved for a page of all runs; choose another name"
        raise ConfigError("command line", [Problem(where, what)])


def check_tokenizer(name: str, where: str) -> None:
    """Raise ConfigError unless `name` is valid as the name of a tokenizer."""
    if (what := tokenizer_problem(name)) is not None:
        raise ConfigError("command line", [Problem(where, f"{what}; got {name!r}")])


def derived_name(source: str) -> str:
    """Name of the run of a model that no experiment describes, from its hub id or path.

    `--` stands for a slash: louaaron/sedd-small is louaaron--sedd-small. A hash of the
    source is added if this name would be invalid, or would also be the name of another source.
    """
    plain_path = os.path.normpath(source.removesuffix(".pt"))
    parts = [part for part in Path(plain_path).parts if part != os.sep]
    name = "--".join(parts)
    if NAME.fullmatch(name) and not any("--" in part for part in parts):
        return name
    digest = hashlib.sha256(source.encode()).hexdigest()[:8]
    plain = re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-_.")[-80:].lstrip("-_.")
    return f"{plain or 'model'}-{digest}"


def own_run(folder: Path) -> str | None:
    """Name of the run of this project whose folder this is; None for any other path."""
    # realpath: Path.resolve raises RuntimeError for a link to itself
    folder, runs = (Path(os.path.realpath(one)) for one in (folder, run_dir("x").parent))
    is_run = folder.parent == runs and folder.is_dir() and NAME.fullmatch(folder.name)
    return folder.name if is_run else None


def run_folders() -> list[Path]:
    """The folders of runs, sorted. A folder whose name no run can have is left out."""
    folders = run_dir("x").parent.glob("*")
    return sorted(one for one in folders if NAME.fullmatch(one.name) and one.is_dir())


def existing(file: Callable[[str], Path], name: str, where: str) -> Path:
    """Path of the file with this name. Raises ConfigError, with a similar name or all names, if it is
    missing.
    """
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

"""`sedd init`: a new project from the files that the package carries.

They are links in `sedd/project/`, which a wheel holds as files.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from sedd.errors import SeddError

CARRIED = Path(__file__).parents[1] / "project"
RENAMED = {"gitignore": ".gitignore", "dvcignore": ".dvcignore"}
LINKS = {"default": "workflow/profiles/default", "slurm": "workflow/profiles/slurm"}
"""Profiles, where Snakemake looks for them."""


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of the project, made if missing.")
    ],
) -> None:
    """Make a project: the folder in which all other verbs run.

    Writes config/ (experiments, datasets, tables), workflow/ and Snakefile (the rules of the build),
    dvc.yaml, and what git and DVC ignore. Edit config/; results are written to results/. Files that
    are there already are never replaced.

    \b
    Example: sedd init mine
    """
    files = {path.name: RENAMED.get(path.name, path.name) for path in sorted(CARRIED.iterdir())}
    names = [*files.values(), *LINKS]
    if there := [
        name for name in names if (folder / name).exists() or (folder / name).is_symlink()
    ]:
        raise SeddError(f"{folder}: has {', '.join(there)} already; choose another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SeddError(f"{folder}: cannot be made a folder: {error.strerror}") from error
    for source, name in files.items():
        if (CARRIED / source).is_dir():
            shutil.copytree(CARRIED / source, folder / name)
        else:
            shutil.copyfile(CARRIED / source, folder / name)
    for name, target in LINKS.items():
        (folder / name).symlink_to(target)
    typer.echo(f"{folder}: a project with {', '.join(names)}")
    typer.echo(
        f"try: cd {folder} && sedd build --config config/smoke.yaml    # tiny models, minutes"
    )


POSITION, VERBS = 50, (init,)

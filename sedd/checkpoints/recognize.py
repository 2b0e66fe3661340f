"""Kinds of model sources: experiment, run, checkpoint, published model's folder, hub id.

Every caller that takes a source asks `recognize`. It looks at names and files only, and reads none
of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sedd.checkpoints.hub import download_model
from sedd.checkpoints.official import is_official_experiment
from sedd.checkpoints.run_checkpoint import find_checkpoint, steps_present
from sedd.config.load_experiment import resolved_file
from sedd.config.pretrained import STEP
from sedd.config.values import NAME
from sedd.errors import CheckpointError
from sedd.paths import experiment_file, run_dir

HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)


@dataclass(frozen=True)
class Source:
    """A source that was recognized.

    kind:
        experiment  a file of config/experiments, or a run with the settings it was made with
        run         a folder with `checkpoints/`
        checkpoint  one file `step_N.pt` of a run
        folder      a published model: `config.json` and weights, or an official experiment folder
        hub         an id on the hub, or a name that nothing else fits
    name: the experiment's name, or the source as the user gave it.
    path: of the run, the checkpoint or the folder.
    """

    kind: Literal["experiment", "run", "checkpoint", "folder", "hub"]
    name: str
    path: Path


def recognize(source: str | Path) -> Source:
    """Recognize a source. An experiment's or run's name comes before a file or folder.

    Raises CheckpointError that lists what was looked for.
    """
    name, path = str(source), Path(source)
    if isinstance(source, str) and NAME.fullmatch(name):
        if experiment_file(name).is_file() or resolved_file(name).is_file():
            return Source("experiment", name, run_dir(name))
        if steps_present(run_dir(name)):
            return Source("run", name, run_dir(name))
    if path.is_file():
        return Source("checkpoint", name, path)
    if is_official_experiment(path):  # comes first: it may hold `checkpoints`, too
        return Source("folder", name, path)
    if (path / "checkpoints").is_dir():
        return Source("run", name, path)
    if path == run_dir(path.name) and resolved_file(path.name).is_file():
        return Source("experiment", path.name, path)
    return recognize_published(source)


def recognize_published(source: str | Path) -> Source:
    """`recognize` for a model that others trained: a folder or a hub id."""
    name, path = str(source), Path(source)
    if is_official_experiment(path) or (path / "config.json").is_file():
        return Source("folder", name, path)
    if isinstance(source, str) and HUB_ID.fullmatch(name):
        return Source("hub", name, path)
    raise CheckpointError(not_a_model(name, path))


def checkpoint_path(source: Source, step: int | None) -> Path:
    """The checkpoint file of a run. step: which one; None: the newest.

    Raises CheckpointError if there is none of that step.
    """
    if source.kind != "checkpoint":
        return find_checkpoint([source.path], step)
    refuse_step(source, step)
    return source.path


def model_folder(source: Source, step: int | None) -> Path:
    """The folder of a published model, downloaded if it is on the hub. Raises CheckpointError."""
    refuse_step(source, None if step == STEP else step)
    if source.kind != "hub":
        return source.path
    try:
        return download_model(source.name)
    except CheckpointError as error:
        raise CheckpointError(not_a_model(source.name, source.path, str(error))) from error


def refuse_step(source: Source, step: int | None) -> None:
    if step is not None:
        raise CheckpointError(
            f"{source.name}: has no checkpoint of step {step}: a step chooses among the checkpoints of a run, and this "
            "is not a run's folder or name"
        )


def not_a_model(name: str, path: Path, hub_error: str | None = None) -> str:
    """A message that lists every place tried. hub_error: None if the hub was not asked."""
    content = "no such folder"
    if path.is_dir():
        names = sorted(entry.name for entry in path.iterdir())
        content = f"the folder holds {', '.join(names[:6]) or 'nothing'}"
    hub = (
        "this is not the form of a hub id"
        if hub_error is None
        else f"the hub has none ({hub_error})"
    )
    return (
        f"{name!r} is not a model: no experiment {experiment_file('NAME').parent}/NAME.yaml, "
        f"no run under {run_dir('x').parent}, no checkpoint file, no folder with checkpoints/, config.json "
        f"or .hydra/config.yaml ({content}), and {hub}"
    )

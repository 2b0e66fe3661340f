"""Kinds of model sources: experiment, run, checkpoint, published model's folder, hub id.

Every caller that takes a source asks `recognize`. It looks at names and files only, and reads none
of them. Never imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sedd.checkpoints.download import download_model
from sedd.checkpoints.run_folder import find_checkpoint, steps_present
from sedd.config.definition import is_defined, known_names, resolved_file
from sedd.config.file_names import own_run
from sedd.config.pretrained import STEP
from sedd.config.values import HUB_ID, NAME
from sedd.config.yaml.describe import near_names
from sedd.errors import CheckpointError
from sedd.paths import can_exist, experiment_file, run_dir


@dataclass(frozen=True)
class Source:
    """A source that was recognized.

    kind:
        experiment  a file of config/experiments, or a run with the settings it was made with
        run         a folder with `checkpoints/`
        checkpoint  one file `step_N.pt` of a run
        folder      a published model: `config.json` and weights, an official experiment folder, or a
                    Lightning checkpoint
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
    refuse_impossible(name, path)
    if isinstance(source, str) and NAME.fullmatch(name):
        if is_defined(name):
            return Source("experiment", name, run_dir(name))
        if steps_present(run_dir(name)):
            return Source("run", name, run_dir(name))
    run = own_run(path)
    if run is not None and not (path / "checkpoints").is_dir() and resolved_file(run).is_file():
        return Source("experiment", run, path)
    return recognize_weights(source)


def refuse_impossible(name: str, path: Path) -> None:
    """Raise CheckpointError for a name that no file system can have, such as an over-long one."""
    if not can_exist(path):
        raise CheckpointError(not_a_model(name[:60], Path(name[:60])))


def recognize_weights(source: str | Path) -> Source:
    """`recognize` without names of experiments and runs: a file, a folder or a hub id."""
    name, path = str(source), Path(source)
    refuse_impossible(name, path)
    if path.is_file() and not is_lightning(path):
        return Source("checkpoint", name, path)
    if is_official_experiment(path):  # comes first: it may hold `checkpoints`, too
        return Source("folder", name, path)
    if (path / "checkpoints").is_dir():
        return Source("run", name, path)
    if is_lightning(path) or (path / "config.json").is_file():
        return Source("folder", name, path)
    if isinstance(source, str) and HUB_ID.fullmatch(name):
        return Source("hub", name, path)
    raise CheckpointError(not_a_model(name, path))


def is_official_experiment(folder: Path) -> bool:
    """Whether a folder is an experiment of the official training code."""
    return (folder / ".hydra" / "config.yaml").is_file()


def is_lightning(path: Path) -> bool:
    """Whether a path is that of a Lightning checkpoint, by its name."""
    return path.suffix == ".ckpt" and path.is_file()


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
    """Raise CheckpointError unless `step` is None."""
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
        else f"no model from the hub ({hub_error})"
    )
    near = near_names(name, known_names())
    return (
        f"{name!r} is not a model: no experiment {experiment_file('NAME').parent}/NAME.yaml, "
        f"no run under {run_dir('x').parent}, no checkpoint file, no folder with checkpoints/, config.json "
        f"or .hydra/config.yaml ({content}), and {hub}{near}"
    )

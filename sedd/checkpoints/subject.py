"""The experiment and the checkpoint step that a NAME on the command line refers to.

Every verb with a NAME asks `find_subject`. A model that no experiment describes becomes an
experiment with the key `pretrained`: tokenizer, length and recorded settings come from the model,
all others are defaults. Its results are kept in a folder under results/runs/ that is named after
the source.

Imports torch only to read the settings of a model that was found.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from sedd.checkpoints.recognize import (
    Source,
    checkpoint_path,
    model_folder,
    recognize,
    refuse_step,
)
from sedd.config import AnyExperiment, Pretrained, change_subject, load_subject, measured_by
from sedd.config.definition import is_defined
from sedd.config.file_names import own_run
from sedd.config.pretrained import STEP
from sedd.paths import checkpoint_file, run_dir


def find_subject(
    name: str,
    overrides: Sequence[str] = (),
    *,
    rename: str | None = None,
    step: int | None = None,
    writes: bool = True,
) -> tuple[AnyExperiment, int | None]:
    """The experiment that `name` refers to, and the step of its checkpoint (None: the newest).

    name: an experiment, a run, the folder of a run, a checkpoint, the hub id or the folder of a
        published model, or an experiment folder of the official code.
    overrides, rename, writes: as for `sedd.config.load_subject`.
    step: which checkpoint of a run.
    Raises ConfigError for wrong settings; CheckpointError for a name that is not a model, with all
    that was looked for, and for a step of a model without steps.
    """
    source, step = locate(recognize(name), step)
    known = source.name if source.kind == "experiment" else measured_by(reference(source))
    if known is not None:
        subject = load_subject(known, overrides, rename=rename, writes=writes)
    else:
        subject = change_subject(settings(source, step), overrides, rename=rename, writes=writes)
    if isinstance(subject, Pretrained):
        refuse_step(source, None if step == STEP else step)
        step = STEP
    return subject, step


def locate(source: Source, step: int | None) -> tuple[Source, int | None]:
    """Reduce the kinds of sources: paths of this project's runs to names, other runs to checkpoints.

    Returns a source of any kind but `run`, unless the run has no file of settings, and the step of
    a run's checkpoint.
    """
    if source.kind not in ("run", "checkpoint"):
        return source, step
    is_file = source.kind == "checkpoint"
    run = own_run(source.path.parent.parent if is_file else source.path)
    if run is None:
        path = checkpoint_path(source, step)
        return Source("checkpoint", source.name, path), None
    if is_file:
        number = source.path.stem.removeprefix("step_")
        if not number.isdecimal() or source.path.name != checkpoint_file(run, int(number)).name:
            refuse_step(source, step)
            return source, None
        refuse_step(source, None if step == int(number) else step)
        step = int(number)
    return Source("experiment" if is_defined(run) else "run", run, run_dir(run)), step


def settings(source: Source, step: int | None) -> AnyExperiment:
    """The settings of a model that no experiment describes, from its folder or its checkpoint."""
    folder = model_folder(source, step) if source.kind in ("folder", "hub") else source.path
    # torch is imported only after the model was found
    from sedd.checkpoints import default_settings as default

    if source.kind == "run":
        return default.run_settings(checkpoint_path(source, step), source.name)
    if source.kind == "checkpoint":
        return default.checkpoint_settings(reference(source))
    return default.folder_settings(reference(source), folder)


def reference(source: Source) -> str:
    """The source as the key `pretrained` records it: a hub id, or a path that is never taken for one.

    A path in the project's folder is relative to it, and any other is absolute.
    """
    if source.kind == "hub":
        return source.name
    path = os.path.relpath(source.path)
    return str(source.path.absolute()) if path.startswith(os.pardir) else f"./{path}"

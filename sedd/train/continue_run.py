"""Go on with a finished run under another name, for more steps."""

from __future__ import annotations

import shutil
from pathlib import Path

from sedd.checkpoints.initial import init_sha256
from sedd.config import Experiment, differences, run_identity, section_sha256
from sedd.data.split_folder import split_folder
from sedd.data.token_folder import read_meta
from sedd.errors import CheckpointError, ConfigError, DataError, Problem
from sedd.paths import (
    identity_file,
    kept_checkpoint_file,
    metrics_file,
    numbered_files,
    train_dir,
)
from sedd.results.trained_identity import read_identity
from sedd.runtime.atomic import replacing, write_text
from sedd.runtime.json_text import object_or_empty
from sedd.runtime.publish import hash_file
from sedd.train.saver import state_file, state_steps
from sedd.train.train_folder import check_same_vocabulary, open_folder, training_lock


def continue_run(experiment: Experiment) -> None:
    """Copy the newest state of the run `experiment.base`, with its checkpoints and metrics.

    The training then resumes from this state. The weights equal those of one long training, bit
    for bit, because both runs have the same settings: only the number of steps may differ. Does
    nothing if the new run has a state already.
    Raises ConfigError for other settings, and CheckpointError if the run has no state.
    """
    base, run, data = experiment.base, experiment.name, experiment.data
    assert base is not None, "the caller asks for a name"
    meta = read_meta(split_folder(data.dataset, data.tokenizer, "train", with_text=False))
    hashes = meta["tokens_sha256"], init_sha256(experiment)
    settings = run_identity(experiment, *hashes)
    steps = state_steps(train_dir(base))
    recorded = read_identity(identity_file(base))
    if not steps or recorded is None:
        raise CheckpointError(
            f"{train_dir(base)}: the run {base!r} has no state to resume from; train it with: sedd train {base}"
        )
    if recorded.identity != section_sha256(settings):
        changed = "; ".join(differences(recorded.settings, settings))
        what = (
            f"needs the settings of {base} but for training.steps, with training.decay_fraction 0; "
            f"these differ (then -> now): {changed}; to begin a new training with its weights: "
            f"training.init={base}"
        )
        raise ConfigError("command line", [Problem("--continue", what)])
    if steps[-1] >= experiment.training.steps:
        what = (
            f"must be above {steps[-1]}, which {base} has reached; got {experiment.training.steps}"
        )
        raise ConfigError("command line", [Problem("training.steps", what)])
    logged = metrics_until(metrics_file(base), steps[-1])
    with training_lock(run):
        vocabulary = meta["tokenizer_sha256"]
        check_same_vocabulary(train_dir(base), vocabulary)
        folder, _ = open_folder(experiment, *hashes, tokenizer_sha256=vocabulary)
        if state_steps(folder):
            return
        for step, path in numbered_files(train_dir(base), "step").items():
            if step <= steps[-1]:
                copy(path, kept_checkpoint_file(run, step))
        write_text(metrics_file(run), logged)
        copy(state_file(train_dir(base), steps[-1]), state_file(folder, steps[-1]))


def metrics_until(path: Path, step: int) -> str:
    """The lines of a run's metrics up to a step; a last line without a newline is left out.

    Raises DataError for a damaged file, and CheckpointError for a missing one: the curves of the
    new run would begin in the middle.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        raise CheckpointError(
            f"{path}: missing; it begins the curves of the new run: restore the file, or create an "
            "empty one to continue without them"
        ) from None
    kept = []
    for number, line in enumerate(lines, 1):
        logged = object_or_empty(line).get("step")
        if type(logged) is not int:
            what = "malformed: no JSON object with an integer `step`; remove the line"
            raise DataError(f"{path}, line {number}: {what}")
        if logged <= step:
            kept.append(line.decode() + "\n")
    return "".join(kept)


def copy(source: Path, target: Path) -> None:
    """Copy a checkpoint or a state with its hash file, each whole or not at all."""
    for old, new in ((hash_file(source), hash_file(target)), (source, target)):
        if old.is_file():
            with replacing(new) as temporary:
                shutil.copyfile(old, temporary)

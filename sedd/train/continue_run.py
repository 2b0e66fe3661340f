"""Go on with a finished run under another name, for more steps."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from sedd.checkpoints.initial import init_sha256
from sedd.config import Experiment, differences, run_identity, section_sha256
from sedd.data.token_folder import read_meta
from sedd.errors import CheckpointError, ConfigError, Problem
from sedd.paths import (
    identity_file,
    kept_checkpoint_file,
    metrics_file,
    tokens_dir,
    train_dir,
)
from sedd.runtime.atomic import replacing, write_text
from sedd.runtime.publish import hash_file
from sedd.train.saver import state_file, state_steps
from sedd.train.train_folder import open_folder, training_lock


def continue_run(experiment: Experiment) -> None:
    """Copy the newest state of the run `experiment.base`, with its checkpoints and metrics.

    The training then goes on from there. Its weights are those of one long training, bit for bit,
    because both runs have the same settings: only the number of steps may differ. Does nothing if
    the new run has a state already.
    Raises ConfigError for other settings, and CheckpointError if the run has no state.
    """
    base, run, data = experiment.base, experiment.name, experiment.data
    assert base is not None, "the caller asks for a name"
    tokens_sha256 = read_meta(tokens_dir(data.dataset, data.tokenizer, "train"))["tokens_sha256"]
    hashes = tokens_sha256, init_sha256(experiment)
    settings = run_identity(experiment, *hashes)
    steps = state_steps(train_dir(base))
    if not steps or not identity_file(base).is_file():
        raise CheckpointError(
            f"{train_dir(base)}: the run {base!r} has no state to go on from; train it with: sedd train {base}"
        )
    recorded = json.loads(identity_file(base).read_text(encoding="utf-8"))
    if recorded["identity"] != section_sha256(settings):
        changed = "; ".join(differences(recorded["settings"], settings))
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
    with training_lock(run):
        folder, _ = open_folder(experiment, *hashes)
        if state_steps(folder):
            return
        for path in train_dir(base).glob("step_*.pt"):
            step = int(path.stem.removeprefix("step_"))
            if step <= steps[-1]:
                copy(path, kept_checkpoint_file(run, step))
        lines = metrics_file(base).read_text(encoding="utf-8").splitlines(keepends=True)
        until = [line for line in lines if json.loads(line)["step"] <= steps[-1]]
        write_text(metrics_file(run), "".join(until))
        copy(state_file(train_dir(base), steps[-1]), state_file(folder, steps[-1]))


def copy(source: Path, target: Path) -> None:
    """Copy a checkpoint or a state with its hash file, each whole or not at all."""
    for old, new in ((hash_file(source), hash_file(target)), (source, target)):
        if old.is_file():
            with replacing(new) as temporary:
                shutil.copyfile(old, temporary)

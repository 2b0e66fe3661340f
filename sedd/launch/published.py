"""Tell whether a checkpoint exists and was trained with the requested settings."""

from __future__ import annotations

from typing import Any

from sedd.config import Experiment, run_identity, section_sha256
from sedd.data.split_folder import split_folder
from sedd.data.token_folder import read_meta
from sedd.paths import checkpoint_file, identity_file, kept_checkpoint_file
from sedd.results.trained_identity import read_identity
from sedd.runtime.publish import publish


def requested_identity(experiment: Experiment) -> tuple[str, dict[str, Any]]:
    """Hash of the settings, tokens and initial weights to train with, and those settings.

    Raises DataError, which names the command to run, if the text is not tokenized yet, and
    CheckpointError if the initial weights do not exist.
    """
    data = experiment.data
    meta = read_meta(split_folder(data.dataset, data.tokenizer, "train", with_text=False))
    settings = run_identity(experiment, meta["tokens_sha256"], _init_sha256(experiment))
    return section_sha256(settings), settings


def _init_sha256(experiment: Experiment) -> str | None:
    if experiment.training.init is None:
        return None
    from sedd.checkpoints.initial import init_sha256  # imports torch

    return init_sha256(experiment)


def recorded_identity(run: str) -> tuple[str, dict[str, Any]] | None:
    """Identity and settings of the trainer's folder, or None if there is no folder."""
    recorded = read_identity(identity_file(run))
    return None if recorded is None else (recorded.identity, recorded.settings)


def is_published(run: str, step: int, identity: str) -> bool:
    """Whether the checkpoint of `step` exists for these settings. Restores a lost public file.

    The trainer removes checkpoints of other settings before it records its own identity.
    """
    recorded = recorded_identity(run)
    if recorded is None or recorded[0] != identity:
        return False
    kept, public = kept_checkpoint_file(run, step), checkpoint_file(run, step)
    if not public.exists() and kept.exists():
        publish(kept, public)
    return public.exists()

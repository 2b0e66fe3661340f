"""Whether a checkpoint is there, and of the settings that are wanted: an old one must never pass for a new one."""

from __future__ import annotations

import json
from typing import Any

from sedd.config import Experiment, run_identity, section_sha256
from sedd.data.token_folder import read_meta
from sedd.paths import checkpoint_file, identity_file, kept_checkpoint_file, tokens_dir
from sedd.runtime.publish import publish


def wanted_identity(experiment: Experiment) -> tuple[str, dict[str, Any]]:
    """Hash of the settings and tokens that the run is to be of, and those settings.

    Raises DataError, which says the verb, if there are no tokens yet.
    """
    data = experiment.data
    meta = read_meta(tokens_dir(data.dataset, data.tokenizer, "train"))
    settings = run_identity(experiment, meta["tokens_sha256"])
    return section_sha256(settings), settings


def found_identity(run: str) -> tuple[str, dict[str, Any]] | None:
    """The same of the trainer's folder as it is, or None."""
    try:
        found = json.loads(identity_file(run).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found["identity"], found["settings"]


def has_landed(run: str, step: int, identity: str) -> bool:
    """Whether the checkpoint of a step is there; a public name that was lost is given again.

    The trainer removes the checkpoints of other settings before it says its own.
    """
    found = found_identity(run)
    if found is None or found[0] != identity:
        return False
    kept, public = kept_checkpoint_file(run, step), checkpoint_file(run, step)
    if not public.exists() and kept.exists():
        publish(kept, public)
    return public.exists()

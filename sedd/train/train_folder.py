"""The trainer's private folder: its lock, the settings that it belongs to, and its write failures.

`results/runs/NAME/train/` holds `identity.json`, checkpoints `step_*.pt`, states `state_*.pt` to
resume from, `metrics.jsonl` and TensorBoard's files. Snakemake deletes the outputs of a rule before
it runs. Files that must survive are therefore kept in this folder and hard-linked into
`checkpoints/`.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from sedd.config import Experiment, run_identity, section_sha256
from sedd.errors import CheckpointError
from sedd.paths import identity_file, run_dir, train_dir
from sedd.results.trained_identity import read_identity
from sedd.runtime.atomic import WRITE_ERRORS, write_json
from sedd.runtime.lock import locked


@contextlib.contextmanager
def training_lock(run: str) -> Iterator[None]:
    """Hold the run's training lock; wait while another process trains the run."""

    def wait(holder: str) -> None:
        print(f"{run}: {holder} is training this run; waiting", file=sys.stderr, flush=True)

    with locked(run_dir(run) / ".train.lock", wait):
        yield


def open_folder(
    experiment: Experiment,
    tokens_sha256: str,
    init_sha256: str | None = None,
    tokenizer_sha256: str | None = None,
) -> tuple[Path, str]:
    """Return the folder for these settings, tokens and initial weights, and the hash of the three.
    Requires the training lock.

    A folder with other settings is renamed to `train.HASH`; it is restored when they return.
    tokenizer_sha256: hash of the vocabulary; None: unknown. Raises CheckpointError if the folder
        records another one, whose tokens happen to be the same.
    """
    settings = run_identity(experiment, tokens_sha256, init_sha256)
    identity = section_sha256(settings)
    run = experiment.name
    folder, file = train_dir(run), identity_file(run)
    if folder.exists():
        found = read_identity(file)
        recorded = found.identity if found else "unknown"
        if recorded == identity:
            check_same_vocabulary(folder, tokenizer_sha256)
            return folder, identity
        # before the rename: a kill in between must not leave old checkpoints beside a new folder
        for public in (run_dir(run) / "checkpoints").glob("step_*.pt*"):
            public.unlink()
        folder.rename(unused_name(folder, recorded))
        print(f"{run}: the settings changed; training from the beginning", file=sys.stderr)
    earlier = folder.with_name(f"train.{identity[:12]}")
    if earlier.exists():
        check_same_vocabulary(earlier, tokenizer_sha256)
        earlier.rename(folder)
        return folder, identity
    folder.mkdir(parents=True)
    vocabulary = {} if tokenizer_sha256 is None else {"tokenizer_sha256": tokenizer_sha256}
    write_json(file, {"identity": identity, "settings": settings, **vocabulary})
    return folder, identity


def check_same_vocabulary(folder: Path, tokenizer_sha256: str | None) -> None:
    """Raise CheckpointError if a trainer's folder records another vocabulary."""
    found = read_identity(folder / "identity.json")
    recorded = found.tokenizer_sha256 if found else None
    if None not in (recorded, tokenizer_sha256) and recorded != tokenizer_sha256:
        raise CheckpointError(
            f"{folder}: the run was trained with another vocabulary (hash {str(recorded)[:12]}) than the "
            f"tokenizer has now (hash {str(tokenizer_sha256)[:12]}); restore the tokenizer's files, "
            "or remove the folder to train from the beginning"
        )


def unused_name(folder: Path, identity: str) -> Path:
    name = folder.with_name(f"{folder.name}.{identity[:12]}")
    count = 1
    while name.exists():
        count += 1
        name = folder.with_name(f"{folder.name}.{identity[:12]}.{count}")
    return name


@contextlib.contextmanager
def convert_write_errors(folder: Path) -> Iterator[None]:
    """Convert write failures (full disk, quota, read-only) into CheckpointError.

    folder: named in the message if the system names no file.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in WRITE_ERRORS:
            raise
        path = error.filename or folder
        raise CheckpointError(
            f"{path}: cannot be saved: {error.strerror}; earlier checkpoints are intact. "
            "Free disk space or make the folder writable; "
            "the same command then resumes from the newest saved state"
        ) from error

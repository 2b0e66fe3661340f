"""The trainer's private folder: its lock, the settings that it belongs to, and its write failures.

`results/runs/NAME/train/` holds `identity.json`, checkpoints `step_*.pt`, states `state_*.pt` to
resume from, `metrics.jsonl` and TensorBoard's files. Snakemake deletes the outputs of a rule before
it runs. Files that must survive are therefore kept in this folder and hard-linked into
`checkpoints/`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from sedd.config import Experiment, run_identity, section_sha256
from sedd.errors import CheckpointError
from sedd.paths import identity_file, run_dir, train_dir
from sedd.runtime.atomic import write_json

WRITE_ERRORS = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS),
        *(errno.EACCES, errno.EPERM, errno.EIO),
    }
)


@contextlib.contextmanager
def training_lock(run: str) -> Iterator[None]:
    """Hold the run's training lock; wait while another process trains the run.

    The kernel releases the lock when its holder dies for any reason.
    """
    path = run_dir(run) / ".train.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            process = file.read().strip()
            print(f"{run}: process {process} is training this run; waiting", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def open_folder(
    experiment: Experiment, tokens_sha256: str, init_sha256: str | None = None
) -> tuple[Path, str]:
    """Return the folder for these settings, tokens and initial weights, and the hash of the three.
    Requires the training lock.

    A folder with other settings is renamed to `train.HASH`; it is restored when they return.
    """
    settings = run_identity(experiment, tokens_sha256, init_sha256)
    identity = section_sha256(settings)
    run = experiment.name
    folder, file = train_dir(run), identity_file(run)
    if folder.exists():
        recorded = json.loads(file.read_text())["identity"] if file.exists() else "unknown"
        if recorded == identity:
            return folder, identity
        # before the rename: a kill in between must not leave old checkpoints beside a new folder
        for public in (run_dir(run) / "checkpoints").glob("step_*.pt*"):
            public.unlink()
        folder.rename(unused_name(folder, recorded))
        print(f"{run}: the settings changed; training from the beginning", file=sys.stderr)
    earlier = folder.with_name(f"train.{identity[:12]}")
    if earlier.exists():
        earlier.rename(folder)
        return folder, identity
    folder.mkdir(parents=True)
    write_json(file, {"identity": identity, "settings": settings})
    return folder, identity


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

"""The trainer's private folder: who may write in it, and for which settings its checkpoints are.

`results/runs/NAME/train/` holds `identity.json`, `step_*.pt` (checkpoints), `state_*.pt` (to resume from), `metrics.jsonl` and
TensorBoard's files. Snakemake deletes the outputs of a rule before it runs, so what must survive is kept here and only linked
into `checkpoints/`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from sedd.config import Experiment, run_identity, section_sha256
from sedd.paths import run_dir, train_dir
from sedd.runtime.atomic import write_json


@contextlib.contextmanager
def sole_writer(experiment: str) -> Iterator[None]:
    """Hold the run's lock, so that two processes never train into one folder; wait for the other if there is one.

    The kernel frees the lock when its holder dies, however it dies.
    """
    path = run_dir(experiment) / ".train.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            print(
                f"{experiment}: process {file.read().strip()} is training it; waiting",
                file=sys.stderr,
            )
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def open_folder(experiment: Experiment, tokens_sha256: str) -> tuple[Path, str]:
    """The folder for these settings and this data, and their hash. Call with the lock held.

    A folder of other settings is put aside as `train.HASH`, and taken back when its settings come back.
    """
    settings = run_identity(experiment, tokens_sha256)
    identity = section_sha256(settings)
    folder = train_dir(experiment.name)
    there = folder / "identity.json"
    if folder.exists():
        found = json.loads(there.read_text())["identity"] if there.exists() else "unknown"
        if found == identity:
            return folder, identity
        for public in (run_dir(experiment.name) / "checkpoints").glob("step_*.pt*"):
            public.unlink()  # of the old settings; first, so that a kill leaves none beside a folder of the new ones
        folder.rename(free_name(folder, found))
        print(f"{experiment.name}: the settings changed; trains anew", file=sys.stderr)
    kept = folder.with_name(f"train.{identity[:12]}")
    if kept.exists():
        kept.rename(folder)
        return folder, identity
    folder.mkdir(parents=True)
    write_json(there, {"identity": identity, "settings": settings})
    return folder, identity


def free_name(folder: Path, identity: str) -> Path:
    name = folder.with_name(f"{folder.name}.{identity[:12]}")
    count = 1
    while name.exists():
        count += 1
        name = folder.with_name(f"{folder.name}.{identity[:12]}.{count}")
    return name

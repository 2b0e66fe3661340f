"""Checkpoints of our own runs: saved whole or not at all, verified and loaded strictly.

A checkpoint is one file, `step_N.pt`, a plain dictionary that `torch.load(weights_only=True)` reads:

    format      1
    step        optimiser steps taken
    identity    SHA-256 of everything that determines the weights at this step
    experiment  the resolved configuration, plain values
    vocab_size  tokens of the vocabulary, without the mask
    model, ema  weights, and their average

and beside it `step_N.pt.sha256`, its hash in the form of `sha256sum`. A state to resume from has more keys,
see `sedd.train.state`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import torch

from sedd.checkpoints.build import build_model
from sedd.config import Experiment
from sedd.errors import CheckpointError
from sedd.model import DiffusionTransformer, ExponentialMovingAverage
from sedd.runtime.atomic import replacing, write_text
from sedd.runtime.provenance import file_sha256
from sedd.runtime.publish import hash_file

FORMAT = 1
KEYS = {"format", "step", "identity", "experiment", "vocab_size", "model", "ema"}


class _Hashing:
    """A file to write to, which hashes what goes by: a checkpoint need not be read again to be hashed."""

    def __init__(self, file: IO[bytes]):
        self._file = file
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def save(content: dict[str, Any], path: Path) -> None:
    """Write a checkpoint under a temporary name, sync it to disk, write its hash, then give it its name. Raises OSError."""
    missing = KEYS - content.keys()
    assert not missing, f"a checkpoint without {sorted(missing)} could not be used"
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            hashing = _Hashing(file)
            try:
                torch.save(content, cast(IO[bytes], hashing))
            except RuntimeError as error:  # what torch's writer makes of a full disk
                if isinstance(error.__context__, OSError):
                    raise error.__context__ from None
                raise
        # before the file has its name: whatever happens between the two, no file stands without its hash
        write_text(hash_file(path), f"{hashing.sha256.hexdigest()}  {path.name}\n")


def verified_sha256(path: Path) -> str:
    """SHA-256 of a checkpoint. Raises CheckpointError if it is missing, or is not what was written."""
    if not path.is_file():
        raise CheckpointError(
            f"{path}: no such checkpoint; train it with: sedd train NAME, or look in checkpoints/"
        )
    found = file_sha256(path)
    told = hash_file(path)
    if told.is_file() and (wanted := told.read_text().split(maxsplit=1)[:1]) != [found]:
        raise CheckpointError(
            f"{path}: damaged: its SHA-256 is {found[:12]}..., and {told.name} says "
            f"{''.join(wanted)[:12] or 'nothing'}...; delete both and train again: the run resumes from the state before"
        )
    return found


def load(path: Path, *, mapped: bool = False) -> dict[str, Any]:
    """Verify a checkpoint and read it onto the CPU; see `read`."""
    verified_sha256(path)
    return read(path, mapped=mapped)


def read(path: Path, *, mapped: bool = False) -> dict[str, Any]:
    """Read a checkpoint onto the CPU.

    mapped: leave the tensors in the file until they are used, for readers that need few of them.
    Raises CheckpointError if it cannot be read, or is not one of ours.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # torch raises many kinds: zip, pickle, runtime, EOF
        raise CheckpointError(
            f"{path}: cannot be read as a checkpoint ({type(error).__name__}: {error}); "
            "it may be cut short or damaged: delete it and train again, the run resumes from the one before"
        ) from error
    if not isinstance(content, dict) or not content.keys() >= KEYS:
        found = sorted(map(str, content)) if isinstance(content, dict) else type(content).__name__
        raise CheckpointError(f"{path}: not a checkpoint of this project; found {found}")
    if content["format"] != FORMAT:
        raise CheckpointError(
            f"{path}: checkpoint format {content['format']}, this version reads {FORMAT}"
        )
    return content


@dataclass(frozen=True)
class Trained:
    """A trained network with what is needed to use it."""

    model: DiffusionTransformer
    experiment: Experiment
    step: int
    vocab_size: int
    path: Path
    sha256: str


def steps_present(run: Path) -> list[int]:
    """Steps of the checkpoints in a run's folder, in order."""
    found = (run / "checkpoints").glob("step_*.pt")
    return sorted(int(path.stem.removeprefix("step_")) for path in found)


def load_trained(path: Path, device: torch.device | str = "cpu", *, ema: bool = True) -> Trained:
    """The network of one checkpoint, in evaluation mode, with its EMA weights unless told otherwise."""
    digest = verified_sha256(path)
    content = read(path, mapped=True)
    try:
        # by way of JSON, whose lists may be tuples of the strict models
        experiment = Experiment.model_validate_json(json.dumps(content["experiment"]))
        model = build_model(experiment, content["vocab_size"])
        model.load_state_dict(content["model"])
    except (ValueError, RuntimeError) as error:  # pydantic's errors are ValueErrors
        raise CheckpointError(
            f"{path}: written by another version of this project; train again. {error}"
        ) from error
    if ema:
        average = ExponentialMovingAverage(model, experiment.training.ema_decay)
        average.load_state_dict(content["ema"])
        average.copy_to(model)
    # the weights may still have gradients: of those that may not, autocast makes another copy at each call
    model.to(device).eval()
    return Trained(model, experiment, content["step"], content["vocab_size"], path, digest)


def find_checkpoint(runs: Sequence[Path], step: int | None = None) -> Path:
    """The checkpoint of the first of these run folders that has one: that of `step`, or the newest.

    Raises CheckpointError that says which steps there are.
    """
    run = next((run for run in runs if steps_present(run)), runs[0])
    present = steps_present(run)
    if present and step in (None, *present):
        return run / "checkpoints" / f"step_{present[-1] if step is None else step}.pt"
    wanted = "no checkpoint yet" if step is None else f"no checkpoint of step {step}"
    raise CheckpointError(
        f"{run / 'checkpoints'}: the run {run.name!r} has {wanted}; steps there: "
        f"{', '.join(map(str, present)) or 'none'}; train it with: sedd train {run.name}"
    )

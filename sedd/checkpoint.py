"""Checkpoints of our own runs: saved whole or not at all, loaded strictly.

A checkpoint is one file, `step_N.pt`, a plain dictionary that `torch.load(weights_only=True)` reads:

    format      1
    step        optimiser steps taken
    identity    SHA-256 of everything that determines the weights at this step
    experiment  the resolved configuration, plain values
    vocab_size  tokens of the vocabulary, without the mask
    model, ema, optimizer   their states
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sedd.atomic import replacing
from sedd.build import build_model
from sedd.config import Experiment
from sedd.errors import CheckpointError
from sedd.model import DiffusionTransformer, ExponentialMovingAverage

FORMAT = 1
KEYS = {"format", "step", "identity", "experiment", "vocab_size", "model", "ema", "optimizer"}


def save(content: dict[str, Any], path: Path) -> None:
    """Write a checkpoint under a temporary name, sync it to disk, then give it its name."""
    missing = KEYS - content.keys()
    assert not missing, f"a checkpoint without {sorted(missing)} could not be resumed"
    with replacing(path) as temporary:
        torch.save(content, temporary)


def publish(source: Path, target: Path) -> None:
    """Give a checkpoint its public name: a hard link, or a copy where links cannot be made. Does nothing if it has it."""
    if target.exists() and target.samefile(source):
        return
    with replacing(target) as temporary:
        temporary.unlink()
        try:
            temporary.hardlink_to(source)
        except OSError:
            shutil.copyfile(source, temporary)
        os.utime(
            temporary
        )  # newer than a rule's inputs, though it may have been trained before them


def load(path: Path, *, mapped: bool = False) -> dict[str, Any]:
    """Read a checkpoint onto the CPU.

    mapped: leave the tensors in the file until they are used, for readers that need few of them.
    Raises CheckpointError if it is missing, damaged, or not one of ours.
    """
    if not path.is_file():
        raise CheckpointError(
            f"{path}: no such checkpoint; train it with: sedd train NAME, or look in checkpoints/"
        )
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


def steps_present(run: Path) -> list[int]:
    """Steps of the checkpoints in a run's folder, in order."""
    found = (run / "checkpoints").glob("step_*.pt")
    return sorted(int(path.stem.removeprefix("step_")) for path in found)


def load_trained(path: Path, device: torch.device | str = "cpu", *, ema: bool = True) -> Trained:
    """The network of one checkpoint, in evaluation mode, with its EMA weights unless told otherwise."""
    content = load(path, mapped=True)
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
    model.to(device).eval().requires_grad_(False)
    return Trained(model, experiment, content["step"], content["vocab_size"], path)


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

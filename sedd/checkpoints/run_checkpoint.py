"""Checkpoints of the runs of this project: written atomically, verified by hash, loaded strictly.

A checkpoint is one file, `step_N.pt`, a plain dictionary that `torch.load(weights_only=True)`
reads:

    format      1
    step        number of optimizer steps
    identity    SHA-256 of everything that determines the weights at this step
    experiment  the resolved configuration, plain values
    vocab_size  tokens of the vocabulary, without the mask
    tokenizer_sha256  hash of the vocabulary; absent in older files: unknown
    model, ema  weights, and their exponential moving average

The file `step_N.pt.sha256` beside it holds its hash in the format of `sha256sum`. A training state
has more keys, see `sedd.train.state`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import torch

from sedd.checkpoints.build import build_model, parameters_of
from sedd.checkpoints.content import check_content, check_weights
from sedd.config import Experiment
from sedd.errors import CheckpointError, DataError, first_line
from sedd.model import DiffusionTransformer, ExponentialMovingAverage
from sedd.runtime.atomic import no_follow, replacing, write_text
from sedd.runtime.json_text import json_text
from sedd.runtime.provenance import file_sha256
from sedd.runtime.publish import hash_file, recorded_sha256

FORMAT = 1
KEYS = {"format", "step", "identity", "experiment", "vocab_size", "model", "ema"}
OPTIONAL_KEYS = {"tokenizer_sha256"}


class _HashingFile:
    """A writable file that hashes its content while it is written: no second read is needed."""

    def __init__(self, file: IO[bytes]):
        self._file = file
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def save(content: dict[str, Any], path: Path) -> None:
    """Write a checkpoint and its hash atomically, synced to disk. Raises OSError."""
    missing = KEYS - content.keys()
    assert not missing, f"the checkpoint lacks {sorted(missing)}"
    with replacing(path) as temporary:
        with open(temporary, "wb", opener=no_follow) as file:
            hashing = _HashingFile(file)
            try:
                torch.save(content, cast(IO[bytes], hashing))
            except RuntimeError as error:  # torch's writer wraps the OSError of a full disk
                if isinstance(error.__context__, OSError):
                    raise error.__context__ from None
                raise
        # the hash comes before the rename, so that a crash in between leaves no checkpoint without
        # one
        write_text(hash_file(path), f"{hashing.sha256.hexdigest()}  {path.name}\n")


def without_resume_keys(state: dict[str, Any]) -> dict[str, Any]:
    """The content of a checkpoint, from that of a training state."""
    return {key: value for key, value in state.items() if key in KEYS | OPTIONAL_KEYS}


def verified_sha256(path: Path) -> str:
    """SHA-256 of a checkpoint. Raises CheckpointError if it is missing or damaged."""
    if not path.is_file():
        raise CheckpointError(
            f"{path}: no such checkpoint; train it with: sedd train NAME, or list checkpoints/ of the run"
        )
    sha256 = file_sha256(path)
    if (expected := recorded_sha256(path)) not in (None, sha256):
        raise CheckpointError(
            f"{path}: damaged: its SHA-256 is {sha256[:12]}..., but {hash_file(path).name} records "
            f"{str(expected)[:12] or 'nothing'}...; delete both and train again: the run resumes "
            "from its last state"
        )
    return sha256


def load(path: Path, *, mapped: bool = False) -> dict[str, Any]:
    """`read`, after a check of the file's hash."""
    verified_sha256(path)
    return read(path, mapped=mapped)


def read(path: Path, *, mapped: bool = False) -> dict[str, Any]:
    """Content of a checkpoint, with its tensors on the CPU.

    mapped: map the file into memory, for callers that use few of the tensors.
    Raises CheckpointError if the file cannot be read, or is not a checkpoint of this project.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # torch raises many kinds: zip, pickle, runtime, EOF
        raise CheckpointError(
            f"{path}: cannot be read as a checkpoint ({type(error).__name__}: {first_line(error)}); a checkpoint of a run "
            "may be truncated or damaged: delete it and train again, the run resumes from its last state"
        ) from error
    if not isinstance(content, dict) or not content.keys() >= KEYS:
        found = (
            ", ".join(sorted(map(str, content))[:8])
            if isinstance(content, dict)
            else type(content).__name__
        )
        raise CheckpointError(
            f"{path}: not a checkpoint of this project, which has the keys {', '.join(sorted(KEYS))}; found "
            f"{found or 'no key'}; a published model is opened by its folder"
        )
    written = content["format"]
    if type(written) is not int or written != FORMAT:  # True is equal to 1
        raise CheckpointError(
            f"{path}: written in checkpoint format {str(written)[:40]}; this version reads format {FORMAT}; "
            "open it with the version of sedd that wrote it, or train again"
        )
    check_content(content, path)
    return content


@dataclass(frozen=True)
class TrainedNetwork:
    """The network of a checkpoint, with the settings recorded in it.

    tokenizer_sha256: hash of the vocabulary that it was trained in; None: not recorded.
    """

    network: DiffusionTransformer
    experiment: Experiment
    step: int
    vocab_size: int
    path: Path
    sha256: str
    tokenizer_sha256: str | None = None


def load_settings(path: Path) -> Experiment:
    """The settings recorded in a checkpoint. Raises CheckpointError."""
    return recorded_settings(read(path, mapped=True), path)


def recorded_settings(content: dict[str, Any], path: Path) -> Experiment:
    """The settings in the content of a checkpoint. Raises CheckpointError."""
    try:
        # validated from JSON, which lets a list stand for a tuple of the strict models
        return Experiment.model_validate_json(json_text(content["experiment"]))
    # pydantic's errors are ValueErrors; others are those of values that JSON does not have
    except (ValueError, TypeError, RecursionError, DataError) as error:
        raise other_version(path, error) from error


def other_version(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{path}: written by another version of this project; train again. {error}"
    )


def load_trained(path: Path, device: torch.device | str = "cpu") -> TrainedNetwork:
    """A checkpoint's network in evaluation mode, averaged weights. Raises CheckpointError."""
    sha256 = verified_sha256(path)
    content = read(path, mapped=True)
    experiment = recorded_settings(content, path)
    # before a network as large as the settings say is built
    expected = parameters_of(experiment, content["vocab_size"])
    found = sum(tensor.numel() for tensor in content["ema"]["shadow"].values())
    if found != expected:
        what = f"its settings need {expected:,} parameters, but it holds {found:,}"
        raise other_version(path, ValueError(what))
    check_weights(content, path)
    try:
        network = build_model(experiment, content["vocab_size"])
        network.load_state_dict(content["model"])
        average = ExponentialMovingAverage(network, experiment.training.ema_decay)
        average.load_state_dict(content["ema"])
    except (ValueError, RuntimeError) as error:
        raise other_version(path, error) from error
    average.copy_to(network)
    # gradients stay enabled: autocast caches its copies only of weights that require them
    network.to(device).eval()
    return TrainedNetwork(
        network,
        experiment,
        content["step"],
        content["vocab_size"],
        path,
        sha256,
        content.get("tokenizer_sha256"),
    )

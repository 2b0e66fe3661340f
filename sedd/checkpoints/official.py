"""Published diffusion models: network and objective from the files of SEDD, RADD and MDLM.

In the hub's form a folder holds `config.json` and `model.safetensors` (older: `pytorch_model.bin`).
An experiment folder of the official training code of SEDD or RADD holds `.hydra/config.yaml` and
`checkpoints-meta/checkpoint.pth`. The training code of MDLM writes Lightning checkpoints, `.ckpt`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from sedd.checkpoints.formats.lightning import REFUSED, read_lightning
from sedd.checkpoints.formats.mdlm_format import MDLMConfig
from sedd.checkpoints.formats.published import LENGTH, PublishedConfig, PublishedModel
from sedd.checkpoints.formats.radd_format import RADDConfig
from sedd.checkpoints.formats.sedd_format import SEDDConfig
from sedd.checkpoints.formats.tensors import averaged_weights, check_tensors, named_tensors
from sedd.checkpoints.hub import read_tensors, weights_file
from sedd.checkpoints.recognize import is_lightning, is_official_experiment
from sedd.config.yaml.source import Source, read_source
from sedd.config.yaml.validate import require, validate
from sedd.errors import CheckpointError, ConfigError, first_line

__all__ = ["LENGTH", "TOKENIZER", "TOKENIZER_KEY"]

TOKENIZER = "gpt2"  # of the published models; their configuration has no key for it
# metadata of the weights that `sedd export` writes: the tokenizer's name, the vocabulary's hash
TOKENIZER_KEY = "sedd.tokenizer"
VOCABULARY_KEY = "sedd.tokenizer_sha256"


def configuration_file(folder: Path) -> Path:
    """The configuration of a model folder of either form."""
    name = ".hydra/config.yaml" if is_official_experiment(folder) else "config.json"
    return folder / name


def format_of(values: Mapping[str, Any], path: Path) -> type[PublishedConfig] | None:
    """The format of a published configuration; None: that of no diffusion model.

    Raises CheckpointError for a diffusion model of a kind that cannot be opened. path: the file.
    """
    kind = str(values.get("model_type")).lower()
    if kind in REFUSED:
        raise CheckpointError(f"{path}: cannot be opened: {kind} is {REFUSED[kind]}")
    if kind == "mdlm":
        return MDLMConfig
    if "graph" in values:
        return SEDDConfig
    training = values.get("training")
    return RADDConfig if isinstance(training, Mapping) and "loss_type" in training else None


def is_official(folder: Path) -> bool:
    """Whether a folder holds a published diffusion model, by its configuration; or a Lightning file."""
    if is_official_experiment(folder) or is_lightning(folder):
        return True
    path = configuration_file(folder)
    return format_of(read_source(path).values, path) is not None


def load_official(folder: Path, device: torch.device | str) -> PublishedModel:
    """The model in a folder of either form, or in a Lightning file, with its averaged weights.

    The network is in evaluation mode. Raises CheckpointError with all problems of the
    configuration, or of the tensors.
    """
    config, tensors, weights_path = read_official(folder)
    model = config.with_weights(check_tensors(tensors, config, weights_path))
    # gradients stay enabled: autocast caches its copies only of weights that require them
    model.network.to(device).eval()
    return dataclasses.replace(model, tokenizer=recorded_tokenizer(folder))


def recorded_reading(folder: Path) -> tuple[str | None, int]:
    """The tokenizer and the length of a model's texts in training, as its folder says.

    The tokenizer is None for that of `tokenizer.json` in the folder. Raises CheckpointError.
    """
    if is_lightning(folder):
        config, _ = read_lightning(folder)
    else:
        config = read_configuration(configuration_file(folder))
    return recorded_tokenizer(folder), config.text_length


def read_official(folder: Path) -> tuple[PublishedConfig, dict[str, Tensor], Path]:
    """The configuration, the averaged weights, and the file of the weights."""
    if is_lightning(folder):
        return *read_lightning(folder), folder
    config = read_configuration(configuration_file(folder))
    if not is_official_experiment(folder):
        path = weights_file(folder)
        return config, named_tensors(read_tensors(path), path), path
    path = folder / "checkpoints-meta" / "checkpoint.pth"
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file, beside .hydra/config.yaml")
    content = read_tensors(path)
    content = content if isinstance(content, Mapping) else {}
    names = named_tensors(content.get("model", {}), path)
    return config, averaged_weights(content.get("ema"), names, config, path), path


def read_configuration(path: Path) -> PublishedConfig:
    """The validated configuration of a published model. Raises CheckpointError with all problems."""
    source: Source = read_source(path)
    kind = format_of(source.values, path)
    if kind is None:
        raise CheckpointError(
            f"{path}: not the configuration of a diffusion model: it has neither model_type mdlm, nor a "
            "section graph (SEDD), nor the key training.loss_type (RADD); a run of MDLM's training code is "
            "opened by its checkpoint, such as checkpoints/last.ckpt"
        )
    try:
        return require(validate(kind, source), source)
    except ConfigError as error:
        raise CheckpointError(
            f"not the configuration of a published {kind.family} model: {error}"
        ) from error


def recorded_tokenizer(folder: Path) -> str | None:
    """The tokenizer's name, as `sedd export` records it; gpt2 for all other models.

    None for a folder with a `tokenizer.json`. Raises CheckpointError for an unreadable file.
    """
    if (folder / "tokenizer.json").is_file():
        return None
    return metadata(folder).get(TOKENIZER_KEY, TOKENIZER)


def recorded_vocabulary(folder: Path) -> str | None:
    """Hash of the model's vocabulary, as `sedd export` records it; None: unknown."""
    return metadata(folder).get(VOCABULARY_KEY)


def metadata(folder: Path) -> Mapping[str, str]:
    """The metadata of a folder's weights; empty for weights in another form than safetensors."""
    weights = folder / "model.safetensors"
    if not weights.is_file():
        return {}
    try:
        with safe_open(weights, framework="pt") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{weights}: cannot be read: {first_line(error)}") from error

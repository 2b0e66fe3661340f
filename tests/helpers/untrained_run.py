"""A run with a checkpoint of random weights, written without training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from sedd.checkpoints import run_checkpoint
from sedd.checkpoints.build import build_model
from sedd.config import load_experiment
from sedd.data.tokenizers import load_tokenizer
from sedd.model import ExponentialMovingAverage
from sedd.paths import checkpoint_file


def untrained_run(
    name: str,
    *,
    step: int = 7,
    rename: str | None = None,
    overrides: Sequence[str] = (),
    seed: int = 0,
) -> Path:
    """Write a checkpoint of the experiment's run; the weights differ from their average."""
    experiment = load_experiment(name, overrides, rename=rename)
    tokenizer = load_tokenizer(experiment.data.tokenizer)
    size = tokenizer.vocab_size
    network = build_model(experiment, size, torch.Generator().manual_seed(seed))
    draws = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in network.parameters():  # the published initialization has zeros
            parameter.add_(torch.randn(parameter.shape, generator=draws), alpha=0.1)
    average = ExponentialMovingAverage(network, experiment.training.ema_decay)
    weights = network.state_dict()
    others = {key: weights[key] + 1 for key, _ in network.named_parameters()}
    content = {
        "format": run_checkpoint.FORMAT,
        "step": step,
        "identity": "0" * 64,
        "experiment": experiment.model_dump(mode="json"),
        "vocab_size": size,
        "tokenizer_sha256": tokenizer.sha256,
        "model": {**weights, **others},
        "ema": average.state_dict(),
    }
    path = checkpoint_file(experiment.name, step)
    run_checkpoint.save(content, path)
    return path

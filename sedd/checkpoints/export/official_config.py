"""`config.json` of an export in SEDD's form, with every official key.

The official code rebuilds the network from `tokens`, `graph`, `noise` and `model`; the other
sections record the training. Keys without a counterpart in this project are written too, for
loaders that read them.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from sedd.checkpoints.run_checkpoint import TrainedNetwork
from sedd.config import Experiment
from sedd.diffusion import Geometric
from sedd.errors import CheckpointError
from sedd.registry import DEFAULT_SAMPLER, NOISES, SAMPLERS


def official_config(trained: TrainedNetwork) -> dict[str, Any]:
    """SEDD's configuration of a diffusion model's network."""
    experiment = trained.experiment
    assert experiment.graph is not None, "diffusions have a graph"
    training, sampling, evaluation = experiment.training, experiment.sampling, experiment.evaluation
    return {
        "ngpus": 1,
        "tokens": trained.vocab_size,
        "training": {
            "batch_size": training.batch_size,
            "accum": training.accum,
            "n_iters": training.steps,
            "snapshot_freq": training.checkpoint_every,
            "log_freq": training.log_every,
            "eval_freq": training.validate_every,
            "snapshot_freq_for_preemption": training.checkpoint_every,
            "weight": "standard",
            "snapshot_sampling": True,
            "ema": training.ema_decay,
        },
        "data": {
            "train": experiment.data.dataset,
            "valid": experiment.data.dataset,
            "cache_dir": "data",
        },
        "graph": {"type": experiment.graph.type, "file": "data", "report_all": False},
        "noise": noise_section(experiment),
        "sampling": {
            # the published form has these two only
            "predictor": SAMPLERS[sampling.sampler].published_name or DEFAULT_SAMPLER,
            "steps": sampling.steps,
            "noise_removal": sampling.denoise,
        },
        "eval": {
            "batch_size": evaluation.batch_size,
            "perplexity": bool(evaluation.datasets),
            "perplexity_batch_size": evaluation.batch_size,
        },
        "optim": {
            "weight_decay": training.weight_decay,
            "optimizer": "AdamW",
            "lr": training.lr,
            "beta1": training.beta1,
            "beta2": training.beta2,
            "eps": training.eps,
            "warmup": training.warmup_steps,
            "grad_clip": training.grad_clip,
        },
        "model": {
            "name": experiment.name,
            "type": "ddit",
            "hidden_size": experiment.model.hidden_size,
            "cond_dim": experiment.model.cond_dim,
            "length": experiment.data.length,
            "n_blocks": experiment.model.n_blocks,
            "n_heads": experiment.model.n_heads,
            "scale_by_sigma": trained.network.scale_by_sigma,
            "dropout": experiment.model.dropout,
        },
    }


def noise_section(experiment: Experiment) -> dict[str, Any]:
    """The noise schedule, with sigma_min and sigma_max, which log-linear models do not use."""
    noise = experiment.noise
    assert noise is not None, "diffusions have noise"
    published = NOISES[noise.type].published or {}
    stated = {key: getattr(noise, key) for key, constant in published.items() if constant is None}
    return {"type": noise.type, **dataclasses.asdict(Geometric()), **stated}


def check_noise(experiment: Experiment, path: Path) -> None:
    """Raise CheckpointError if a loader would build another noise schedule from a published form."""
    noise = experiment.noise
    assert noise is not None, "diffusions have noise"
    published = NOISES[noise.type].published
    if published is None:
        raise CheckpointError(
            f"{path}: the published form has no noise.type {noise.type}. Share the checkpoint file itself"
        )
    for key, constant in published.items():
        if constant is not None and (value := getattr(noise, key)) != constant:
            raise CheckpointError(
                f"{path}: the published form has no key for noise.{key}, and its loaders use {constant:g}; "
                f"this model was trained with {value:g}. Share the checkpoint file itself, or train with "
                f"noise.{key}={constant:g}"
            )

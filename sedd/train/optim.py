"""The optimizer (AdamW) and the learning-rate schedule."""

from __future__ import annotations

import torch

from sedd.config import Experiment


def build_optimizer(experiment: Experiment, model: torch.nn.Module) -> torch.optim.AdamW:
    training = experiment.training
    return torch.optim.AdamW(
        model.parameters(),
        lr=training.lr,
        betas=(training.beta1, training.beta2),
        eps=training.eps,
        weight_decay=training.weight_decay,
        fused=True,  # one kernel for all parameters: several times faster than the loop
    )


def learning_rate(experiment: Experiment, step: int) -> float:
    """Rate of the step after `step` steps: linear warm-up, constant, then linear to zero over the last part."""
    training = experiment.training
    warm = min((step + 1) / max(training.warmup_steps, 1), 1.0)
    decay_steps = round(training.decay_fraction * training.steps)
    left = (training.steps - step) / decay_steps if decay_steps else 1.0
    return training.lr * warm * min(left, 1.0)

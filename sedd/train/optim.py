"""The optimizer (AdamW) and the learning-rate schedule."""

from __future__ import annotations

import torch

from sedd.config import Experiment


def build_optimizer(
    experiment: Experiment, model: torch.nn.Module, fused: bool | None = True
) -> torch.optim.AdamW:
    """fused: one kernel for all parameters, several times faster than a loop over them; None:
    PyTorch's default.
    """
    training = experiment.training
    return torch.optim.AdamW(
        model.parameters(),
        lr=training.lr,
        betas=(training.beta1, training.beta2),
        eps=training.eps,
        weight_decay=training.weight_decay,
        fused=fused,
    )


def learning_rate(experiment: Experiment, step: int) -> float:
    """Learning rate for the update after `step` completed steps.

    Linear warm-up over `warmup_steps`, then constant, then linear decay to zero over the last
    `decay_fraction` of the training.
    """
    training = experiment.training
    warmup = min((step + 1) / max(training.warmup_steps, 1), 1.0)
    decay_steps = round(training.decay_fraction * training.steps)
    decay = (training.steps - step) / decay_steps if decay_steps else 1.0
    return training.lr * warmup * min(decay, 1.0)

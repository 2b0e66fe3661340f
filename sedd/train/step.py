"""One optimiser step: noise the batch, accumulate gradients, clip, update weights and their average.

B sequences in the global batch, L tokens in a sequence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from sedd.build import autocast
from sedd.config import Experiment, Training
from sedd.diffusion import Graph, Noise, sample_times
from sedd.seeds import derive_seed, generator
from sedd.train.loss import Loss
from sedd.train.state import TrainState


@dataclass(frozen=True)
class StepResult:
    """What one step is known by. The tensors stay on the device until someone reads them."""

    loss_nats_per_token: torch.Tensor
    grad_norm: torch.Tensor
    lr: float


def learning_rate(experiment: Experiment, step: int) -> float:
    """Rate of the step after `step` steps: linear warm-up, constant, then linear to zero over the last part.

    differs from the official code: its first step has rate zero, so it is a step that does nothing.
    """
    training = experiment.training
    warm = min((step + 1) / max(training.warmup_steps, 1), 1.0)
    decay_steps = round(training.decay_fraction * training.steps)
    left = (training.steps - step) / decay_steps if decay_steps else 1.0
    return training.lr * warm * min(left, 1.0)


def draw_times(
    training: Training, count: int, draws: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Times (count,) on [time_eps, 1], and the weights (count,) that make a mean over them one over uniform times."""
    eps = training.time_eps
    t = sample_times(count, eps, draws, stratified=training.time_sampling == "stratified")
    if training.time_density == "uniform":
        return t, torch.ones_like(t)
    # from uniform to density 1 / (t log(1 / eps)), by the inverse of its distribution function
    t = eps ** (1 - (t - eps) / (1 - eps))
    return t, t * -math.log(eps) / (1 - eps)


def train_step(
    state: TrainState,
    experiment: Experiment,
    graph: Graph,
    noise: Noise,
    loss: Loss,
    x0: torch.Tensor,
) -> StepResult:
    """Update `state` on the clean tokens x0 (B, L) of the global batch.

    The noise is drawn for the whole batch at once, from (seed, step) alone, and then dealt out: accumulation
    changes the order of sums, never what is learnt from.
    """
    training, device = experiment.training, next(state.model.parameters()).device
    draws = generator(experiment.seed, "noise", state.step)
    t, weight = draw_times(training, len(x0), draws)
    xt = graph.sample_transition(x0, noise(t)[0], generator=draws)
    torch.manual_seed(derive_seed(experiment.seed, "dropout", state.step))

    state.model.train()
    state.optimizer.zero_grad(set_to_none=True)
    total = torch.zeros((), device=device)
    sigma, dsigma = noise(t)
    whole = (sigma, weight * dsigma, xt, x0)
    for part in zip(*(tensor.chunk(training.accum) for tensor in whole), strict=True):
        sigma_, weight_, xt_, x0_ = (tensor.to(device, non_blocking=True) for tensor in part)
        with autocast(training.precision, device):
            nats = loss(state.model, sigma_, weight_, xt_, x0_, draws)
        mean = nats.sum() / len(x0)  # of a sequence, as in the paper: clipping depends on the scale
        mean.backward()
        total += mean.detach()

    norm = torch.nn.utils.clip_grad_norm_(state.model.parameters(), training.grad_clip)
    rate = learning_rate(experiment, state.step)
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    state.optimizer.step()
    state.ema.update(state.model)
    state.step += 1
    return StepResult(loss_nats_per_token=total / x0.shape[1], grad_norm=norm, lr=rate)

"""One optimiser step: noise the batch, accumulate gradients, clip, update weights and their average.

B sequences in the global batch, L tokens in a sequence.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sedd.build import autocast
from sedd.config import Experiment
from sedd.diffusion import Graph, Noise, sample_times, score_entropy_loss
from sedd.seeds import derive_seed, generator
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


def train_step(
    state: TrainState,
    experiment: Experiment,
    graph: Graph,
    noise: Noise,
    x0: torch.Tensor,
) -> StepResult:
    """Update `state` on the clean tokens x0 (B, L) of the global batch.

    The noise is drawn for the whole batch at once, from (seed, step) alone, and then dealt out: accumulation
    changes the order of sums, never what is learnt from.
    """
    training, device = experiment.training, next(state.model.parameters()).device
    draws = generator(experiment.seed, "noise", state.step)
    t = sample_times(
        len(x0), training.time_eps, draws, stratified=training.time_sampling == "stratified"
    )
    xt = graph.sample_transition(x0, noise(t)[0][:, None], generator=draws)
    torch.manual_seed(derive_seed(experiment.seed, "dropout", state.step))

    state.model.train()
    state.optimizer.zero_grad(set_to_none=True)
    total = torch.zeros((), device=device)
    for part in zip(*(tensor.chunk(training.accum) for tensor in (x0, t, xt)), strict=True):
        x0_part, t_part, xt_part = (tensor.to(device, non_blocking=True) for tensor in part)
        with autocast(training.precision, device):
            nats = score_entropy_loss(state.model, graph, noise, x0_part, t=t_part, xt=xt_part)
        loss = nats.sum() / len(x0)  # of a sequence, as in the paper: clipping depends on the scale
        loss.backward()
        total += loss.detach()

    norm = torch.nn.utils.clip_grad_norm_(state.model.parameters(), training.grad_clip)
    rate = learning_rate(experiment, state.step)
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    state.optimizer.step()
    state.ema.update(state.model)
    state.step += 1
    return StepResult(loss_nats_per_token=total / x0.shape[1], grad_norm=norm, lr=rate)

"""Forward processes over single tokens: transitions, score entropy and reverse steps, as defined.

A graph defines the mathematics only, as tables of probabilities (B, L, V). Every graph runs on
these definitions. `sedd.diffusion.fast` computes the same numbers without the tables for the graphs
that it knows.

B batch, L sequence length, V states: the vocabulary, plus the mask as last state if absorbing.
x0, x: (B, L) clean and noisy states.
sigma: (B,) or (B, 1) total noise.
log_score: (B, L, V) log of the estimated ratios p(y) / p(x); zero at y = x.
step: (B,) or (B, 1). Euler step: dt * dsigma. Analytic step: difference of sigma.
Any leading shape may replace (B, L); sigma and step then have one dimension less, or broadcast.

Source: Lou, Meng and Ermon 2024, "Discrete diffusion modeling by estimating the ratios of the data
distribution", arXiv 2310.16834.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

StepKind = Literal["euler", "analytic", "denoise"]


class Graph(ABC):
    """A forward process in which each token moves independently, at rate 1 per unit of sigma."""

    def __init__(self, vocab_size: int):
        if vocab_size < 2:
            raise ValueError(f"vocab_size must be at least 2, got {vocab_size}")
        self.vocab_size = vocab_size

    @property
    @abstractmethod
    def num_states(self) -> int:
        """V: the vocabulary, plus the mask if absorbing."""

    @property
    @abstractmethod
    def mask(self) -> int | None:
        """The absorbing state, or None.

        With a mask, only masked positions have a loss, and only they move in reverse.
        Without a mask, every position can move at every step.
        """

    @abstractmethod
    def transition(self, x0: Tensor, sigma: Tensor) -> Tensor:
        """Probabilities p(y | x0) of every state y at noise sigma: (B, L, V)."""

    @abstractmethod
    def sample_transition(
        self, x0: Tensor, sigma: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw x (B, L) from `transition`."""

    @abstractmethod
    def sample_limit(
        self,
        shape: Sequence[int],
        generator: torch.Generator | None = None,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """Draw states of `shape` from the limit distribution, at infinite noise."""

    @abstractmethod
    def score_entropy(self, log_score: Tensor, sigma: Tensor, x: Tensor, x0: Tensor) -> Tensor:
        """Denoising score entropy of each position, in nats, without the weight dsigma.

        The sum over y != x of w_y [s_y - r_y log s_y + r_y (log r_y - 1)], with the score
        s = exp(log_score), the true ratio r_y = p(y | x0) / p(x | x0), and the rate w_y from y to
        x. Returns (B, L): at least 0, and exactly 0 where s = r.
        Source: Lou et al. 2024, denoising score entropy.
        """

    @abstractmethod
    def euler_step_weights(self, log_score: Tensor, x: Tensor, step: Tensor) -> Tensor:
        """Row x of (identity + step * reverse rates): (B, L, V).

        Entries are negative where the step is too long.
        """

    @abstractmethod
    def analytic_step_weights(self, log_score: Tensor, x: Tensor, step: Tensor) -> Tensor:
        """Distribution of x at the noise sigma - d, d = step: (e^-dQ s)_y (e^dQ)(x | y), (B, L, V).

        Entries are negative where no distribution has these scores.
        Source: Lou et al. 2024, discrete Tweedie theorem.
        """

    def denoiser_scores(self, logits: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Scores implied by a prediction mu of the clean token: (n, V), 1 at x.

        The sum over x0 of mu(x0) p(y | x0) / p(x | x0), with mu the softmax of the first
        `vocab_size` columns of logits (n, V). Tokens x0 that cannot become x count nothing. x,
        sigma: (n,). This definition holds a table (n, vocab_size, V). Graphs with a closed form
        override it.
        """
        mu = logits[:, : self.vocab_size].softmax(-1)
        clean = torch.arange(self.vocab_size, device=x.device).expand_as(mu)
        law = self.transition(clean, sigma[:, None])  # (n, x0, y)
        at_x = law.gather(2, x[:, None, None].expand(-1, self.vocab_size, 1))
        ratio = torch.where(at_x > 0, law / at_x, 0.0)
        return (mu[:, :, None] * ratio).sum(1).to(mu.dtype).scatter(1, x[:, None], 1.0)

    def denoiser_excess(self, logits: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """`denoiser_scores` minus 1. Graphs whose scores come close to 1 override it."""
        return self.denoiser_scores(logits, x, sigma) - 1

    def euler_step_probs(self, log_score: Tensor, x: Tensor, step: Tensor) -> Tensor:
        """Distribution of the next state under an Euler step: (B, L, V)."""
        return normalize(self.euler_step_weights(log_score, x, step))

    def analytic_step_probs(self, log_score: Tensor, x: Tensor, step: Tensor) -> Tensor:
        """Distribution of the next state under an analytic step: (B, L, V)."""
        return normalize(self.analytic_step_weights(log_score, x, step))

    def denoise_probs(self, log_score: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Distribution of the clean token: (B, L, vocab_size).

        An analytic step over all of sigma, without the mask.
        """
        weights = self.analytic_step_weights(log_score, x, sigma)
        return normalize(weights[..., : self.vocab_size])

    def step_probs(self, kind: StepKind, log_score: Tensor, x: Tensor, step: Tensor) -> Tensor:
        """Distribution of the next state under one kind of step. "denoise" takes sigma as step."""
        if kind == "euler":
            return self.euler_step_probs(log_score, x, step)
        if kind == "analytic":
            return self.analytic_step_probs(log_score, x, step)
        return self.denoise_probs(log_score, x, step)


def normalize(weights: Tensor) -> Tensor:
    """Replace negative weights by zero, then divide each row by its sum."""
    weights = weights.clamp(min=0)
    return weights / weights.sum(-1, keepdim=True)


def like_positions(value: Tensor, x: Tensor) -> Tensor:
    """Reshape one value per sequence, (B,) or (B, 1), to (B, 1), which broadcasts with x (B, L)."""
    return value[..., None] if value.dim() < x.dim() else value

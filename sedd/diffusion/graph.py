"""A forward process of single tokens: how they move, what the loss is, how a reverse step is drawn.

B batch, L sequence length, V states (the vocabulary, plus the mask as last state if absorbing). x0,
x: (B, L) clean and noisy states. sigma: (B,) or (B, 1) total noise. log_score: (B, L, V), log of
the estimated ratios p(y) / p(x), zero at y = x. Any of the (B, L) shapes may be another leading
shape, with sigma (or a step) of one dimension less or broadcasting to it.

The tables of probabilities (B, L, V) are the plain, obvious form. They serve tests, small
vocabularies and networks that are plain callables; `RowTerms` and the samplers say the same without
such a table.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sedd.diffusion.fast.vocabulary_sum import RowTerms

StepKind = Literal["euler", "analytic", "denoise"]


@dataclass(frozen=True)
class ExitWeights:
    """Weights of leaving a row's state, `scale` times the table that `Graph.exit_weights_` filled, or not.

    stay: weight of staying, (r,), or None for what is missing to 1.
    """

    scale: float
    stay: Tensor | None


class Graph(ABC):
    """A process in which each token moves on its own, at a rate of one a unit of sigma."""

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
        """The absorbing state. None: every state can change at every step."""

    @abstractmethod
    def transition(self, x0: Tensor, sigma: Tensor) -> Tensor:
        """Probabilities (B, L, V) of every state at noise sigma, given x0."""

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
        """Draw states of `shape` from the law at infinite noise."""

    @abstractmethod
    def score_entropy(self, log_score: Tensor, sigma: Tensor, x: Tensor, x0: Tensor) -> Tensor:
        """Denoising score entropy of each position, in nats, before the weight dsigma.

        sum over y != x of w_y [ s_y - r_y log s_y + r_y (log r_y - 1) ], with s = exp(log_score),
        the true ratio r_y = p(y | x0) / p(x | x0), and w_y the rate from y to x. Returns (B, L), >=
        0, and 0 where s = r.
        """

    @abstractmethod
    def loss_positions(self, x: Tensor) -> Tensor | None:
        """Flat positions (n,) of x whose score entropy can differ from 0, or None if all can."""

    @abstractmethod
    def row_terms(self, sigma: Tensor, offset: Tensor, x: Tensor, x0: Tensor) -> RowTerms:
        """Score entropy of active rows as a sum over the vocabulary.

        All (n,). offset: what is taken off every logit, see `SplitNetwork`.
        """

    @abstractmethod
    def euler_step_weights(self, log_score: Tensor, x: Tensor, step: Tensor) -> Tensor:
        """Row x of (identity + step * reverse rates), (B, L, V); step: dt * dsigma.

        Negative where the step is too long.
        """

    @abstractmethod
    def analytic_step_weights(self, log_score: Tensor, x: Tensor, step: Tensor) -> Tensor:
        """(e^-dQ s)_y (e^dQ)(x | y), (B, L, V), for d = `step`, a difference of sigma.

        The law of x at the lower noise. Negative where the scores cannot be those of any
        distribution.
        """

    @abstractmethod
    def exit_weights_(self, score: Tensor, x: Tensor, kind: StepKind, step: float) -> ExitWeights:
        """Turn a table of scores (r, V), 1 at x (r,), into weights of leaving for each other state.

        The entry at x becomes 0. Says of rows that can change what the tables say of all;
        overwrites `score`. step: as for the kind of step.
        """

    @abstractmethod
    def denoiser_scores_(self, logits: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Scores (n, V), 1 at x (n,), if the clean token has the law softmax(logits) over the vocabulary.

        sum over x0 of its probability times p(y | x0) / p(x | x0). logits: (n, V), overwritten. sigma: (n,).
        """

    def euler_step_probs(self, log_score: Tensor, x: Tensor, step: Tensor) -> Tensor:
        """Law (B, L, V) of the next state in an Euler step; step: dt * dsigma, (B,) or (B, 1)."""
        return normalise(self.euler_step_weights(log_score, x, step))

    def analytic_step_probs(self, log_score: Tensor, x: Tensor, step: Tensor) -> Tensor:
        """Law (B, L, V) of the next state under an analytic step; step: difference of sigma, (B,)
        or (B, 1).
        """
        return normalise(self.analytic_step_weights(log_score, x, step))

    def denoise_probs(self, log_score: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Law (B, L, vocab_size) of the clean token: an analytic step over all of sigma, the mask
        left out.
        """
        weights = self.analytic_step_weights(log_score, x, sigma)
        return normalise(weights[..., : self.vocab_size])

    def step_probs(self, kind: StepKind, log_score: Tensor, x: Tensor, step: Tensor) -> Tensor:
        """The table of one kind of step."""
        if kind == "euler":
            return self.euler_step_probs(log_score, x, step)
        if kind == "analytic":
            return self.analytic_step_probs(log_score, x, step)
        return self.denoise_probs(log_score, x, step)


def normalise(weights: Tensor) -> Tensor:
    """Negative weights count as zero; each row then sums to 1."""
    weights = weights.clamp(min=0)
    return weights / weights.sum(-1, keepdim=True)


def like_positions(value: Tensor, x: Tensor) -> Tensor:
    """A value a sequence, (B,) or (B, 1), as (B, 1) to go with x (B, L)."""
    return value[..., None] if value.dim() < x.dim() else value

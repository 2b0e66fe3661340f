"""The law of texts and of the confidence in each token, under remasking by confidence.

By enumeration with the exact denoiser; from formulas, sharing nothing with the sampler.
A position is the mask, or a token with the state of the other positions when it was drawn, which
decides its confidence. S such states of all L positions.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from helpers.masked_chain import MaskedChain


class ConfidenceChain:
    """chain: of a free text. Law vectors (S,) start at all masks, in state 0."""

    def __init__(self, chain: MaskedChain):
        self.chain, size = chain, chain.mask + 1
        length = chain.states.shape[1]
        contexts = size ** (length - 1)
        local = torch.arange(1 + chain.mask * contexts)  # 0: the mask
        states = torch.tensor(list(itertools.product(local.tolist(), repeat=length)))
        drawn = (states - 1).clamp(min=0)
        token, context = drawn // contexts, drawn % contexts
        self.hidden = states == 0  # (S, L)
        x = torch.where(self.hidden, chain.mask, token)
        self.plain = chain.index(x)  # (S,) state of the plain chain
        place = size ** torch.arange(length - 2, -1, -1)
        others = [[j for j in range(length) if j != i] for i in range(length)]
        now = torch.stack([(x[:, other] * place).sum(1) for other in others], 1)  # (S, L)
        # probability of the drawn token: mu at position i of a text with that context
        self.psi = torch.zeros(states.shape, dtype=torch.float64)
        for i, other in enumerate(others):
            text = torch.full((len(states), length), chain.mask)
            for at, j in enumerate(other):
                text[:, j] = context[:, i] // place[at] % size
            self.psi[:, i] = chain.mu[chain.index(text), i, token[:, i]]
        # outcomes at each position: the mask, or one of the tokens, drawn in the present context
        outcome = torch.cat(
            [torch.zeros(len(states), length, 1, dtype=torch.long)]
            + [(1 + v * contexts + now)[..., None] for v in range(chain.mask)], -1,
        )  # fmt: skip
        outcome = torch.where(
            self.hidden[..., None],
            outcome,
            torch.stack([outcome[..., 0], *[states] * chain.mask], -1),
        )
        choices = list(itertools.product(range(size), repeat=length))
        radix = len(local) ** torch.arange(length - 1, -1, -1)
        self.targets = torch.stack(
            [sum(outcome[:, i, o] * radix[i] for i, o in enumerate(choice)) for choice in choices],
            1,
        )  # (S, outcomes)
        self.choices = choices

    def start(self) -> Tensor:
        law = torch.zeros(len(self.psi), dtype=torch.float64)
        law[0] = 1.0
        return law

    def step(self, law: Tensor, alpha_t: float, alpha_s: float, balanced: bool = True) -> Tensor:
        most, length = min(1.0, (1 - alpha_s) / alpha_t), self.hidden.shape[1]
        weight = torch.exp(-self.psi) * ~self.hidden
        again = most * weight / weight.sum(1, keepdim=True).clamp(min=1e-300)
        rate = most * (1 - (1 - alpha_t) ** length) / (length * alpha_t) if balanced else 0.0
        fill = torch.tensor((alpha_s - (1 - rate) * alpha_t) / (1 - alpha_t), dtype=torch.float64)
        mu = self.chain.mu[self.plain]  # (S, L, V)
        keep = torch.zeros_like(mu)
        keep[..., 0] = 1 - again
        probs = torch.where(
            self.hidden[..., None],
            torch.cat([1 - fill.expand(*self.hidden.shape, 1), fill * mu], -1),
            torch.cat([again[..., None], keep], -1),
        )
        after = torch.zeros_like(law)
        for at, choice in enumerate(self.choices):
            chance = torch.stack([probs[:, i, o] for i, o in enumerate(choice)]).prod(0)
            after.index_add_(0, self.targets[:, at], law * chance)
        return after

    def states_of(self, law: Tensor) -> Tensor:
        """The law of the plain chain's states."""
        return torch.zeros(len(self.chain.states), dtype=torch.float64).index_add(
            0, self.plain, law
        )

    def num_masks(self, law: Tensor) -> float:
        """Their mean number."""
        return float(law @ self.hidden.sum(1).double())

"""The best possible networks for a law on short sequences, by Bayes' rule, in the form that the losses ask for.

B batch, L sequence length, V vocabulary, K sequences that the data can be.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from helpers.exact import Data


class TableNetwork:
    """A `SplitNetwork` whose features are its logits.

    blur: share of a wrong law, in which later tokens are likelier, in every prediction: 0 for the best network.
    """

    def __init__(self, data: Data, blur: float = 0.0):
        self.data = data
        self.blur = blur
        self.size = data.graph.vocab_size
        self.extra = data.graph.num_states - self.size

    def laws(self, x: Tensor, sigma: Tensor) -> Tensor:
        """(B, L, V)."""
        raise NotImplementedError

    def features(self, x: Tensor, sigma, rows: Tensor | None = None, caches=None) -> Tensor:
        wrong = torch.arange(1.0, self.size + 1, dtype=torch.float64) ** 2
        law = (1 - self.blur) * self.laws(x, sigma) + self.blur * wrong / wrong.sum()
        logits = law.log().clamp(min=-700).flatten(0, 1)
        return logits if rows is None else logits[rows]

    def vocabulary_layer(self) -> tuple[Tensor, Tensor]:
        states = self.size + self.extra  # a mask or a start, which nothing predicts
        weight = torch.eye(states, self.size, dtype=torch.float64)
        return weight, torch.zeros(states, dtype=torch.float64)

    def log_score_offset(self, sigma: Tensor) -> Tensor:
        return torch.zeros_like(sigma.reshape(-1))

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        raise AssertionError("losses and samplers use the features")


class BestDenoiser(TableNetwork):
    """mu(y) at each position, given the noisy sequence. pure: the noise level at which nothing is left of the text."""

    def __init__(self, data: Data, blur: float = 0.0, pure: float | None = None):
        super().__init__(data, blur)
        self.pure = pure

    def laws(self, x: Tensor, sigma: Tensor) -> Tensor:
        if self.data.graph.mask is not None:  # what is masked says nothing, at whatever level
            sigma = torch.ones(1)
        levels = sigma.flatten().expand(x.shape[0])
        result = torch.empty(*x.shape, self.size, dtype=torch.float64)
        for level in levels.unique():
            here = levels == level
            told = float(level) if self.pure is None or abs(level - self.pure) > 1e-6 else 60.0
            posterior = self.data.posterior(x[here], told)  # (b, K)
            one_hot = torch.nn.functional.one_hot(self.data.support, self.size).double()
            result[here] = torch.einsum("bk,klv->blv", posterior, one_hot)
        return result


class BestReader(TableNetwork):
    """The law of the next token given those before it; x starts with the start state."""

    def __init__(self, data: Data, blur: float = 0.0):
        super().__init__(data, blur)
        self.extra = 1

    def laws(self, x: Tensor, sigma: None) -> Tensor:
        result = torch.empty(*x.shape, self.size, dtype=torch.float64)
        for row, position in itertools.product(range(x.shape[0]), range(x.shape[1])):
            before = x[row, 1 : position + 1]
            fits = (self.data.support[:, :position] == before).all(1)
            weight = self.data.probability * fits
            law = torch.zeros(self.size, dtype=torch.float64)
            law.index_add_(0, self.data.support[:, position], weight)
            result[row, position] = law / law.sum()
        return result


def entropy(data: Data) -> float:
    """Of the law on sequences, in nats."""
    return float(-(data.probability * data.probability.log()).sum())


def all_states(num_states: int, length: int) -> Tensor:
    """(num_states ** length, length)."""
    return torch.tensor(list(itertools.product(range(num_states), repeat=length)))

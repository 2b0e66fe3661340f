"""The exact law of texts that are filled in an order chosen by the network, by enumeration.

In plain numbers, from the conditional laws of the data; shares nothing with the samplers.
K texts that the data can be. A state is a tuple of tokens; None is a mask.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable

import torch
from torch import Tensor

from helpers.exact import Data

State = tuple[int | None, ...]
Laws = dict[int, list[float]]  # position -> law of its token
Choose = Callable[[Laws, int], list[int]]  # laws of the masks, index of the step -> positions


def conditionals(data: Data, state: State) -> Laws:
    """The law of each masked token, given the visible ones."""
    fits = torch.ones(len(data.support), dtype=torch.bool)
    for position, token in enumerate(state):
        if token is not None:
            fits &= data.support[:, position] == token
    weight = data.probability * fits
    size = data.graph.vocab_size
    return {
        position: [float(weight[data.support[:, position] == v].sum() / weight.sum()) for v in range(size)]
        for position, token in enumerate(state)
        if token is None
    }  # fmt: skip


def entropy(law: list[float]) -> float:
    return -sum(p * math.log(p) for p in law if p > 0)


UNCERTAINTY: dict[str, Callable[[list[float]], float]] = {
    "max_probability": lambda law: -max(law),
    "margin": lambda law: sorted(law)[-2] - sorted(law)[-1],
    "entropy": entropy,
}


def evenly(order: str, steps: int) -> Choose:
    """The most certain positions, spread evenly over the steps."""

    def choose(laws: Laws, index: int) -> list[int]:
        number = math.ceil(len(laws) / (steps - index))
        return sorted(laws, key=lambda position: UNCERTAINTY[order](laws[position]))[:number]

    return choose


def bounded(gamma: float) -> Choose:
    """The longest prefix whose entropies, without the largest, sum to at most gamma."""

    def choose(laws: Laws, index: int) -> list[int]:
        ordered = sorted(laws, key=lambda position: entropy(laws[position]))
        prefixes = [ordered[:number] for number in range(1, len(ordered) + 1)]
        return max((p for p in prefixes if sum(entropy(laws[i]) for i in p[:-1]) <= gamma), key=len)

    return choose


def tempered(law: list[float], temperature: float) -> list[float]:
    if temperature == 0:
        return [float(v == law.index(max(law))) for v in range(len(law))]
    weights = [p ** (1 / temperature) for p in law]
    return [w / sum(weights) for w in weights]


def outcomes(
    data: Data, choose: Choose, temperature: float = 1.0, clamp: State | None = None
) -> dict[tuple[State, int], float]:
    """Probability of each text with the number of steps that it took."""
    law: dict[State, float] = {clamp or (None,) * data.support.shape[1]: 1.0}
    result: dict[tuple[State, int], float] = defaultdict(float)
    for index in itertools.count():
        after: dict[State, float] = defaultdict(float)
        for state, chance in law.items():
            if None not in state:
                result[state, index] += chance
                continue
            laws = conditionals(data, state)
            positions = choose(laws, index)
            sharp = [tempered(laws[position], temperature) for position in positions]
            for tokens in itertools.product(range(data.graph.vocab_size), repeat=len(positions)):
                new = list(state)
                for position, token in zip(positions, tokens, strict=True):
                    new[position] = token
                factor = math.prod(p[token] for p, token in zip(sharp, tokens, strict=True))
                if factor > 0:
                    after[tuple(new)] += chance * factor
        if not after:
            return dict(result)
        law = after
    raise AssertionError("unreachable")


def law_of_texts(data: Data, found: dict[tuple[State, int], float]) -> Tensor:
    """(K,), in the order of the support of the data."""
    law = torch.zeros(len(data.support), dtype=torch.float64)
    for (state, _), chance in found.items():
        law[int(data.index(torch.tensor([state])))] += chance
    return law


def law_of_steps(found: dict[tuple[State, int], float], length: int) -> Tensor:
    """(length + 1,): probability of each number of steps."""
    law = torch.zeros(length + 1, dtype=torch.float64)
    for (_, steps), chance in found.items():
        law[steps] += chance
    return law


def distance(law: Tensor, other: Tensor) -> float:
    """Total variation."""
    return float((law - other).abs().sum()) / 2

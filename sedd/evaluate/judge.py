"""Causal language models as readers of texts: the likelihood of each token, and hidden states.

B texts, n tokens, H width.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from sedd.checkpoints.causal import CausalModel
from sedd.checkpoints.language_model import NetworkModel
from sedd.checkpoints.open import look_up, open_language_model
from sedd.config import Experiment, checkpoint_steps
from sedd.data.tokenizers import Tokenizer
from sedd.diffusion.fast.row_chunks import row_cross_entropy
from sedd.errors import CheckpointError
from sedd.objective import Autoregressive
from sedd.registry import OBJECTIVES

CAUSAL = (
    "a judge must be causal: an autoregressive run, or a causal language model's folder or hub id"
)


class Judge(Protocol):
    """The interface of a judge. Padding on the right of a text does not matter."""

    name: str
    tokenizer: Tokenizer
    max_length: int
    sha256: str
    device: torch.device

    def next_nats(self, tokens: Tensor) -> Tensor:
        """-log p of tokens 1 .. n-1 of (B, n), given those before: (B, n - 1) float64, CPU."""
        ...

    def features(self, tokens: Tensor) -> Tensor:
        """Last hidden states (B, n, H) of tokens (B, n)."""
        ...


class HubJudge:
    """A causal model of the Hugging Face library."""

    def __init__(self, name: str, model: CausalModel):
        self.name = name
        self.tokenizer = model.tokenizer
        self.max_length = model.network.max_length
        self.sha256 = model.checkpoint_sha256
        self.device = model.device
        self.next_nats = model.network.next_nats
        self.features = model.network.features


class RunJudge:
    """An autoregressive run of this project. Its network reads a start state before each text."""

    def __init__(self, name: str, model: NetworkModel):
        self.name = name
        self.tokenizer = model.tokenizer
        self.max_length = model.experiment.data.length
        self.sha256 = model.checkpoint_sha256
        self.device = model.device
        self._model = model

    def next_nats(self, tokens: Tensor) -> Tensor:
        size = self.tokenizer.vocab_size
        table, bias = (part[:size] for part in self._model.network.vocabulary_layer())
        with torch.no_grad(), self._model.autocast():
            before = self._after_start(tokens[:, :-1])[:, 1:]
            targets = tokens[:, 1:].to(self.device)
            nats = row_cross_entropy(before.flatten(0, 1), table, bias, targets.flatten())
        return nats.view(targets.shape).double().cpu()

    def features(self, tokens: Tensor) -> Tensor:
        with torch.no_grad(), self._model.autocast():
            return self._after_start(tokens)[:, 1:]

    def _after_start(self, tokens: Tensor) -> Tensor:
        """Hidden states (B, 1 + n, H): after the start token, then after each of the n tokens."""
        states = torch.cat([torch.full_like(tokens[:, :1], self.tokenizer.vocab_size), tokens], 1)
        features = self._model.network.features(states.to(self.device), None)
        return features.unflatten(0, (len(tokens), -1))


def open_judge(name: str, device: torch.device) -> Judge:
    """Open a judge: an experiment's name, or anything else that `sedd.open_model` takes.

    Raises CheckpointError if it cannot be opened, is not causal, or has no tokenizer. An experiment
    must be trained to its end.
    """
    source, step = look_up(name), None
    if isinstance(source, Experiment):
        if not OBJECTIVES[source.objective.type].left_to_right:
            raise CheckpointError(f"{name}: has objective.type {source.objective.type}; {CAUSAL}")
        step = checkpoint_steps(source)[-1]
    model = open_language_model(source, step, device)
    if isinstance(model, CausalModel):
        return HubJudge(name, model)
    if isinstance(model, NetworkModel) and isinstance(model.objective, Autoregressive):
        return RunJudge(name, model)
    raise CheckpointError(f"{name}: is a diffusion model; {CAUSAL}")

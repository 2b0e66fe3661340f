"""A causal language model that reads texts: it says how likely each token is, and what state a text leaves it in.

B texts, n tokens, H width.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from sedd.checkpoints.causal import CausalNetwork, load_causal
from sedd.checkpoints.language_model import NetworkRun
from sedd.checkpoints.load_model import fetch_model, is_diffusion
from sedd.checkpoints.open import open_trained
from sedd.config import Experiment, Pretrained, checkpoint_steps, load_subject
from sedd.data.tokenizers import Tokenizer, load_tokenizer
from sedd.diffusion.fast.row_chunks import row_cross_entropy
from sedd.errors import CheckpointError
from sedd.paths import experiment_file, run_dir
from sedd.registry import OBJECTIVES

CAUSAL = "a judge must be causal: an autoregressive run of ours, or a causal language model's folder or hub id"


class Judge(Protocol):
    """What is asked of a judge. Texts are padded on the right, which changes nothing for what stands before."""

    name: str
    tokenizer: Tokenizer
    max_length: int
    sha256: str
    device: torch.device

    def next_nats(self, tokens: Tensor) -> Tensor:
        """-log p of tokens 1 .. n-1 of (B, n), each given all before it: (B, n - 1) float64 on the CPU."""
        ...

    def features(self, tokens: Tensor) -> Tensor:
        """State (B, n, H) at each token."""
        ...


class HubJudge:
    """A model of the Hugging Face library."""

    def __init__(self, name: str, network: CausalNetwork, tokenizer: Tokenizer):
        self.name = name
        self.tokenizer = tokenizer
        self.max_length = network.max_length
        self.sha256 = network.sha256
        self.device = network.device
        self.next_nats = network.next_nats
        self.features = network.features


class OwnJudge:
    """An autoregressive run of ours. Its texts follow a start state, which is not part of them."""

    def __init__(self, run: NetworkRun):
        self.name = run.experiment.name
        self.tokenizer = run.tokenizer
        self.max_length = run.experiment.data.length
        self.sha256 = run.checkpoint_sha256
        self.device = run.device
        self._run = run

    def next_nats(self, tokens: Tensor) -> Tensor:
        size = self.tokenizer.vocab_size
        table, bias = (part[:size] for part in self._run.model.vocabulary_layer())
        with torch.no_grad(), self._run.autocast():
            before = self._after_start(tokens[:, :-1])[:, 1:]
            targets = tokens[:, 1:].to(self.device)
            nats = row_cross_entropy(before.flatten(0, 1), table, bias, targets.flatten())
        return nats.view(targets.shape).double().cpu()

    def features(self, tokens: Tensor) -> Tensor:
        with torch.no_grad(), self._run.autocast():
            return self._after_start(tokens)[:, 1:]

    def _after_start(self, tokens: Tensor) -> Tensor:
        """States (B, 1 + n, H) at the start and at each token."""
        read = torch.cat([torch.full_like(tokens[:, :1], self.tokenizer.vocab_size), tokens], 1)
        features = self._run.model.features(read.to(self.device), None)
        return features.unflatten(0, (len(tokens), -1))


def open_judge(name: str, device: torch.device) -> Judge:
    """An experiment of ours, by its name, or a model by its folder or hub id.

    Raises CheckpointError if it cannot be loaded, is not causal, or does not say its vocabulary.
    """
    if experiment_file(name).is_file() or run_dir(name).is_dir():
        subject = load_subject(name)
        if isinstance(subject, Pretrained):
            tokenizer = load_tokenizer(subject.data.tokenizer)
            return hub_judge(name, subject.pretrained, device, tokenizer)
        return own_judge(subject, device)
    return hub_judge(name, name, device, None)


def own_judge(experiment: Experiment, device: torch.device) -> OwnJudge:
    """The last checkpoint of an autoregressive run."""
    if not OBJECTIVES[experiment.objective.type].left_to_right:
        raise CheckpointError(f"{experiment.name}: {experiment.objective.type}; {CAUSAL}")
    return OwnJudge(open_trained(experiment, checkpoint_steps(experiment)[-1], device))


def hub_judge(
    name: str, source: str, device: torch.device, tokenizer: Tokenizer | None
) -> HubJudge:
    """tokenizer: None for that of the model's folder."""
    folder = fetch_model(source)
    if is_diffusion(folder):
        raise CheckpointError(f"{name}: a diffusion; {CAUSAL}")
    network = load_causal(folder, name, device)
    tokenizer = tokenizer or network.own_tokenizer
    if tokenizer is None:
        raise CheckpointError(
            f"{name}: {Path(folder)} has no tokenizer.json, which says how it reads texts; put one there"
        )
    network.check(tokenizer, 1)
    return HubJudge(name, network, tokenizer)

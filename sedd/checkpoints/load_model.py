"""`load_model`: a network with its graph and noise, from a run or a published diffusion model."""

from __future__ import annotations

from pathlib import Path

import torch

from sedd.checkpoints.build import build_objective
from sedd.checkpoints.official import (
    LENGTH,
    TOKENIZER,
    is_official,
    load_official,
    recorded_vocabulary,
)
from sedd.checkpoints.recognize import (
    Source,
    checkpoint_path,
    model_folder,
    recognize,
    recognize_weights,
)
from sedd.checkpoints.run_checkpoint import load_trained
from sedd.checkpoints.run_folder import steps_present
from sedd.config import Pretrained, load_subject, text_length
from sedd.diffusion import Graph, Noise, ScoreFunction
from sedd.errors import CheckpointError
from sedd.objective import Diffusion
from sedd.paths import run_dir
from sedd.runtime.device import choose_device


class LoadedModel(tuple[ScoreFunction, Graph, Noise]):
    """`(network, graph, noise)`, with the tokenizer's name and the length of a text in tokens.

    tokenizer_sha256: hash of the vocabulary; None: unknown.
    padded_length: tokens to which the documents of the training were padded (data.blocks padded);
        None: they were not.
    """

    tokenizer_name: str
    length: int
    tokenizer_sha256: str | None
    padded_length: int | None

    def __new__(
        cls,
        parts: tuple[ScoreFunction, Graph, Noise],
        tokenizer_name: str = TOKENIZER,
        length: int = LENGTH,
        tokenizer_sha256: str | None = None,
        padded_length: int | None = None,
    ) -> LoadedModel:
        self = super().__new__(cls, parts)
        self.tokenizer_name = tokenizer_name
        self.length = length
        self.tokenizer_sha256 = tokenizer_sha256
        self.padded_length = padded_length
        return self


def load_model(
    source: str | Path, device: torch.device | str | None = None, *, step: int | None = None
) -> LoadedModel:
    """Load `(network, graph, noise)` of a run or a published diffusion model.

    `network(x, sigma)` is log_score (B, L, V) for states x (B, L) and total noise sigma (B,). The
    network is in evaluation mode, with its averaged weights. Gradients stay enabled: call it within
    `torch.no_grad()` unless you train it further.

    source: a run's name, its folder, or one of its checkpoints; the folder of a published SEDD,
        RADD or MDLM model, in the hub's form or as the official code writes it; or the id of a hub
        repository, such as louaaron/sedd-small.
    device: None: the GPU if there is one.
    step: which checkpoint of a run; None: the newest.
    Raises CheckpointError that lists what was tried. Nothing is unpickled but tensors and plain
    values.
    """
    device = choose_device() if device is None else device
    found = recognize(source)
    if found.kind == "experiment" and not steps_present(found.path):
        subject = load_subject(found.name)
        if isinstance(subject, Pretrained):
            found = recognize_weights(subject.pretrained)
        elif subject.base:
            found = Source("run", subject.base, run_dir(subject.base))
    if found.kind in ("folder", "hub"):
        folder = model_folder(found, step)
        if not is_official(folder):
            raise CheckpointError(
                f"{folder}: config.json does not describe a diffusion model (SEDD, RADD or MDLM); "
                "a causal language model is opened with sedd.open_model"
            )
        official = load_official(folder, device)
        name = official.tokenizer or (found.name if found.kind == "hub" else str(folder))
        objective = official.objective
        parts = objective.scores(official.network), objective.graph, objective.noise
        return LoadedModel(parts, name, official.length, recorded_vocabulary(folder))
    path = checkpoint_path(found, step)
    trained = load_trained(path, device)
    objective = build_objective(trained.experiment, trained.vocab_size)
    if not isinstance(objective, Diffusion):
        raise CheckpointError(
            f"{path}: has objective.type {trained.experiment.objective.type}, so no graph, no noise and no scores; "
            "open it with sedd.open_model, or draw from it with: sedd sample"
        )
    parts = objective.scores(trained.network), objective.graph, objective.noise
    data = trained.experiment.data
    length = text_length(trained.experiment)
    padded_length = data.length if data.blocks == "padded" else None
    return LoadedModel(parts, data.tokenizer, length, trained.tokenizer_sha256, padded_length)

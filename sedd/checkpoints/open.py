"""From an experiment to its model: the checkpoint of a run, or the weights that others published."""

from __future__ import annotations

import torch

from sedd.checkpoints.build import build_objective
from sedd.checkpoints.causal import CausalRun, load_causal
from sedd.checkpoints.language_model import NetworkRun, Run
from sedd.checkpoints.load_model import fetch_model, is_diffusion, load_model, weights_sha256
from sedd.checkpoints.run_checkpoint import find_checkpoint, load_trained
from sedd.config import Experiment, Measured, Pretrained, differences, training_identity
from sedd.config.pretrained import STEP
from sedd.data.tokenizers import load_tokenizer
from sedd.errors import CheckpointError
from sedd.model import DiffusionTransformer
from sedd.objective import ScoreEntropy
from sedd.paths import run_dir
from sedd.runtime.device import choose_device

# what a network must have been trained with, to be used as the configuration says
NETWORK = ("objective", "model", "graph", "noise", "data")


def open_run(
    experiment: Measured, step: int | None = None, device: torch.device | str | None = None
) -> Run:
    """Open a pretrained model, or a checkpoint of the experiment or, for a renamed one with none of its own, of the one it
    derives from.

    Raises CheckpointError if there is none, or if it was trained with another network, diffusion or vocabulary.
    """
    place = device if isinstance(device, torch.device) else choose_device(device)
    if isinstance(experiment, Pretrained):
        return open_pretrained(experiment, step, place)
    return open_trained(experiment, step, place)


def open_trained(experiment: Experiment, step: int | None, place: torch.device) -> NetworkRun:
    """A checkpoint of our own."""
    path = find_checkpoint(
        [run_dir(name) for name in (experiment.name, experiment.base) if name], step
    )
    tokenizer = load_tokenizer(experiment.data.tokenizer)
    trained = load_trained(path, place)
    own = path.is_relative_to(run_dir(experiment.name))
    compared = NETWORK if own else (*NETWORK, "training")
    before, now = (
        {
            key: value
            for key, value in training_identity(one).items()
            if key.split(".")[0] in compared
        }
        for one in (trained.experiment, experiment)
    )
    if changed := differences(before, now):
        raise CheckpointError(
            f"{path}: trained with other settings:\n  "
            + "\n  ".join(changed)
            + f"\nset them back, or train again: sedd train {experiment.name}"
        )
    check_vocabulary(str(path), trained.vocab_size, experiment)
    return NetworkRun(
        experiment=experiment,
        step=trained.step,
        tokenizer=tokenizer,
        device=place,
        checkpoint_sha256=trained.sha256,
        model=trained.model,
        objective=build_objective(experiment, trained.vocab_size),
    )


def open_pretrained(experiment: Pretrained, step: int | None, place: torch.device) -> Run:
    """A published model: one of ours in kind, or a causal one of the Hugging Face library."""
    if step not in (None, STEP):
        raise CheckpointError(
            f"{experiment.name}: a pretrained model has no checkpoint of step {step}, only {STEP}"
        )
    name = experiment.pretrained
    folder = fetch_model(name)
    tokenizer = load_tokenizer(experiment.data.tokenizer)
    if not is_diffusion(folder):
        network = load_causal(folder, name, place)
        network.check(tokenizer, experiment.data.length)
        return CausalRun(
            experiment=experiment,
            step=STEP,
            tokenizer=tokenizer,
            device=place,
            checkpoint_sha256=network.sha256,
            network=network,
        )
    model, graph, noise = load_model(folder, place)
    assert isinstance(model, DiffusionTransformer), "published models are score networks"
    check_vocabulary(name, graph.vocab_size, experiment)
    return NetworkRun(
        experiment=experiment,
        step=STEP,
        tokenizer=tokenizer,
        device=place,
        checkpoint_sha256=weights_sha256(folder),
        model=model,
        objective=ScoreEntropy(graph, noise),
    )


def check_vocabulary(place: str, vocab_size: int, experiment: Measured) -> None:
    """Raise CheckpointError if a network has not as many tokens as its experiment's vocabulary."""
    tokenizer = load_tokenizer(experiment.data.tokenizer)
    if vocab_size != tokenizer.vocab_size:
        raise CheckpointError(
            f"{place}: a network of {vocab_size} tokens, but data.tokenizer {tokenizer.name!r} has "
            f"{tokenizer.vocab_size}; name the vocabulary that it was trained with"
        )

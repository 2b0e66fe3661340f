"""Opening a model: from an experiment or any source that `recognize` knows to a `LanguageModel`."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import torch

from sedd.checkpoints.build import build_objective
from sedd.checkpoints.causal import CausalModel, load_causal
from sedd.checkpoints.default_settings import default_settings
from sedd.checkpoints.hub import folder_tokenizer, weights_sha256
from sedd.checkpoints.language_model import LanguageModel, NetworkModel
from sedd.checkpoints.official import LENGTH, is_official, load_official
from sedd.checkpoints.recognize import (
    Source,
    checkpoint_path,
    model_folder,
    recognize,
    recognize_published,
)
from sedd.checkpoints.run_checkpoint import TrainedNetwork, find_checkpoint, load_trained
from sedd.config import (
    AnyExperiment,
    Experiment,
    Pretrained,
    differences,
    load_subject,
    training_identity,
)
from sedd.config.pretrained import STEP
from sedd.data.tokenizers import Tokenizer, load_tokenizer
from sedd.errors import CheckpointError
from sedd.paths import run_dir
from sedd.registry import SAMPLERS
from sedd.runtime.device import choose_device

M = TypeVar("M", bound=AnyExperiment)
# settings that a network must have been trained with; `training` too for the run of another name
SECTIONS = ("objective", "model", "graph", "noise", "data")


def open_language_model(
    source: AnyExperiment | Source | str | Path,
    step: int | None = None,
    device: torch.device | str | None = None,
    *,
    tokenizer: str | None = None,
    length: int | None = None,
) -> LanguageModel:
    """Open a model.

    source: one of
        - an experiment or its name; its settings must be those that its run was trained with
        - the folder of a run, or one of its checkpoints; its recorded settings are used
        - the folder or hub id of a published model: SEDD, RADD, MDLM, or a causal model of the
          Hugging Face library; default settings are used
    step: the checkpoint of a run; None: the newest. device: None: the GPU if there is one.
    tokenizer, length: override the recorded values. Defaults for published models: gpt2 for
        diffusions; at most 1024 tokens for a causal model.
    Raises CheckpointError with everything that was tried, or with what does not fit.
    """
    place = device if isinstance(device, torch.device) else choose_device(device)
    found = look_up(source)
    if isinstance(found, Source):
        if found.kind in ("run", "checkpoint"):
            trained = load_trained(checkpoint_path(found, step), place)
            settings = with_reading(trained.experiment, tokenizer, length)
            return trained_model(trained, settings, place)
        folder = model_folder(found, step)
        return published_model(found.name, folder, place, tokenizer=tokenizer, length=length)
    subject = with_reading(found, tokenizer, length)
    if isinstance(subject, Experiment):
        return open_experiment(subject, step, place)
    folder = model_folder(recognize_published(subject.pretrained), step)
    return published_model(subject.pretrained, folder, place, subject)


def look_up(source: AnyExperiment | Source | str | Path) -> AnyExperiment | Source:
    """The experiment that a source names, or the recognized source of another kind."""
    if isinstance(source, str | Path):
        source = recognize(source)
    if isinstance(source, Source) and source.kind == "experiment":
        return load_subject(source.name, writes=False)
    return source


def open_run(
    experiment: AnyExperiment, step: int | None = None, device: torch.device | str | None = None
) -> LanguageModel:
    """`open_language_model` for an experiment."""
    return open_language_model(experiment, step, device)


def open_experiment(experiment: Experiment, step: int | None, device: torch.device) -> NetworkModel:
    """A checkpoint of the experiment's run or, if it has none, of the run it derives from.

    Raises CheckpointError if there is none, or if it was trained with other settings.
    """
    runs = [run_dir(name) for name in (experiment.name, experiment.base) if name]
    trained = load_trained(find_checkpoint(runs, step), device)
    check_settings(trained, experiment)
    return trained_model(trained, experiment, device)


def check_settings(trained: TrainedNetwork, experiment: Experiment) -> None:
    """Raise CheckpointError, with each difference, if a network was trained with other settings."""
    own = trained.path.is_relative_to(run_dir(experiment.name))
    sections = SECTIONS if own else (*SECTIONS, "training")
    before, now = (
        {
            key: value
            for key, value in training_identity(one).items()
            if key.split(".")[0] in sections
        }
        for one in (trained.experiment, experiment)
    )
    if changed := differences(before, now):
        raise CheckpointError(
            f"{trained.path}: trained with other settings (when trained -> now):\n  "
            + "\n  ".join(changed)
            + f"\nset them back, or train again: sedd train {experiment.name}"
        )


def trained_model(
    trained: TrainedNetwork, experiment: Experiment, device: torch.device
) -> NetworkModel:
    """A network of this project with the settings of an experiment."""
    tokenizer = load_tokenizer(experiment.data.tokenizer)
    check_vocabulary(str(trained.path), trained.vocab_size, tokenizer)
    return NetworkModel(
        experiment=experiment,
        step=trained.step,
        tokenizer=tokenizer,
        device=device,
        checkpoint_sha256=trained.sha256,
        network=trained.network,
        objective=build_objective(experiment, trained.vocab_size),
    )


def published_model(
    name: str,
    folder: Path,
    device: torch.device,
    subject: Pretrained | None = None,
    *,
    tokenizer: str | None = None,
    length: int | None = None,
) -> LanguageModel:
    """The model of a folder: a published diffusion, or a causal model of the Hugging Face library.

    name: the hub id or the folder, as the user gave it.
    subject: settings; None: defaults, with what the folder says of its tokenizer and length.
    """
    if subject is not None:
        tokenizer, length = subject.data.tokenizer, subject.data.length
    if is_official(folder):
        official = load_official(folder, device)
        tokenizer = tokenizer or official.tokenizer
        words = load_tokenizer(tokenizer) if tokenizer else folder_tokenizer(folder, name)
        assert words is not None, "official.tokenizer is None only for a folder with its own"
        check_vocabulary(name, official.objective.vocab_size, words)
        length = length or official.length
        return NetworkModel(
            experiment=subject or default_settings(name, tokenizer or name, length),
            step=STEP,
            tokenizer=words,
            device=device,
            checkpoint_sha256=weights_sha256(folder),
            network=official.network,
            objective=official.objective,
        )
    network = load_causal(folder, name, device)
    words = load_tokenizer(tokenizer) if tokenizer else network.own_tokenizer
    if words is None:
        raise CheckpointError(
            f"{name}: {folder} has no tokenizer.json, which says how the model reads texts; add one, or name a tokenizer"
        )
    length = length or min(network.max_length, LENGTH)
    network.check(words, length)
    return CausalModel(
        experiment=subject
        or default_settings(name, tokenizer or name, length, SAMPLERS.names(left_to_right=True)[0]),
        step=STEP,
        tokenizer=words,
        device=device,
        checkpoint_sha256=network.sha256,
        network=network,
    )


def with_reading(subject: M, tokenizer: str | None, length: int | None) -> M:
    """The settings with another tokenizer or length, where one is given."""
    given = {"tokenizer": tokenizer, "length": length}
    changes = {key: value for key, value in given.items() if value is not None}
    return subject.model_copy(update={"data": subject.data.model_copy(update=changes)})


def check_vocabulary(name: str, vocab_size: int, tokenizer: Tokenizer) -> None:
    """Raise CheckpointError unless a network has as many tokens as its tokenizer."""
    if vocab_size != tokenizer.vocab_size:
        raise CheckpointError(
            f"{name}: a network of {vocab_size} tokens, but data.tokenizer {tokenizer.name!r} has "
            f"{tokenizer.vocab_size}; name the vocabulary that it was trained with"
        )

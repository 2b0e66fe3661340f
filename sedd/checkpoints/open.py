"""Opening a model: from an experiment or any source that `recognize` knows to a `LanguageModel`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch

from sedd.checkpoints.build import build_objective
from sedd.checkpoints.causal import CausalModel, load_causal
from sedd.checkpoints.default_settings import folder_settings, own_tokenizer
from sedd.checkpoints.hub import folder_tokenizer, weights_sha256
from sedd.checkpoints.language_model import LanguageModel, NetworkModel
from sedd.checkpoints.official import is_official, load_official, recorded_vocabulary
from sedd.checkpoints.recognize import (
    Source,
    checkpoint_path,
    model_folder,
    recognize,
    recognize_weights,
    refuse_step,
)
from sedd.checkpoints.run_checkpoint import TrainedNetwork, load_trained
from sedd.checkpoints.run_folder import find_checkpoint
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
from sedd.runtime.device import check_precision, choose_device

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
        subject = folder_settings(found.name, folder, tokenizer, length)
        return published_model(subject, folder, place)
    subject = with_reading(found, tokenizer, length)
    if isinstance(subject, Experiment):
        check_precision(subject.training.precision, place)
        return open_experiment(subject, step, place)
    found = recognize_weights(subject.pretrained)
    refuse_step(found, None if step == STEP else step)
    if found.kind in ("run", "checkpoint"):
        trained = load_trained(checkpoint_path(found, None), place)
        return replace(trained_model(trained, subject, place), step=STEP)
    return published_model(subject, model_folder(found, None), place)


def look_up(source: AnyExperiment | Source | str | Path) -> AnyExperiment | Source:
    """The experiment that a source names, or the recognized source of another kind."""
    if isinstance(source, str | Path):
        source = recognize(source)
    if isinstance(source, Source) and source.kind == "experiment":
        return load_subject(source.name, writes=False)
    return source


def require_model(subject: AnyExperiment, step: int | None) -> None:
    """Raise CheckpointError unless the checkpoint or the pretrained model exists.

    Opens no model, and downloads one of the hub.
    """
    if isinstance(subject, Experiment):
        find_checkpoint(runs_of(subject), step)
        return
    source = recognize_weights(subject.pretrained)
    if source.kind in ("folder", "hub"):
        model_folder(source, step)
    else:
        checkpoint_path(source, None)


def tokenizer_of(subject: AnyExperiment) -> Tokenizer:
    """The tokenizer of an experiment, without opening its model."""
    tokenizer = subject.data.tokenizer
    if isinstance(subject, Pretrained):
        name = subject.pretrained
        # a path with unusual letters is not a tokenizer's name: its settings have another one
        if tokenizer == own_tokenizer(name) != Path(name).as_posix():
            folder = model_folder(recognize_weights(name), None)
            return folder_tokenizer(folder, name) or load_tokenizer(tokenizer)
    return load_tokenizer(tokenizer)


def runs_of(experiment: Experiment) -> list[Path]:
    """Folders that may hold the checkpoints of an experiment: its own, and that of its base."""
    return [run_dir(name) for name in (experiment.name, experiment.base) if name]


def open_experiment(experiment: Experiment, step: int | None, device: torch.device) -> NetworkModel:
    """A checkpoint of the experiment's run or, if it has none, of the run it derives from.

    Raises CheckpointError if there is none, or if it was trained with other settings.
    """
    trained = load_trained(find_checkpoint(runs_of(experiment), step), device)
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
    trained: TrainedNetwork, experiment: AnyExperiment, device: torch.device
) -> NetworkModel:
    """A network of this project with the settings of an experiment."""
    trained_here = experiment if isinstance(experiment, Experiment) else trained.experiment
    tokenizer = load_tokenizer(experiment.data.tokenizer)
    check_vocabulary(str(trained.path), trained.vocab_size, tokenizer, trained.tokenizer_sha256)
    return NetworkModel(
        experiment=experiment,
        step=trained.step,
        tokenizer=tokenizer,
        device=device,
        checkpoint_sha256=trained.sha256,
        network=trained.network,
        objective=build_objective(
            trained_here, trained.vocab_size, separator_id=tokenizer.separator_id
        ),
    )


def published_model(subject: Pretrained, folder: Path, device: torch.device) -> LanguageModel:
    """The model of a folder: a published diffusion, or a causal model of the Hugging Face library.

    Raises CheckpointError if it does not fit the tokenizer and the length of the settings.
    """
    name, words = subject.pretrained, tokenizer_of(subject)
    if is_official(folder):
        official = load_official(folder, device)
        check_vocabulary(name, official.objective.vocab_size, words, recorded_vocabulary(folder))
        return NetworkModel(
            experiment=subject,
            step=STEP,
            tokenizer=words,
            device=device,
            checkpoint_sha256=weights_sha256(folder),
            network=official.network,
            objective=official.objective,
        )
    network = load_causal(folder, name, device)
    network.check(words, subject.data.length)
    return CausalModel(
        experiment=subject,
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


def check_vocabulary(
    name: str, vocab_size: int, tokenizer: Tokenizer, sha256: str | None = None
) -> None:
    """Raise CheckpointError unless a network has the tokens of its tokenizer.

    sha256: hash of the vocabulary that it was trained with; None: unknown, and not compared.
    """
    if vocab_size != tokenizer.vocab_size:
        raise CheckpointError(
            f"{name}: its network has {vocab_size} tokens, but data.tokenizer {tokenizer.name!r} has "
            f"{tokenizer.vocab_size}; name the tokenizer that it was trained with"
        )
    if sha256 not in (None, tokenizer.sha256):
        raise CheckpointError(
            f"{name}: trained with another vocabulary (hash {sha256[:12]}) than {tokenizer.name!r} "
            f"has now (hash {tokenizer.sha256[:12]}), so the token ids differ; restore the "
            "tokenizer's files, or tokenize and train again"
        )

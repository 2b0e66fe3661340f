"""Settings of a model that no experiment describes: read from its folder or its checkpoint."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from sedd.checkpoints.causal import context_length
from sedd.checkpoints.official import LENGTH, is_official, recorded_reading
from sedd.checkpoints.run_checkpoint import load_settings
from sedd.config import Experiment, Pretrained
from sedd.config.experiment import Evaluation, Sampling
from sedd.config.file_names import derived_name
from sedd.config.sections.data import PretrainedData
from sedd.errors import CheckpointError
from sedd.registry import DEFAULT_SAMPLER, SAMPLERS


def folder_settings(
    source: str, folder: Path, tokenizer: str | None = None, length: int | None = None
) -> Pretrained:
    """Settings of a published model: tokenizer and length as its folder says, defaults for the rest.

    source: the model's hub id or folder, as in the key `pretrained`. folder: its files.
    tokenizer, length: in place of those that the folder says.
    Raises CheckpointError if the folder does not say how the model reads texts.
    """
    sampler, own = DEFAULT_SAMPLER, own_tokenizer(source)
    if is_official(folder):
        recorded, trained_length = recorded_reading(folder)
    else:
        sampler = SAMPLERS.names(left_to_right=True)[0]
        recorded, trained_length = None, min(context_length(folder, source), LENGTH)
        if tokenizer is None and not (folder / "tokenizer.json").is_file():
            raise CheckpointError(
                f"{source}: {folder} has no tokenizer.json, which says how the model reads texts; "
                "add one, or name a tokenizer"
            )
    return Pretrained(
        name=derived_name(source),
        description=f"{source}, with default settings",
        pretrained=source,
        data=PretrainedData(
            tokenizer=tokenizer or recorded or own, length=length or trained_length
        ),
        sampling=Sampling(sampler=sampler),
        evaluation=Evaluation(estimator="stratified"),
    )


def own_tokenizer(source: str) -> str:
    """Value of data.tokenizer for the tokenizer that a published model's folder contains."""
    name = os.path.normpath(source)  # without ./ and x/..
    try:
        return PretrainedData(tokenizer=name, length=1).tokenizer
    except ValidationError:  # a folder whose path is not a tokenizer's name in a YAML file
        return derived_name(source)


def checkpoint_settings(source: str) -> Pretrained:
    """Settings of a checkpoint outside this project, as its run recorded them.

    source: its path, as in the key `pretrained`.
    Raises CheckpointError if the file is not a checkpoint.
    """
    recorded = load_settings(Path(source))
    mauve = recorded.mauve
    if mauve.tasks and mauve.dataset is None:
        mauve = mauve.model_copy(update={"dataset": recorded.data.dataset})
    return Pretrained(
        name=derived_name(source),
        description=recorded.description,
        pretrained=source,
        seed=recorded.seed,
        data=PretrainedData(tokenizer=recorded.data.tokenizer, length=recorded.data.length),
        sampling=recorded.sampling,
        evaluation=recorded.evaluation,
        generative=recorded.generative,
        mauve=mauve,
    )


def run_settings(path: Path, name: str) -> Experiment:
    """Settings of a run of this project without a file of settings: those of its checkpoint."""
    return load_settings(path).model_copy(update={"name": name})

"""The weights that a training begins with, from another model: `training.init`.

A network with noise input can begin from a network without: its modulations then ignore the noise
at first, and both networks have the same output. A denoiser's logits are the log scores of the
absorbing graph up to one constant per position (RADD, arXiv 2406.03736, theorem 1): see
`needs_shift`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from sedd.checkpoints.build import build_objective
from sedd.checkpoints.default_settings import folder_settings
from sedd.checkpoints.hub import weights_sha256
from sedd.checkpoints.language_model import NetworkModel
from sedd.checkpoints.open import published_model, runs_of, trained_model
from sedd.checkpoints.recognize import checkpoint_path, model_folder, recognize, recognize_weights
from sedd.checkpoints.run_checkpoint import (
    load_trained,
    read,
    verified_sha256,
)
from sedd.checkpoints.run_folder import find_checkpoint
from sedd.config import Experiment, Pretrained, load_subject, measured_steps, scales_by_sigma
from sedd.data.tokenizers import load_tokenizer
from sedd.errors import ConfigError, Problem
from sedd.model import DiffusionTransformer, ExponentialMovingAverage
from sedd.objective import Diffusion, Objective, ScoreEntropy
from sedd.registry import OBJECTIVES


@dataclass(frozen=True)
class InitialWeights:
    """Weights of a source that fit an experiment.

    sha256: of the source's file. step: of its checkpoint; 0 for a published model. average: state
        of the source's moving average, for `training.init_weights: last`; else None.
    needs_shift: the source is a denoiser and the experiment trains scores. A denoiser's logits are
        log scores up to one constant per position; `sedd.diffusion.score_shift` gives the best
        single constant for all positions.
    """

    name: str
    sha256: str
    step: int
    weights: Mapping[str, Tensor]
    average: Mapping[str, object] | None
    needs_shift: bool

    @torch.no_grad()
    def load_into(self, model: DiffusionTransformer) -> None:
        """Overwrite the weights of a new network.

        Those that the source lacks, of the noise input, keep their initial values: they have no
        effect before they are trained.
        """
        model.load_state_dict(dict(self.weights), strict=False)

    def start_average(self, average: ExponentialMovingAverage) -> None:
        """Go on with the source's moving average, if it was asked for."""
        if self.average is not None:
            average.load_state_dict({**self.average, "decay": average.decay})


def init_sha256(experiment: Experiment) -> str | None:
    """Hash of the weights that the training begins with; None for random ones.

    Raises CheckpointError if the source does not exist.
    """
    if experiment.training.init is None:
        return None
    path, _ = locate(experiment.training.init)
    return verified_sha256(path) if path.is_file() else weights_sha256(path)


def locate(source: str) -> tuple[Path, Pretrained | None]:
    """The checkpoint of a run or the folder of a published model, with its settings if it is an
    experiment.

    An experiment stands for its last checkpoint, a run for its newest. Raises CheckpointError.
    """
    found, settings = recognize(source), None
    if found.kind == "experiment":
        subject = load_subject(found.name, writes=False)
        if isinstance(subject, Experiment):
            return find_checkpoint(runs_of(subject), measured_steps(subject)[-1]), None
        found, settings = recognize_weights(subject.pretrained), subject
    if found.kind in ("run", "checkpoint"):
        return checkpoint_path(found, None), None
    return model_folder(found, None), settings


def initial_weights(experiment: Experiment) -> InitialWeights:
    """The weights that `training.init` names.

    Raises CheckpointError if the source cannot be opened, and ConfigError with everything that does
    not fit and what would.
    """
    source, which = experiment.training.init, experiment.training.init_weights
    assert source is not None, "the caller asks only then"
    where = f"{experiment.name}: training.init {source}"
    path, settings = locate(source)
    cpu = torch.device("cpu")
    if path.is_file():
        trained = load_trained(path, cpu)
        model = trained_model(trained, trained.experiment, cpu)
    else:
        settings = settings or folder_settings(source, path)
        model = published_model(settings, path, cpu)
    if not isinstance(model, NetworkModel):
        what = (
            "must be a model of this project or a published diffusion model; got a causal model of "
            "the Hugging Face library, which has another network"
        )
        raise ConfigError(where, [Problem("training.init", what)])
    problems = misfits(model, experiment)
    if which == "last" and not path.is_file():
        what = "must be average: a published model has no other weights; got last"
        problems.append(Problem("training.init_weights", what))
    if problems:
        raise ConfigError(where, problems)
    weights, average = model.network.state_dict(), None
    if which == "last":
        content = read(path)
        weights, average = content["model"], content["ema"]
    return InitialWeights(
        name=source,
        sha256=model.checkpoint_sha256,
        step=model.step,
        weights=weights,
        average=average,
        needs_shift=trains_scores(experiment) and not isinstance(model.objective, ScoreEntropy),
    )


def trains_scores(experiment: Experiment) -> bool:
    return OBJECTIVES[experiment.objective.type].predicts_scores


def misfits(source: NetworkModel, experiment: Experiment) -> list[Problem]:
    """Everything of the experiment that the source's weights do not fit."""
    tokenizer = load_tokenizer(experiment.data.tokenizer)
    objective = build_objective(experiment, tokenizer.vocab_size)
    problems = [*_size_misfits(source.network, experiment, objective.network.uses_noise)]
    if tokenizer.sha256 != source.tokenizer.sha256:
        what = (
            f"must be the vocabulary of the source, {source.tokenizer.name}; got {tokenizer.name}, "
            "which numbers tokens otherwise"
        )
        problems.append(Problem("data.tokenizer", what))
    if source.objective.network.causal != objective.network.causal:
        causal = source.objective.network.causal
        allowed = OBJECTIVES.names(left_to_right=causal)
        what = (
            f"must be {' or '.join(allowed)}, as the source is {'' if causal else 'not '}"
            f"autoregressive; got {experiment.objective.type}"
        )
        return [*problems, Problem("objective.type", what)]
    return [*problems, *_meaning_misfits(source, experiment, objective)]


def _size_misfits(
    network: DiffusionTransformer, experiment: Experiment, uses_noise: bool
) -> list[Problem]:
    model, source = experiment.model, network.sizes
    problems = [
        Problem(
            f"model.{key}", f"must be {source[key]}, as in the source; got {getattr(model, key)}"
        )
        for key in ("hidden_size", "n_blocks", "n_heads")
        if source[key] != getattr(model, key)
    ]
    cond_dim = source["cond_dim"]
    if cond_dim is not None and not uses_noise:
        what = "must be true: the network of the source has the noise level as input"
        problems.append(Problem("objective.time_conditioning", what))
    elif cond_dim is not None and cond_dim != model.cond_dim:
        what = f"must be {cond_dim}, as in the source; got {model.cond_dim}"
        problems.append(Problem("model.cond_dim", what))
    return problems


def _meaning_misfits(
    source: NetworkModel, experiment: Experiment, objective: Objective
) -> list[Problem]:
    """What the numbers of both networks mean: scores, or probabilities of the clean token."""
    if not isinstance(objective, Diffusion) or not isinstance(source.objective, Diffusion):
        return []
    source_has_mask, has_mask = (
        one.graph.mask is not None for one in (source.objective, objective)
    )
    if source_has_mask != has_mask:
        kind = "with a mask state" if source_has_mask else "without a mask state"
        return [Problem("graph.type", f"must be a graph {kind}, as in the source")]
    source_is_score, is_score = (
        isinstance(source.objective, ScoreEntropy),
        trains_scores(experiment),
    )
    if source_is_score != is_score and not has_mask:
        what = (
            f"must be {' or '.join(OBJECTIVES.names(predicts_scores=source_is_score, left_to_right=False))}: "
            "without a mask state, scores and predictions of the clean token do not follow from "
            f"each other by a constant; got {experiment.objective.type}"
        )
        return [Problem("objective.type", what)]
    scaled = source.network.scale_by_sigma if source_is_score else True
    if is_score and has_mask and scales_by_sigma(experiment) != scaled:
        what = (
            f"must be {str(scaled).lower()}, as the scores of the source are "
            f"{'' if scaled else 'not '}scaled by the noise level"
        )
        return [Problem("model.scale_by_sigma", what)]
    return []

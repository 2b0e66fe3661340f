"""Identity of a training: exactly the keys that determine its weights."""

from __future__ import annotations

from typing import Any

from sedd.config.experiment import TRAINING_SECTIONS, Experiment
from sedd.config.queries import scales_by_sigma
from sedd.config.sections.objective import ScoreEntropyObjective
from sedd.config.sections.training import OBSERVING


def training_identity(experiment: Experiment) -> dict[str, Any]:
    """The keys that determine the weights at a given step, as plain JSON values.

    It excludes the name, keys without influence on the weights, and the number of steps unless the
    learning rate decays. It also excludes the objective score_entropy, because runs older than the
    section `objective` do not have it.
    """
    identity = experiment.sections(*TRAINING_SECTIONS)
    identity["model"]["scale_by_sigma"] = scales_by_sigma(experiment)
    if isinstance(experiment.objective, ScoreEntropyObjective):
        del identity["objective"]
    unused = OBSERVING if experiment.training.decay_fraction else OBSERVING | {"steps"}
    identity["training"] = {k: v for k, v in identity["training"].items() if k not in unused}
    return identity


def run_identity(experiment: Experiment, tokens_sha256: str) -> dict[str, Any]:
    """`training_identity` with the hash of the training tokens. A run's folder has one identity."""
    return {**training_identity(experiment), "tokens_sha256": tokens_sha256}

"""Two recipes for the same network, data and batch: an experiment's own, and the paper's."""

from __future__ import annotations

from sedd.config import Experiment, with_changes
from sedd.config.choices import one_of
from sedd.config.sections.training import Training
from sedd.errors import ConfigError, Problem
from sedd.registry import GRAPHS, OBJECTIVES

RECIPE = (
    *("beta1", "beta2", "eps", "weight_decay", "decay_fraction", "grad_clip", "ema_decay"),
    *("time_eps", "time_sampling", "time_density", "vocabulary_draws", "output_init"),
)
"""Keys of `training` that are part of a recipe. Their defaults are the paper's.

The learning rate is searched on both sides. Warm-up is that of the experiment on both sides: the
paper's 2500 steps are longer than a short training.
"""


def official_recipe(experiment: Experiment) -> Experiment:
    """The experiment with the paper's recipe: RECIPE at its defaults, and the graph's usual noise.

    Raises ConfigError unless the experiment trains score entropy from random weights and without
    padding.
    """
    problems = []
    if not OBJECTIVES[experiment.objective.type].predicts_scores:
        allowed = one_of(OBJECTIVES.names(predicts_scores=True))
        what = f"must be {allowed}, the paper's objective; got {experiment.objective.type}"
        problems.append(Problem("objective.type", what))
    if experiment.training.init is not None:
        what = (
            f"must be null: a bound is reached from random weights; got {experiment.training.init}"
        )
        problems.append(Problem("training.init", what))
    if experiment.data.blocks == "padded":
        what = "must be packed or wrapped: padding has no bound; got padded"
        problems.append(Problem("data.blocks", what))
    if problems:
        raise ConfigError(f"sedd bench bound {experiment.name}", problems)
    assert experiment.graph is not None, "ensured by a rule of the configuration"
    defaults = Training().model_dump(mode="json")
    noise = {"type": GRAPHS[experiment.graph.type].usual_noise}
    return with_changes(
        experiment, {"noise": noise, **{f"training.{key}": defaults[key] for key in RECIPE}}
    )

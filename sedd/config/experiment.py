"""An experiment: one model, from its data to its measurements. `config/experiments/NAME.yaml`.

`Subject` is all that is needed to measure a model; `Experiment` also says how it is trained, and `Pretrained`
(`sedd/config/pretrained.py`) where it is had without training.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from sedd.config.base import ConfigModel, Rule, section_sha256
from sedd.config.sections.model import ModelConfig
from sedd.config.sections.objective import Objective, ScoreEntropyObjective, objective_rules
from sedd.config.sections.quality import QUALITY_RULES, Generative, Mauve
from sedd.config.sections.training import OBSERVING, TRAINING_RULES, Training
from sedd.config.values import (
    Count,
    DatasetName,
    DatasetNames,
    Name,
    Text,
    TimeEps,
    TokenizerName,
    named_once,
)

TRAINING_SECTIONS = ("seed", "objective", "model", "graph", "noise", "data", "training")


class Graph(ConfigModel):
    """How a token is corrupted: into a mask, or into any other token."""

    type: Literal["absorb", "uniform"]


class LogLinearNoise(ConfigModel):
    """sigma(t) = -log(1 - (1 - eps) t): a token is corrupted with probability (1 - eps) t."""

    type: Literal["loglinear"]
    eps: Annotated[float, Field(gt=0, lt=1)] = 0.001
    """share of the tokens that is left at t = 1"""


class GeometricNoise(ConfigModel):
    """sigma(t) = sigma_min^(1 - t) sigma_max^t."""

    type: Literal["geometric"]
    sigma_min: Annotated[float, Field(gt=0)] = 0.0001
    """total noise at t = 0"""
    sigma_max: Annotated[float, Field(gt=0)] = 20.0
    """total noise at t = 1"""


class Data(ConfigModel):
    """What is learnt from, and in which vocabulary."""

    dataset: DatasetName
    """a file of config/datasets"""
    tokenizer: TokenizerName
    """gpt2, text8 (27 characters), a hub id, or a folder"""
    length: Count
    """tokens of a sequence"""


class Sampling(ConfigModel):
    """The texts that are drawn from each checkpoint."""

    sampler: Literal["euler", "analytic", "first_hitting", "ancestral"] = "analytic"
    """analytic: the paper's Tweedie steps; euler: plain steps; first_hitting: one token a step at exactly drawn times
    (absorb only), with no error from a grid of times; ancestral: from left to right, for autoregressive models"""
    steps: Count = 1024
    """denoising steps from t = 1 to t = 0; first_hitting and ancestral take as many as a text has tokens, whatever stands
    here"""
    count: Count = 16
    """texts"""
    batch_size: Count = 16
    """texts drawn side by side"""
    denoise: bool = True
    """whether a last step removes the noise that is left"""
    precision: Literal["float64", "float32"] = "float64"
    """of the random draws; float32, as the paper ran, never draws the rarest tokens"""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """draw only the likeliest tokens, of this total probability, whenever a mask is replaced (absorb), or of each next token
    (autoregressive); null: all"""
    length: Count | None = None
    """tokens of a text; null: as long as data.length"""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """what logits are divided by before a draw; autoregressive only"""


class Evaluation(ConfigModel):
    """The bound on the perplexity of each checkpoint."""

    datasets: DatasetNames = ()
    """files of config/datasets, which are measured in the model's vocabulary"""
    protocol: Literal["paper", "standard"] = "standard"
    """standard: the test split, empty rows left out; paper: each text as the paper measured it, WikiText-2 by its train
    split, and empty rows closed with a separator like any other"""
    estimator: Literal["paper", "stratified"] = "paper"
    """paper: independent random times; stratified: spread evenly, the same number with less variance"""
    num_draws: Count = 1000
    """random times a sequence"""
    max_sequences: Count | None = None
    """sequences of each text, spread over it; null: all"""
    batch_size: Count = 32
    """sequences side by side"""
    time_eps: TimeEps = 0.00001
    """the bound is integrated over [time_eps, 1]; what lies before is of the order of time_eps"""
    checkpoints: Literal["all", "last"] = "all"
    """which checkpoints are sampled and measured"""


class Logging(ConfigModel):
    """Where the metrics go, beside results/runs/NAME/train/ and TensorBoard."""

    wandb: Text | None = None
    """project of Weights & Biases; null: none"""


def _no_scaling(scale_by_sigma: bool | None, graph: str) -> str | None:
    if graph == "uniform" and scale_by_sigma:
        return "must be false or null with graph.type uniform, which has no such scaling; got true"
    return None


def _masks_only(vocabulary_draws: int | None, graph: str) -> str | None:
    if vocabulary_draws is not None and graph != "absorb":
        return f"must be null with graph.type {graph}: the estimate is that of masked tokens"
    return None


def _first_hitting(sampler: str, graph: str, denoise: bool) -> str | None:
    if sampler != "first_hitting":
        return None
    if graph != "absorb":
        return f"must be analytic or euler with graph.type {graph}: first_hitting fills masks"
    if not denoise:
        return "must be analytic or euler with sampling.denoise false: first_hitting leaves no mask"
    return None


def _nucleus(top_p: float | None, graph: str, precision: str) -> str | None:
    if top_p is None:
        return None
    if graph != "absorb":
        return f"must be null with graph.type {graph}: it is the choice of what replaces a mask"
    if precision != "float64":
        return f"must be null with sampling.precision {precision}, the paper's draws; got {top_p:g}"
    return None


def _rising(sigma_max: float, sigma_min: float) -> str | None:
    if sigma_max > sigma_min:
        return None
    return f"must be above noise.sigma_min, {sigma_min:g}; got {sigma_max:g}"


class Subject(ConfigModel):
    """What every model that is measured has, whether it is trained here or not."""

    name: Name
    """the file's stem, or what --name says; set by the loader"""
    base: Name | None = None
    """the experiment that this one was made from by overrides; set by the loader"""
    overrides: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """the overrides, key=value, by which it was made; set by the loader"""
    description: Text
    """one line"""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    """everything random derives from it"""
    sampling: Sampling = Sampling()
    """what is drawn from it"""
    evaluation: Evaluation = Evaluation()
    """how it is measured"""
    generative: Generative = Generative()
    """how its texts are judged"""
    mauve: Mauve = Mauve()
    """how its texts are compared with real ones"""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(("evaluation.datasets",), named_once),
        *QUALITY_RULES,
    )

    def sha256(self) -> str:
        """Hash of all settings, blind to comments and to the order of keys."""
        return section_sha256(self)


DIFFUSION_ONLY = {
    f"{section}.{key}": getattr(default, key)
    for section, default, keys in (
        ("training", Training(), ("time_eps", "time_sampling", "time_density")),
        ("sampling", Sampling(), ("denoise",)),
        ("evaluation", Evaluation(), ("estimator", "num_draws", "time_eps")),
    )
    for key in keys
}


class Experiment(Subject):
    """`config/experiments/NAME.yaml`, with its preset filled in."""

    objective: Objective = ScoreEntropyObjective(type="score_entropy")
    """type: score_entropy, d3pm, lambda_dce or autoregressive"""
    model: ModelConfig
    """a preset of config/model, or a mapping such as {preset: tiny, dropout: 0.0}"""
    graph: Graph | None = None
    """type: absorb or uniform; null: for autoregressive models"""
    noise: Annotated[LogLinearNoise | GeometricNoise, Field(discriminator="type")] | None = None
    """type: loglinear or geometric; null: for autoregressive models"""
    data: Data
    """dataset, tokenizer and length"""
    training: Training = Training()
    """how it is trained"""
    logging: Logging = Logging()
    """where else its metrics go"""

    rules = (
        *Subject.rules,
        *(rule.within("model") for rule in ModelConfig.rules),
        Rule(("model.scale_by_sigma", "graph.type"), _no_scaling),
        Rule(("training.vocabulary_draws", "graph.type"), _masks_only),
        Rule(("noise.sigma_max", "noise.sigma_min"), _rising),
        Rule(("sampling.sampler", "graph.type", "sampling.denoise"), _first_hitting),
        Rule(("sampling.top_p", "graph.type", "sampling.precision"), _nucleus),
        *objective_rules(DIFFUSION_ONLY),
        *TRAINING_RULES,
    )


def checkpoint_steps(experiment: Experiment) -> list[int]:
    """Where checkpoints are kept, in order: multiples of checkpoint_every, and the last step."""
    training = experiment.training
    steps = list(range(training.checkpoint_every, training.steps + 1, training.checkpoint_every))
    return steps if steps and steps[-1] == training.steps else [*steps, training.steps]


def scales_by_sigma(experiment: Experiment) -> bool:
    """Whether the network's log scores are scaled by the noise level."""
    if (chosen := experiment.model.scale_by_sigma) is not None:
        return chosen
    scores = isinstance(experiment.objective, ScoreEntropyObjective)
    return scores and experiment.graph is not None and experiment.graph.type == "absorb"


def training_identity(experiment: Experiment) -> dict[str, Any]:
    """Exactly what determines the weights at a given step, as plain JSON values.

    Left out: the name, what only observes the training, the number of steps, unless a decay
    depends on it, and the objective of runs that were made before there were others.
    """
    identity = experiment.sections(*TRAINING_SECTIONS)
    identity["model"]["scale_by_sigma"] = scales_by_sigma(experiment)
    if isinstance(experiment.objective, ScoreEntropyObjective):
        del identity["objective"]
    unused = OBSERVING if experiment.training.decay_fraction else OBSERVING | {"steps"}
    identity["training"] = {k: v for k, v in identity["training"].items() if k not in unused}
    return identity


def run_identity(experiment: Experiment, tokens_sha256: str) -> dict[str, Any]:
    """`training_identity`, and the tokens that are learnt from: a run's folder is of one such."""
    return {**training_identity(experiment), "tokens_sha256": tokens_sha256}

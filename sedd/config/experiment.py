"""Experiment: one model, from its data to its measurements. `config/experiments/NAME.yaml`.

`Subject` has the keys needed to measure a model. `Experiment` adds its training. `Pretrained`
(`sedd/config/pretrained.py`) adds the source of weights that are not trained here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from sedd.config.base import ConfigModel, Rule, section_sha256
from sedd.config.official_keys import OFFICIAL_KEYS
from sedd.config.sections import (
    data,
    evaluation,
    generative,
    graph,
    mauve,
    model,
    noise,
    objective,
    sampling,
    training,
)
from sedd.config.sections.data import Data
from sedd.config.sections.evaluation import Evaluation
from sedd.config.sections.generative import Generative
from sedd.config.sections.graph import Graph
from sedd.config.sections.logging import Logging
from sedd.config.sections.mauve import Mauve
from sedd.config.sections.model import ModelConfig
from sedd.config.sections.noise import Noise
from sedd.config.sections.objective import Objective, ScoreEntropyObjective
from sedd.config.sections.sampling import Sampling
from sedd.config.sections.training import Training
from sedd.config.values import Name, Text

MEASURING_RULES = (*data.RULES, *sampling.RULES, *evaluation.RULES, *generative.RULES, *mauve.RULES)
TRAINING_RULES = (
    *objective.RULES,
    *model.RULES,
    *graph.RULES,
    *noise.RULES,
    *training.RULES,
)


class Subject(ConfigModel):
    """Keys of every measured model, trained here or not."""

    name: Name
    """file's stem, or the name given with --name; set by the loader"""
    base: Name | None = None
    """another file of config/experiments, whose values hold for keys that are not given here"""
    overrides: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """overrides, key=value, that changed `base`; set by the loader"""
    description: Text
    """one line for pages and lists"""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    """seed of all random numbers; evaluation.seed can set another one for samples and measurements"""
    sampling: Sampling = Sampling()
    """samples drawn from each checkpoint"""
    evaluation: Evaluation = Evaluation()
    """perplexity of each checkpoint"""
    generative: Generative = Generative()
    """perplexity of samples under a judge model"""
    mauve: Mauve = Mauve()
    """similarity of conditional samples to real texts"""

    rules: ClassVar[tuple[Rule, ...]] = MEASURING_RULES
    foreign_keys: ClassVar[Mapping[str, str]] = OFFICIAL_KEYS

    def sha256(self) -> str:
        """Hash of all keys, independent of comments and of the order of keys in the file."""
        return section_sha256(self)


class Experiment(Subject):
    """Experiment with a model that is trained here. Its preset is filled in."""

    objective: Objective = ScoreEntropyObjective(type="score_entropy")
    """type: score_entropy, d3pm, lambda_dce or autoregressive"""
    model: ModelConfig
    """preset of config/model, or a mapping such as {preset: tiny, dropout: 0.0}"""
    graph: Graph | None = None
    """type: absorb or uniform; null: for autoregressive models"""
    noise: Noise | None = None
    """type: loglinear or geometric; null: for autoregressive models"""
    data: Data
    """dataset, tokenizer and length"""
    training: Training = Training()
    """optimizer, schedule, checkpoints and validation"""
    logging: Logging = Logging()
    """further destinations of the training metrics"""

    rules = (*MEASURING_RULES, *TRAINING_RULES)

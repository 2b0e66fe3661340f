"""Section `evaluation`: the perplexity of each checkpoint."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sedd.config.base import ConfigModel, Rule
from sedd.config.sections.objective import unused_by_autoregressive
from sedd.config.values import Count, DatasetNames, TimeEps, named_once


class Evaluation(ConfigModel):
    """Perplexity of each checkpoint: an upper bound for diffusion models, exact for autoregressive
    ones."""

    datasets: DatasetNames = ()
    """datasets to measure, files of config/datasets; they are tokenized with data.tokenizer"""
    protocol: Literal["paper", "mdlm", "standard"] = "standard"
    """standard: test split without empty rows; paper: as the paper measured it, i.e. WikiText-2 on
    its train split, and a separator after each row, also after empty rows; mdlm: as MDLM measured
    it, i.e. the validation split, or test if there is none, and a separator after each row"""
    estimator: Literal["paper", "stratified"] = "paper"
    """paper: independent random times; stratified: one noise level per equal part of the range, with
    more of them where the loss varies most: the same expected value with less variance, and the
    default in a file unless `protocol` is paper"""
    num_draws: Count = 1000
    """random times per sequence"""
    max_sequences: Count | None = None
    """sequences per dataset, evenly spaced; null: all sequences"""
    batch_size: Count = 32
    """sequences per batch"""
    time_eps: TimeEps = 0.00001
    """lower end of the bound's integral over [time_eps, 1]; the error is of order time_eps"""
    checkpoints: Literal["all", "last"] = "all"
    """checkpoints to sample from and to measure"""
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    """seed of samples and measurements, so that runs with several seeds are measured alike; null:
    the experiment's `seed`"""


RULES = (
    Rule(("evaluation.datasets",), named_once),
    *unused_by_autoregressive("evaluation", Evaluation(), "estimator", "num_draws", "time_eps"),
)

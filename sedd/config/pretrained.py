"""Pretrained model: weights from elsewhere, measured like a run of this project."""

from __future__ import annotations

from sedd.config.base import Rule
from sedd.config.experiment import Experiment, Subject
from sedd.config.sections.data import PretrainedData
from sedd.config.sections.generative import JudgedMauve
from sedd.config.values import Text

STEP = 0  # step of its checkpoint in file names


MISSING = "must name a dataset of real texts, because a pretrained model has no data.dataset"


def _has_dataset(dataset: str | None, tasks: tuple[str, ...]) -> str | None:
    return MISSING if tasks and dataset is None else None


def _names_dataset(mauve: JudgedMauve | None, steps: tuple[int, ...]) -> str | None:
    return MISSING if steps and mauve and mauve.dataset is None else None


class Pretrained(Subject):
    """Experiment with a pretrained model: no training, and weights from the hub or a folder."""

    pretrained: Text
    """published SEDD, RADD or MDLM model, or causal language model: a hub id, such as
    louaaron/sedd-small or gpt2, or a folder; or a checkpoint of another project"""
    data: PretrainedData
    """tokenizer and length"""

    rules = (
        *Subject.rules,
        Rule(("mauve.dataset", "mauve.tasks"), _has_dataset),
        Rule(("generative.mauve", "generative.steps"), _names_dataset),
    )


AnyExperiment = Experiment | Pretrained

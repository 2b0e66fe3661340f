"""A model that others trained: measured like a run of ours, with no training before it."""

from __future__ import annotations

import itertools

from sedd.config.base import ConfigModel, Rule
from sedd.config.experiment import Experiment, Subject, checkpoint_steps
from sedd.config.values import Count, DrawPrecision, Text, TokenizerName

Drawn = tuple[str, int, DrawPrecision]  # sampler, steps, precision
TOKEN_BY_TOKEN = ("first_hitting", "ancestral")
STEP = 0  # its checkpoint, in the names of files


class ReadData(ConfigModel):
    """How a model reads text."""

    tokenizer: TokenizerName
    """gpt2, text8 (27 characters), a hub id, or a folder"""
    length: Count
    """tokens of a sequence"""


class Pretrained(Subject):
    """`config/experiments/NAME.yaml` with a key `pretrained`."""

    pretrained: Text
    """a published SEDD model or a causal language model: a hub id such as louaaron/sedd-small or gpt2, or a folder"""
    data: ReadData
    """tokenizer and length"""

    rules = (*Subject.rules, Rule(("mauve.tasks", "mauve.dataset"), lambda t, d: _real_texts(t, d)))


def _real_texts(tasks: tuple[str, ...], dataset: str | None) -> str | None:
    if tasks and dataset is None:
        return "needs mauve.dataset: a model that is not trained here has no text of its own"
    return None


Measured = Experiment | Pretrained


def measured_steps(subject: Measured) -> list[int]:
    """Every step that can be measured: the checkpoints of a run, or that of a pretrained model."""
    return [STEP] if isinstance(subject, Pretrained) else checkpoint_steps(subject)


def training_dataset(subject: Measured) -> str | None:
    """The data set that a run is trained on; None for a pretrained model."""
    return None if isinstance(subject, Pretrained) else subject.data.dataset


def reference_dataset(subject: Measured) -> str | None:
    """Whose texts MAUVE takes for real ones."""
    return subject.mauve.dataset or training_dataset(subject)


def text_length(subject: Measured) -> int:
    """Tokens of a text that is drawn."""
    return subject.sampling.length or subject.data.length


def sampling_steps(subject: Measured) -> int:
    """Steps of the sampler, as the name of a file of samples says them; one a token where there is no
    grid of times."""
    sampling = subject.sampling
    return _steps(subject, sampling.sampler, sampling.steps)


def drawings(subject: Measured) -> list[Drawn]:
    """Every way in which texts are drawn to be judged, each once."""
    asked = subject.generative
    every = itertools.product(asked.samplers, asked.steps, asked.precisions)
    return list(dict.fromkeys((one[0], _steps(subject, *one[:2]), one[2]) for one in every))


def _steps(subject: Measured, sampler: str, steps: int) -> int:
    return text_length(subject) if sampler in TOKEN_BY_TOKEN else steps

"""A model that others trained: measured like a run of ours, with no training before it."""

from __future__ import annotations

import itertools

from sedd.config.experiment import Experiment, Subject, checkpoint_steps
from sedd.config.sections.model import Count
from sedd.config.sections.quality import Precision
from sedd.config.settings import Rule, Settings, Text, TokenizerName
from sedd.registry import SAMPLERS

Drawn = tuple[str, int, Precision]  # sampler, steps, precision
STEP = 0  # its checkpoint, in the names of files


class ReadData(Settings):
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


def evaluated_steps(subject: Measured) -> list[int]:
    """The checkpoints that are sampled and measured: all, or the last."""
    steps = measured_steps(subject)
    return steps[-1:] if subject.evaluation.checkpoints == "last" else steps


def training_dataset(subject: Measured) -> str | None:
    """The data set that a run is trained on; None for a pretrained model."""
    return None if isinstance(subject, Pretrained) else subject.data.dataset


def reference_dataset(subject: Measured) -> str | None:
    """Whose texts MAUVE takes for real ones."""
    return subject.mauve.dataset or training_dataset(subject)


def text_length(subject: Measured) -> int:
    """Tokens of a text that is drawn."""
    return subject.sampling.length or subject.data.length


def sampling_steps(subject: Measured, length: int | None = None) -> int:
    """Steps of the sampler for a text of `length` tokens; one per token for samplers without a time grid."""
    sampling = subject.sampling
    return _steps(sampling.sampler, sampling.steps, length or text_length(subject))


def drawings(subject: Measured) -> list[Drawn]:
    """Every way in which texts are drawn to be judged, each once."""
    asked = subject.generative
    every = itertools.product(asked.samplers, asked.steps, asked.precisions)
    length = text_length(subject)
    return list(dict.fromkeys((one[0], _steps(*one[:2], length), one[2]) for one in every))


def _steps(sampler: str, steps: int, length: int) -> int:
    return length if SAMPLERS[sampler].one_step_per_token else steps

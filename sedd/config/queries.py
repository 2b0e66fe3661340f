"""Which tokens an experiment needs, from training to its last measurement."""

from __future__ import annotations

from sedd.config.pretrained import Measured, reference_dataset, training_dataset

TokenSplit = tuple[str, str, str]  # data set, tokenizer, split


def needed_tokens(subject: Measured) -> list[TokenSplit]:
    """Every split, each once."""
    return list(dict.fromkeys([*training_tokens(subject), *measuring_tokens(subject)]))


def training_tokens(subject: Measured) -> list[TokenSplit]:
    """What is trained and validated on."""
    name = training_dataset(subject)
    splits = ("train", "validation") if name is not None else ()
    return [(name or "", subject.data.tokenizer, split) for split in splits]


def measuring_tokens(subject: Measured) -> list[TokenSplit]:
    """What perplexities are measured on, and what MAUVE takes for real texts."""
    tokenizer, evaluation = subject.data.tokenizer, subject.evaluation
    wanted = [(name, tokenizer, measured_split(subject)) for name in evaluation.datasets]
    if subject.mauve.tasks:
        wanted.append((reference_dataset(subject) or "", tokenizer, subject.mauve.split))
    return wanted


def measured_split(subject: Measured) -> str:
    """The folder of tokens that the protocol measures: `test`, or `paper`."""
    return "paper" if subject.evaluation.protocol == "paper" else "test"

"""Settings of a published model that no experiment describes."""

from __future__ import annotations

import re

from pydantic import ValidationError

from sedd.config import Pretrained
from sedd.config.experiment import Sampling
from sedd.config.sections.data import PretrainedData
from sedd.registry import DEFAULT_SAMPLER


def default_settings(
    name: str, tokenizer: str, length: int, sampler: str = DEFAULT_SAMPLER
) -> Pretrained:
    """The settings of an experiment with a key `pretrained`, all others at their defaults.

    name: the model's hub id or folder. tokenizer: name of its vocabulary. length: tokens of a text.
    """
    try:
        data = PretrainedData(tokenizer=tokenizer, length=length)
    except ValidationError:  # a folder whose path is no tokenizer's name in a YAML file
        data = PretrainedData(tokenizer=plain_name(tokenizer), length=length)
    return Pretrained(
        name=plain_name(name),
        description=f"{name}, with default settings",
        pretrained=name,
        data=data,
        sampling=Sampling(sampler=sampler),
    )


def plain_name(text: str) -> str:
    """A hub id or path as a name of letters, digits and _ . - only: its last 100 characters."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", text)[-100:].lstrip("_.-") or "model"

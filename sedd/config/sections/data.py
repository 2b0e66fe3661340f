"""Section `data`: dataset, tokenizer and sequence length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sedd.config.base import ConfigModel, Rule
from sedd.config.values import Count, DatasetName, TokenizerName

Blocks = Literal["packed", "wrapped", "padded"]


class Data(ConfigModel):
    """Tokens that a model is trained on."""

    dataset: DatasetName
    """training dataset, a file of config/datasets"""
    tokenizer: TokenizerName
    """file of config/tokenizers, gpt2, text8 (27 characters), a hub id, or a folder"""
    length: Count
    """tokens per sequence"""
    blocks: Blocks = "packed"
    """packed: a sequence is `length` consecutive tokens of the text; wrapped: as in MDLM, the start
    token of the vocabulary (the separator, if it has none), `length` - 2 tokens, the separator;
    padded: a sequence is one document (a part of a longer one), filled with separators: these are
    never corrupted, and have no loss and no likelihood"""


class PretrainedData(ConfigModel):
    """Tokens that a pretrained model reads."""

    tokenizer: TokenizerName
    """file of config/tokenizers, gpt2, text8 (27 characters), a hub id, or a folder"""
    length: Count
    """tokens per sequence"""
    blocks: Literal["packed", "wrapped"] = "packed"
    """packed: a sequence is `length` consecutive tokens of the text; wrapped: as in MDLM, the start
    token of the vocabulary (the separator, if it has none), `length` - 2 tokens, the separator"""


def _room(length: int, blocks: str) -> str | None:
    if blocks != "wrapped" or length > 2:
        return None
    return f"must be at least 3 with data.blocks {blocks}; got {length}"


def _whole_texts(blocks: str, tasks: Sequence[str], mauve: object) -> str | None:
    if blocks != "padded" or not (tasks or mauve):
        return None
    return "padded has no MAUVE, which compares texts of one length; leave mauve.tasks and generative.mauve out"


RULES = (
    Rule(("data.length", "data.blocks"), _room),
    Rule(("data.blocks", "mauve.tasks", "generative.mauve"), _whole_texts),
)

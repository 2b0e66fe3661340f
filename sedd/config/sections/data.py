"""Section `data`: dataset, tokenizer and sequence length."""

from __future__ import annotations

from sedd.config.base import ConfigModel
from sedd.config.values import Count, DatasetName, TokenizerName


class Data(ConfigModel):
    """Tokens that a model is trained on."""

    dataset: DatasetName
    """training dataset, a file of config/datasets"""
    tokenizer: TokenizerName
    """gpt2, text8 (27 characters), a hub id, or a folder"""
    length: Count
    """tokens per sequence"""


class PretrainedData(ConfigModel):
    """Tokens that a pretrained model reads."""

    tokenizer: TokenizerName
    """gpt2, text8 (27 characters), a hub id, or a folder"""
    length: Count
    """tokens per sequence"""

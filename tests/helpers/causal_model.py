"""Small causal models of the Hugging Face library: random, or with a likelihood in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

SEPARATOR = "<|endoftext|>"
LETTERS = [*" abcdefghijklmnopqrstuvwxyz", SEPARATOR]


def letter_tokenizer(folder: Path) -> None:
    """Write a vocabulary of 28 tokens to `folder`: space, letters, separator."""
    tokenizer = Tokenizer(models.WordLevel({letter: i for i, letter in enumerate(LETTERS)}, " "))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([SEPARATOR])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))


def causal_model(
    folder: Path, log_probabilities: Sequence[float] | None = None, *, length: int = 32
) -> Path:
    """Write a GPT-2 with 28 tokens and context length `length` to `folder`, and return the folder.

    log_probabilities: (28,) log probabilities of the next token, in every context; None: random weights.
    """
    from transformers import GPT2Config, GPT2LMHeadModel

    letter_tokenizer(folder)
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=len(LETTERS), n_positions=length, n_embd=16, n_layer=2, n_head=2)
    model = GPT2LMHeadModel(config).eval()
    if log_probabilities is not None:
        for parameter in model.parameters():
            parameter.data.zero_()
        # the last layer norm outputs its bias (1, 0, 0, ...) at every position; the head maps it to
        # the first column of its weights
        model.transformer.wte.weight.data[:, 0] = torch.tensor(log_probabilities)
        model.transformer.ln_f.bias.data[0] = 1.0
    model.save_pretrained(folder)
    return folder

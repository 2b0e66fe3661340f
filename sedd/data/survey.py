"""What is in a user's files: which belong to which split, their documents, and what suits them."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sedd.config.dataset import FORMATS
from sedd.data.files import check_inside, local_files
from sedd.data.guess_format import ending_of
from sedd.data.open_file import ENDINGS
from sedd.data.readers import read_documents
from sedd.errors import DataError

SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
DATA_ENDINGS = tuple(dict.fromkeys(ending for form in FORMATS for ending in form.endings))
NUM_EXAMPLES = 3
ALPHABET = 26
"""A text with at most so many characters is one over an alphabet."""
SMALL_TEXT = 100_000_000
"""Characters of a text for which the 50,257 tokens of GPT-2 are too many."""


def data_files(paths: Sequence[str]) -> list[Path]:
    """The files that paths, folders and patterns name; of a folder without data also those below it.

    Raises DataError if there is none, or if their names end differently.
    """
    files = [file for path in paths for file in _files(path)]
    kinds = Counter(map(ending_of, files))
    if len(kinds) > 1:
        found = ", ".join(f"{count} of {ending or 'no ending'}" for ending, count in kinds.items())
        raise DataError(
            f"{' '.join(paths)}: files of several kinds: {found}; give those of one kind"
        )
    return list(dict.fromkeys(files))


def _files(path: str) -> list[Path]:
    check_inside(path)
    folder = Path(path)
    if (folder / "dataset_dict.json").is_file():  # of the library `datasets`: a folder per split
        return [
            one for part in sorted(folder.iterdir()) if part.is_dir() for one in _files(f"{part}")
        ]
    try:
        return local_files(path, DATA_ENDINGS)
    except DataError:
        ends = tuple(f"{ending}{more}" for ending in DATA_ENDINGS for more in ("", *ENDINGS))
        below = [one for one in sorted(folder.rglob("*")) if one.name.endswith(ends)]
        if files := [one for one in below if one.is_file() and one.name[0] != "."]:
            return files
        raise


def parts_by_name(files: Sequence[Path]) -> dict[str, list[Path]]:
    """The files of each split, if the names of files and folders say so; else all as part `all`."""
    parts: dict[str, list[Path]] = {}
    for path in files:
        words = re.split("[^a-z]+", "/".join(path.parts[-2:]).lower())
        found = next((SPLIT_WORDS[word] for word in reversed(words) if word in SPLIT_WORDS), None)
        parts.setdefault(found or "train", []).append(path)
    is_named = "train" in parts and len(parts) > 1
    return parts if is_named else {"all": list(files)}


@dataclass
class Survey:
    """Counts over documents, and a few of them, drawn at random with a fixed seed."""

    documents: int = 0
    empty: int = 0
    characters: int = 0
    """or ids, of documents of ids"""
    largest_id: int = -1
    alphabet: set[str] = field(default_factory=set)
    """distinct characters; more than ALPHABET of them are not collected"""
    examples: list[str] = field(default_factory=list)

    @property
    def mean_characters(self) -> float:
        return self.characters / max(self.documents, 1)


def survey(files: Iterable[Path], form: Any, on_document: Callable[[], None]) -> Survey:
    """Read every document. form: the section `format`. Raises DataError as the reader does."""
    found, draw = Survey(), random.Random(0)
    for text in (text for path in files for text in read_documents(path, form)):
        on_document()
        if not text.strip():
            found.empty += 1
            continue
        found.documents += 1
        if form.type == "ids":
            ids = list(map(int, text.split()))
            found.characters += len(ids)
            found.largest_id = max(found.largest_id, max(ids))
        else:
            found.characters += len(text)
            if len(found.alphabet) <= ALPHABET:
                found.alphabet.update(text)
        place = len(found.examples)
        if place == NUM_EXAMPLES:
            place = draw.randrange(found.documents)
        if place < NUM_EXAMPLES:
            found.examples[place : place + 1] = [text[:1000]]
    return found


def suggested_tokenizer(name: str, found: Survey) -> tuple[str | dict[str, Any], float]:
    """A tokenizer that suits the text, and about how many characters a token of it has.

    The tokenizer is a name, or the keys of a file of config/tokenizers for the dataset `name`.
    """
    if found.largest_id >= 0:
        return {"ids": found.largest_id + 1}, 1.0
    if found.alphabet <= {*"abcdefghijklmnopqrstuvwxyz \n"}:
        return "text8", 1.0
    if len(found.alphabet) <= ALPHABET:
        return {"chars": "".join(sorted(found.alphabet))}, 1.0
    if found.characters < SMALL_TEXT:
        return {"train": "bpe", "size": 4096, "dataset": name}, 3.0
    return "gpt2", 4.0


def suggested_length(found: Survey, characters_per_token: float) -> int:
    """The power of two next above the mean length of a document in tokens, from 64 to 1024; less for
    a text that would have fewer than 100 blocks of this length.
    """
    tokens = found.mean_characters / characters_per_token
    most = found.characters / characters_per_token / 100
    length = 64
    while length < min(tokens, most, 1024):
        length *= 2
    return length


def as_source(files: Sequence[Path]) -> str | list[str]:
    """The files as a dataset's YAML names them: one path, a pattern that fits them alone, or a list."""
    if len(files) == 1:
        return str(files[0])
    if len({path.parent for path in files}) == 1:
        start = _common_start([path.name for path in files])
        end = _common_start([path.name[::-1] for path in files])[::-1]
        for pattern in (f"*{end}", f"{start}*{end}"):
            name = str(files[0].parent / pattern)
            if len(end) > 1 and local_files(name, ()) == sorted(files) == list(files):
                return name
    return [str(path) for path in files]


def _common_start(names: Sequence[str]) -> str:
    first, last = min(names), max(names)
    shared = next(
        (at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first)
    )
    return re.split(r"[\d*?\[]", first[:shared])[0]

"""The stored models in the official formats, with a tokenizer of as many words as they have tokens."""

from __future__ import annotations

import shutil
from pathlib import Path

import tokenizers

GOLDEN = Path(__file__).parents[1] / "golden"
WORDS = ["w0", "<eos>", *(f"w{n}" for n in range(2, 37))]


def word_tokenizer(folder: Path) -> None:
    vocabulary = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="w0")
    )
    vocabulary.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary.save(str(folder / "tokenizer.json"))


def published_model(folder: Path, form: str = "hub", *, kind: str = "absorb") -> Path:
    """A copy of a stored model. form: hub, or experiment, as the official training code writes."""
    shutil.copytree(GOLDEN / kind / form, folder)
    word_tokenizer(folder)
    return folder

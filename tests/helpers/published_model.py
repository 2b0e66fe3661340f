"""The stored models in the official formats, with a tokenizer of as many words as they have tokens."""

from __future__ import annotations

import shutil
from pathlib import Path

import tokenizers

GOLDEN = Path(__file__).parents[1] / "golden"
NUM_WORDS = {"absorb": 37, "uniform": 37, "radd": 61, "mdlm": 61, "mdlm_time": 61}


def word_tokenizer(folder: Path, num_words: int) -> None:
    words = ["w0", "<eos>", *(f"w{n}" for n in range(2, num_words))]
    vocabulary = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="w0")
    )
    vocabulary.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary.save(str(folder / "tokenizer.json"))


def published_model(folder: Path, form: str = "hub", *, kind: str = "absorb") -> Path:
    """A copy of a stored model. form: hub, or experiment, as the official training code writes."""
    shutil.copytree(GOLDEN / kind / form, folder)
    word_tokenizer(folder, NUM_WORDS[kind])
    return folder

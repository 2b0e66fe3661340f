"""A small vocabulary of words in a folder, as a user may have one."""

from __future__ import annotations

from pathlib import Path

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers


def word_vocabulary(folder: Path, *words: str) -> str:
    """Write `tokenizer.json`: the words have the ids 0, 1, ...; the first stands for unknown ones."""
    vocabulary = tokenizers.Tokenizer(
        models.WordLevel({word: n for n, word in enumerate(words)}, words[0])
    )
    vocabulary.normalizer = normalizers.Lowercase()
    vocabulary.pre_tokenizer = pre_tokenizers.Whitespace()
    vocabulary.decoder = decoders.WordPiece()
    vocabulary.add_special_tokens([word for word in words if word.startswith("[")])
    folder.mkdir(exist_ok=True)
    vocabulary.save(str(folder / "tokenizer.json"))
    return str(folder)

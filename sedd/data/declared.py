"""Vocabularies that a file of config/tokenizers declares: characters, bytes, or whole numbers."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from sedd.config import Alphabet, TokenizerConfig, alphabet_of
from sedd.config.tokenizer import NUM_BYTES

SEPARATOR = "<|endoftext|>"
_ONE_CHARACTER = Regex(r"[\s\S]")


def declared(config: TokenizerConfig) -> tuple[Tokenizer, Alphabet | None]:
    """The vocabulary of `chars`, `bytes` or `ids`, and its alphabet; None if it writes every text."""
    if config.chars is not None:
        vocabulary = Tokenizer(models.WordLevel(_numbered(config.chars)))
        vocabulary.pre_tokenizer = pre_tokenizers.Split(_ONE_CHARACTER, "isolated")
        vocabulary.decoder = decoders.Fuse()
    elif config.ids is not None:
        numbers = map(str, range(config.ids))
        vocabulary = Tokenizer(models.WordLevel(_numbered(numbers)))
        vocabulary.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    else:
        signs = sorted(pre_tokenizers.ByteLevel.alphabet())
        vocabulary = byte_level(models.BPE(_numbered(signs), []))
    if config.separator is None:
        vocabulary.add_special_tokens([AddedToken(SEPARATOR, special=True, normalized=False)])
    return vocabulary, alphabet_of(config)


def byte_level(model: models.Model) -> Tokenizer:
    """A tokenizer that spells bytes as GPT-2's does: it can write every text."""
    vocabulary = Tokenizer(model)
    vocabulary.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    vocabulary.decoder = decoders.ByteLevel()
    return vocabulary


def characters(most_frequent: Iterable[str]) -> Tokenizer:
    """A token for each of these characters; any other is spelled in its UTF-8 bytes."""
    tokens = [SEPARATOR, *(f"<0x{byte:02X}>" for byte in range(NUM_BYTES)), *most_frequent]
    vocabulary = Tokenizer(models.BPE(_numbered(tokens), [], byte_fallback=True))
    vocabulary.pre_tokenizer = pre_tokenizers.Split(_ONE_CHARACTER, "isolated")
    vocabulary.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    vocabulary.add_special_tokens([AddedToken(SEPARATOR, special=True, normalized=False)])
    return vocabulary


def _numbered(tokens: Iterable[str]) -> dict[str, int]:
    return {token: number for number, token in enumerate(tokens)}

"""Tokens of one vocabulary as those of another."""

from __future__ import annotations

from collections.abc import Sequence

from sedd.data.tokenizers import Tokenizer


def retokenize(
    tokens: Sequence[Sequence[int]],
    source: Tokenizer,
    target: Tokenizer,
    texts: Sequence[str] | None = None,
) -> list[list[int]]:
    """Token ids of each text in the vocabulary `target`, from those in `source`.

    A separator of documents stays a separator: its spelling, such as <|endoftext|>, is not read as
    text. Where the separator of a vocabulary is a character, as the space of text8, it is text.
    texts: spelled out, for texts without separators; None: the tokens are decoded.
    """
    documents = [
        _documents(ids, source, None if texts is None else texts[index])
        for index, ids in enumerate(tokens)
    ]
    encoded = iter(target.encode_batch([one for of_text in documents for one in of_text]))
    return [_joined([next(encoded) for _ in of_text], target) for of_text in documents]


def _documents(ids: Sequence[int], source: Tokenizer, text: str | None) -> list[str]:
    """The documents between the separators of a text."""
    if source.separator_text or source.separator_id not in ids:
        return [source.decode(ids) if text is None else text]
    ends = [place for place, token in enumerate(ids) if token == source.separator_id]
    starts = [0, *(end + 1 for end in ends)]
    return [
        source.decode(ids[start:end]) for start, end in zip(starts, [*ends, len(ids)], strict=True)
    ]


def _joined(documents: list[list[int]], target: Tokenizer) -> list[int]:
    """Token ids of documents, with a separator between two."""
    first, *others = documents
    return first + [token for ids in others for token in (target.separator_id, *ids)]

"""Detokenizers: restore ordinary text from the word-tokenized text of four benchmark corpora.

Perplexities are comparable only on the same text. The rules therefore undo the same marks as the
published evaluation of Lou et al. (2024), including its treatment of the Penn Treebank's
placeholders.

Differs from the official code: rules that damage text are corrected. There, an opening quote joins
the word before it, and a lone `N` in WikiText becomes a number. `<unk>` in WikiText is kept.

Each function maps the text of one document (one or more lines) to ordinary text. Applying it twice
gives the same result, except for some nested quotes.
"""

from __future__ import annotations

import re

_CONTRACTION = re.compile(r" ('(?:s|t|d|m|ll|re|ve)|n't)\b(?!')")
_LONE_APOSTROPHE = re.compile(r"(?<!\S)'(?!\S)")
# the s of a plural; after the excluded words, an apostrophe opens a quotation
_GENITIVE = re.compile(
    r"(?<=[sS])(?<!\bas)(?<!\bis)(?<!\bits)(?<!\bwas)(?<!\bhas)(?<!\bthis) '(?!\S)"
)


def wikitext(text: str) -> str:
    """WikiText-2 and WikiText-103.

    Their marks are ` @-@ `, spaces around punctuation and brackets, and headings `= = Title = =`.
    """
    text = re.sub(r" @([-,.])@ ", r"\1", text)
    text = re.sub(r"=(?: =)+", lambda marks: marks[0].replace(" ", ""), text)
    text = _join_marks(_pair_apostrophes(_join_contractions(text)))
    text = re.sub(r" ?° ?", "°", text)
    return re.sub(r" ?\n ?", "\n", text)


def penn_treebank(text: str) -> str:
    """Penn Treebank as prepared by Mikolov.

    It is lower case without punctuation, with `N` for numbers and `<unk>` for rare words. As in the
    published evaluation, `N` becomes 1 and `<unk>` becomes a question mark.
    """
    text = _join_contractions(text)
    text = _GENITIVE.sub("'", text)
    text = re.sub(r"\\([/*])", r"\1", text)
    text = re.sub(r"(?<!\S)N(?!\S)", "1", text)
    text = re.sub(r"([$#]) (?=\d)", r"\1", text)
    return text.replace("<unk>", "?")


def one_billion_words(text: str) -> str:
    """One Billion Words: spaces around every punctuation mark, also inside web addresses."""
    text = re.sub(r"\b(https?) : / / ", r"\1://", text)
    text = _join_marks(_pair_apostrophes(_join_contractions(text)))
    text = text.replace(" / ", "/")
    return re.sub(r"([$£]) (?=\d)", r"\1", text)


def lambada(text: str) -> str:
    """LAMBADA: special quotes become straight quotes; each passage starts with a newline."""
    text = re.sub("``|''|[“”]", '"', text)
    return "\n" + text.strip()


def scientific_papers(text: str) -> str:
    """Papers from arXiv and PubMed (Cohan et al. 2018): spaces around punctuation, as in WikiText and
    One Billion Words, whose detokenizers MDLM applies to it in this order.
    """
    return one_billion_words(wikitext(text))


def _join_contractions(text: str) -> str:
    return _CONTRACTION.sub(r"\1", text)


def _join_marks(text: str) -> str:
    """Join punctuation to the word before, brackets and double quotes to the text inside."""
    text = re.sub(r" ([,;:.!?])(?=\s|$)", r"\1", text)
    text = re.sub(r"([(\[{]) ", r"\1", text)
    text = re.sub(r" ([)\]}])", r"\1", text)
    text = re.sub(r'" ?([^"\n]*?) ?"', r'"\1"', text)
    # a mark after a closing quote or bracket is now separated from it by one space
    return re.sub(r'(["\')\]}]) ([,;:.!?])(?=\s|$)', r"\1\2", text)


def _pair_apostrophes(text: str) -> str:
    return re.sub(".+", lambda line: _pair_in_line(line[0]), text)


def _pair_in_line(line: str) -> str:
    """Join paired apostrophes to the quoted text.

    An unpaired one after an s is a plural genitive.
    """
    count, genitives = len(_LONE_APOSTROPHE.findall(line)), len(_GENITIVE.findall(line))
    if count == genitives:
        return _GENITIVE.sub("'", line)
    if count % 2:
        line = _GENITIVE.sub("'", line, count=1)
    return re.sub(r"(?<!\S)' (.*?) '(?!\S)", r"'\1'", line)

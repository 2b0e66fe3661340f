"""Undo the tokenisation that four benchmark corpora were published with.

A perplexity compares with a published one only when both models read the same text. So the marks undone here are
those of the published evaluation of Lou et al. (2024), including what it does to the placeholders of the Penn
Treebank; where its rules damage text (an opening quote glued to the word before it, a lone `N` in WikiText read as
a number), ours do not. `<unk>` is a word of WikiText and stays.

Each function takes the text of one document, of one or more lines, and returns it as it would be written; a second
application changes nothing but in rare nests of quotes.
"""

from __future__ import annotations

import re

_CONTRACTION = re.compile(r" ('(?:s|t|d|m|ll|re|ve)|n't)\b(?!')")
_LONE_APOSTROPHE = re.compile(r"(?<!\S)'(?!\S)")
# a plural's s, not that of a word which a quotation follows
_GENITIVE = re.compile(
    r"(?<=[sS])(?<!\bas)(?<!\bis)(?<!\bits)(?<!\bwas)(?<!\bhas)(?<!\bthis) '(?!\S)"
)


def wikitext(text: str) -> str:
    """WikiText-2 and WikiText-103: ` @-@ `, split punctuation and brackets, headings as `= = Title = =`."""
    text = re.sub(r" @([-,.])@ ", r"\1", text)
    text = re.sub(r"=(?: =)+", lambda marks: marks[0].replace(" ", ""), text)
    text = _join_marks(_pair_apostrophes(_join_contractions(text)))
    text = re.sub(r" ?° ?", "°", text)
    return re.sub(r" ?\n ?", "\n", text)


def penn_treebank(text: str) -> str:
    """Penn Treebank as prepared by Mikolov: lower case, no punctuation, `N` for numbers, `<unk>` for rare words.

    As in the published evaluation a number becomes 1 and a rare word a question mark: neither placeholder is
    English.
    """
    text = _join_contractions(text)
    text = _GENITIVE.sub("'", text)
    text = re.sub(r"\\([/*])", r"\1", text)
    text = re.sub(r"(?<!\S)N(?!\S)", "1", text)
    text = re.sub(r"([$#]) (?=\d)", r"\1", text)
    return text.replace("<unk>", "?")


def one_billion_words(text: str) -> str:
    """One Billion Words: every punctuation mark stands between spaces, also those within addresses."""
    text = re.sub(r"\b(https?) : / / ", r"\1://", text)
    text = _join_marks(_pair_apostrophes(_join_contractions(text)))
    text = text.replace(" / ", "/")
    return re.sub(r"([$£]) (?=\d)", r"\1", text)


def lambada(text: str) -> str:
    """LAMBADA: typographic or doubled quotes become straight ones; a passage starts on a line of its own."""
    text = re.sub("``|''|[“”]", '"', text)
    return "\n" + text.strip()


def _join_contractions(text: str) -> str:
    return _CONTRACTION.sub(r"\1", text)


def _join_marks(text: str) -> str:
    """Punctuation to the word before it, brackets and double quotes around what they enclose."""
    text = re.sub(r" ([,;:.!?])(?=\s|$)", r"\1", text)
    text = re.sub(r"([(\[{]) ", r"\1", text)
    text = re.sub(r" ([)\]}])", r"\1", text)
    text = re.sub(r'" ?([^"\n]*?) ?"', r'"\1"', text)
    # a mark that stood behind a closing quote or bracket has become its neighbour
    return re.sub(r'(["\')\]}]) ([,;:.!?])(?=\s|$)', r"\1\2", text)


def _pair_apostrophes(text: str) -> str:
    return re.sub(".+", lambda line: _pair_in_line(line[0]), text)


def _pair_in_line(line: str) -> str:
    """Lone apostrophes in pairs are quotes; the genitive of a plural is told by its s and by a missing partner."""
    count, genitives = len(_LONE_APOSTROPHE.findall(line)), len(_GENITIVE.findall(line))
    if count == genitives:
        return _GENITIVE.sub("'", line)
    if count % 2:
        line = _GENITIVE.sub("'", line, count=1)
    return re.sub(r"(?<!\S)' (.*?) '(?!\S)", r"'\1'", line)

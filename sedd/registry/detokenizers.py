"""Detokenizers: undo the tokenization of published corpora. An implementation maps the text of a
document to text.
"""

from __future__ import annotations

from dataclasses import dataclass

from sedd.registry.registry import Info, Registry


@dataclass(frozen=True, kw_only=True)
class DetokenizerInfo(Info):
    """Facts about a detokenizer: none but its description."""


DETOKENIZERS = Registry(
    "detokenizer",
    {
        "wikitext": DetokenizerInfo(
            description="WikiText-2 and WikiText-103",
            implementation="sedd.data.detokenize:wikitext",
        ),
        "ptb": DetokenizerInfo(
            description="Penn Treebank as prepared by Mikolov",
            implementation="sedd.data.detokenize:penn_treebank",
        ),
        "lm1b": DetokenizerInfo(
            description="One Billion Words",
            implementation="sedd.data.detokenize:one_billion_words",
        ),
        "lambada": DetokenizerInfo(
            description="LAMBADA",
            implementation="sedd.data.detokenize:lambada",
        ),
        "scientific_papers": DetokenizerInfo(
            description="papers from arXiv and PubMed",
            implementation="sedd.data.detokenize:scientific_papers",
        ),
    },
)

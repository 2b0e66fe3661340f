"""How each metric of a table is read from a result. `sedd.registry.metrics` has their facts."""

from __future__ import annotations

from dataclasses import dataclass

from sedd.config.table import BaselineRow, OurRow
from sedd.results.generative import GenerativeResult
from sedd.results.mauve import MauveResult
from sedd.results.perplexity import PerplexityResult


@dataclass(frozen=True)
class Number:
    """A value with its standard error.

    bound: the value is an upper bound. entropy_bits: entropy of the judged texts, in bits per
        token.
    """

    value: float
    standard_error: float | None = None
    bound: bool = False
    entropy_bits: float | None = None


def perplexity_per_token(result: PerplexityResult, row: OurRow | BaselineRow) -> Number | None:
    """The perplexity of a model or of a unigram baseline; None for a baseline whose training text
    is unknown.
    """
    if row.kind == "ours":
        return Number(result.perplexity, result.perplexity_standard_error, result.bound)
    unigram = result.unigram
    return _baseline(row, unigram.text_perplexity, unigram.train_perplexity)


def bits_per_character(result: PerplexityResult, row: OurRow | BaselineRow) -> Number | None:
    """As `perplexity_per_token`, in bits per character."""
    if row.kind == "ours":
        error = result.bits_per_character_standard_error
        return Number(result.bits_per_character, error, result.bound)
    unigram = result.unigram
    return _baseline(row, unigram.text_bits_per_character, unigram.train_bits_per_character)


def generative_perplexity(result: GenerativeResult, row: OurRow | BaselineRow) -> Number | None:
    """Mean over texts, or over all tokens of all texts if the row has `mean: corpus`."""
    if row.kind != "ours":
        return None
    value = result.mean_sequence_perplexity
    error = result.mean_sequence_perplexity_standard_error
    if row.mean == "corpus":
        value, error = result.corpus_perplexity, result.corpus_perplexity_standard_error
    return Number(value, error, entropy_bits=result.entropy_bits)


def mauve_score(result: MauveResult, row: OurRow | BaselineRow) -> Number | None:
    """MAUVE, in [0, 1]."""
    return Number(result.mauve, result.standard_error) if row.kind == "ours" else None


def _baseline(row: BaselineRow, text: float, train: float | None) -> Number | None:
    value = text if row.kind == "unigram_text" else train
    return None if value is None else Number(value)

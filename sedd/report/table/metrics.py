"""How each metric of a table is read from a result. `sedd.registry.metrics` has their facts."""

from __future__ import annotations

from dataclasses import dataclass

from sedd.config.table import BaselineRow, OurRow
from sedd.results.generative import GenerativeResult
from sedd.results.mauve import MauveResult
from sedd.results.perplexity import PerplexityResult


@dataclass(frozen=True)
class Number:
    """A value with its standard error. None: of a perplexity that is too large for a float.

    nats: behind a perplexity, per token. bound: the value is an upper bound.
    entropy_bits: entropy of the judged texts, in bits per token.
    num_seeds: of the trainings that the value is the mean over.
    why_missing: instead of a value that is not shown.
    """

    value: float | None
    standard_error: float | None = None
    bound: bool = False
    entropy_bits: float | None = None
    nats: float | None = None
    num_seeds: int = 1
    why_missing: str = ""


def perplexity_per_token(result: PerplexityResult, row: OurRow | BaselineRow) -> Number | None:
    """The perplexity of a model or of a unigram baseline; None for a baseline whose training text
    is unknown.
    """
    if row.kind == "ours":
        error = result.perplexity_standard_error
        return Number(result.perplexity, error, result.bound, nats=result.nats_per_token)
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
    """The headline: the mean over texts."""
    if row.kind != "ours":
        return None
    return Number(result.perplexity, result.perplexity_error, entropy_bits=result.entropy_bits)


def mauve_score(result: MauveResult, row: OurRow | BaselineRow) -> Number | None:
    """MAUVE, in [0, 1]."""
    if row.kind != "ours":
        return None
    if not result.has_enough_texts:
        return Number(None, why_missing=result.TOO_FEW)
    return Number(result.mauve, result.standard_error)


def _baseline(row: BaselineRow, text: float, train: float | None) -> Number | None:
    value = text if row.kind == "unigram_text" else train
    return None if value is None else Number(value)

"""Scores of continuations of a context, and the accuracy on multiple-choice questions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from sedd.results.record import Measurement, Record
from sedd.results.spelled import spell
from sedd.runtime.atomic import write_text
from sedd.runtime.json_text import json_text


class PairScore(Record):
    """-log p(continuation | context), or an estimated upper bound on it.

    index: from 0. line: of the file. nats: a sum over the tokens of the continuation.
    standard_error: of the estimate; 0: exact.
    """

    index: int
    line: int
    context_tokens: int
    tokens: int
    nats: float
    standard_error: float


class ChoiceScore(Record):
    """The same of each choice of a question.

    prediction: the choice with the fewest nats. prediction_normalized: with the fewest nats per
    character of the choice. is_close: whether the two best choices differ by less than two standard
    errors, so that another seed may predict another choice.
    """

    index: int
    line: int
    context_tokens: int
    tokens: list[int]
    nats: list[float]
    standard_error: list[float]
    label: int
    prediction: int
    prediction_normalized: int
    is_close: bool


class Pairs(Record):
    """Means over the continuations of a file.

    standard_error: over continuations and draws; None for a single continuation.
    """

    num_pairs: int
    num_tokens: int
    nats_per_token: float
    standard_error: float | None = Field(ge=0)


class Accuracy(Record):
    """Share of questions whose right choice is predicted, with its standard error.

    normalized: with nats per character of the choice. The error is that of a share p of N
    questions, sqrt(p (1 - p) / (N - 1)); None for a single question.
    num_close: questions with `ChoiceScore.is_close`.
    """

    num_questions: int
    accuracy: float
    standard_error: float | None
    normalized: float
    normalized_standard_error: float | None
    num_close: int


class ScoreResult(Measurement):
    """Scores of one file.

    bound: the nats are upper bounds. pairs, choices: None if the file has none.
    """

    LOCATION: ClassVar = ("experiment", "step")

    file: str
    questions_sha256: str
    tokenizer: str
    bound: bool
    estimator: str
    num_draws: int
    pairs: Pairs | None
    choices: Accuracy | None

    def what(self) -> str:
        counts = [
            f"{self.pairs.num_pairs:,} continuations" if self.pairs else "",
            f"{self.choices.num_questions:,} questions" if self.choices else "",
        ]
        return f"{self.file}: {', '.join(filter(None, counts))}"

    def summary(self) -> str:
        sign, parts = "<= " if self.bound else "", []
        if pairs := self.pairs:
            parts.append(
                f"{pairs.num_pairs:,} continuations, "
                f"{sign}{spell(pairs.nats_per_token, pairs.standard_error, '.3f')} nats per token"
            )
        if choices := self.choices:
            close = (
                f"; the two best choices of {choices.num_close:,} differ by less than two standard errors"
                if choices.num_close
                else ""
            )
            parts.append(
                f"{choices.num_questions:,} questions, "
                f"accuracy {spell(choices.accuracy, choices.standard_error, '.3f')}, "
                "normalized by length "
                f"{spell(choices.normalized, choices.normalized_standard_error, '.3f')}{close}"
            )
        return "; ".join(parts)


def write_scores(path: Path, scores: Sequence[PairScore | ChoiceScore]) -> None:
    """Write one JSON object per line."""
    lines = (json_text(score.model_dump()) + "\n" for score in scores)
    write_text(path, "".join(lines))

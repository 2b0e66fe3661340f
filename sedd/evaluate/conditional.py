"""-log p(continuation | context), and the choices that a model prefers.

Autoregressive and causal models: exact. Absorbing diffusions: an upper bound, in which the context
is always clean and only the continuation is corrupted (see `sedd.diffusion.bound`); its standard
error comes from independent repeats. Uniform diffusions have no such bound and are refused.

All choices of a question have the same random draws, which lowers the noise of their differences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sedd.checkpoints.language_model import LanguageModel
from sedd.config import AnyExperiment, Experiment, measuring_seed
from sedd.data.question_files import Question
from sedd.data.text_files import name_of, refuse, texts_sha256
from sedd.data.tokenizers import Tokenizer, load_tokenizer
from sedd.errors import DataError
from sedd.evaluate.passages import Nats, Passage, passage_nats, repeats_and_draws
from sedd.registry import GRAPHS
from sedd.results.own_text import KEYS
from sedd.results.score import Accuracy, ChoiceScore, Pairs, PairScore, ScoreResult
from sedd.results.standard_error import mean_error, ratio_error
from sedd.runtime.distributed import World
from sedd.runtime.json_text import json_text
from sedd.runtime.resumable import partial_folder


def encode_pair(
    tokenizer: Tokenizer, context: str, continuation: str
) -> tuple[list[int], list[int]]:
    """Token ids of a context and of its continuation.

    Both are read as one text, so that " Paris" after "in" is the token " Paris". White space at the
    end of the context belongs to the continuation. If a token would span both, each is tokenized by
    itself.
    """
    kept = context.rstrip()
    continuation = context[len(kept) :] + continuation
    given = tokenizer.encode_fragment(kept)
    whole = tokenizer.encode_fragment(kept + continuation)
    if whole[: len(given)] == given:
        return given, whole[len(given) :]
    return given, tokenizer.encode_fragment(continuation)


def encode_questions(
    experiment: AnyExperiment, file: str, questions: Sequence[Question]
) -> list[list[Passage]]:
    """The passages of each question, one for each continuation, before a model is opened.

    Raises DataError with all lines that do not fit the model's length, and for a model that takes
    no context.
    """
    tokenizer, length = load_tokenizer(experiment.data.tokenizer), experiment.data.length
    passages, problems = [], list[str]()
    for index, question in enumerate(questions):
        of_question = []
        for number, continuation in enumerate(question.continuations):
            given, tokens = encode_pair(tokenizer, question.context, continuation)
            name = "the continuation" if question.label is None else f"choice {number}"
            if what := misfit(given, tokens, length, name):
                problems.append(f"line {question.line}: {what}")
            of_question.append(Passage([*given, *tokens], len(given), index))
        passages.append(of_question)
    refuse(file, list(dict.fromkeys(problems)))
    if any(passage.num_given for of_question in passages for passage in of_question):
        check_takes_context(experiment)
    return passages


def misfit(given: Sequence[int], tokens: Sequence[int], length: int, name: str) -> str | None:
    """Why the model cannot score `tokens` after `given`; None if it can."""
    if len(given) >= length:
        return (
            f"the context has {len(given)} tokens, and the model reads {length}: none is left for "
            "the continuation; shorten the context"
        )
    if not tokens:
        return f"{name} has no token in this vocabulary"
    if len(given) + len(tokens) > length:
        return (
            f"the context has {len(given)} tokens and {name} {len(tokens)}, more than the {length} "
            "that the model reads; shorten them"
        )
    return None


def check_takes_context(experiment: AnyExperiment) -> None:
    """Raise DataError for an experiment whose diffusion has no mask.

    A pretrained model is known once it is open, and is then refused by its likelihood.
    """
    if not isinstance(experiment, Experiment) or experiment.graph is None:
        return
    if not GRAPHS[experiment.graph.type].has_mask:
        raise DataError(
            f"{experiment.name}: graph {experiment.graph.type} has no mask, so its network reads a "
            "context as noisy text too. No bound on p(continuation | context) is known for it, and "
            "the difference of two bounds is not a bound. Take an absorbing or autoregressive "
            "model, or leave every context empty"
        )


def score_questions(
    model: LanguageModel,
    file: str,
    questions: Sequence[Question],
    passages: Sequence[Sequence[Passage]],
    path: Path,
    world: World | None = None,
) -> tuple[ScoreResult, list[PairScore | ChoiceScore]]:
    """Score the passages of `encode_questions`; the same in every process.

    path: of the result; finished batches are kept beside it until they are removed.
    Raises DataError if the model takes no context.
    """
    experiment, world = model.experiment, world or World(model.device)
    identity = KEYS.identity(experiment)
    flat, seconds = passage_nats(
        model,
        [passage for of_question in passages for passage in of_question],
        seed=measuring_seed(experiment),
        title=f"score {experiment.name} on {name_of(file)}",
        unit="continuation",
        world=world,
        folder=partial_folder(path),
        identity=identity,
    )
    values = iter(flat)
    scores = [
        question_score(index, question, of_question, [next(values) for _ in of_question])
        for index, (question, of_question) in enumerate(zip(questions, passages, strict=True))
    ]
    settings = experiment.evaluation
    result = ScoreResult(
        experiment=experiment.name,
        step=model.step,
        file=name_of(file),
        questions_sha256=texts_sha256(
            [json_text([one.context, one.continuations, one.label]) for one in questions]
        ),
        tokenizer=experiment.data.tokenizer,
        bound=not model.is_exact,
        estimator="exact" if model.is_exact else settings.estimator,
        num_draws=1 if model.is_exact else math.prod(repeats_and_draws(settings.num_draws)),
        pairs=mean_of_pairs([one for one in scores if isinstance(one, PairScore)]),
        choices=accuracy([one for one in scores if isinstance(one, ChoiceScore)]),
        provenance=model.provenance(identity, measuring_seed(experiment), seconds),
    )
    return result, scores


def question_score(
    index: int, question: Question, passages: Sequence[Passage], nats: Sequence[Nats]
) -> PairScore | ChoiceScore:
    """The record of one question."""
    where = {"index": index, "line": question.line, "context_tokens": passages[0].num_given}
    if question.label is None:
        return PairScore(**where, tokens=passages[0].num_scored, **nats[0]._asdict())
    totals = np.array([one.nats for one in nats])
    errors = np.array([one.standard_error for one in nats])
    characters = np.array([max(1, len(choice.strip())) for choice in question.continuations])
    best, second = np.argsort(totals, kind="stable")[:2]
    gap, error = totals[second] - totals[best], math.hypot(errors[best], errors[second])
    return ChoiceScore(
        **where,
        tokens=[passage.num_scored for passage in passages],
        nats=totals.tolist(),
        standard_error=errors.tolist(),
        label=question.label,
        prediction=int(best),
        prediction_normalized=int(np.argmin(totals / characters)),
        is_close=bool(gap < 2 * error),
    )


def mean_of_pairs(scores: Sequence[PairScore]) -> Pairs | None:
    if not scores:
        return None
    tokens = np.array([one.tokens for one in scores])
    nats = np.array([one.nats for one in scores])
    return Pairs(
        num_pairs=len(scores),
        num_tokens=int(tokens.sum()),
        nats_per_token=float(nats.sum() / tokens.sum()),
        standard_error=ratio_error(nats, tokens),
    )


def accuracy(scores: Sequence[ChoiceScore]) -> Accuracy | None:
    if not scores:
        return None
    plain = np.array([float(one.prediction == one.label) for one in scores])
    normalized = np.array([float(one.prediction_normalized == one.label) for one in scores])
    return Accuracy(
        num_questions=len(scores),
        accuracy=float(plain.mean()),
        standard_error=mean_error(plain),
        normalized=float(normalized.mean()),
        normalized_standard_error=mean_error(normalized),
        num_close=sum(one.is_close for one in scores),
    )

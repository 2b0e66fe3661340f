"""Likelihoods of single passages of tokens, each at its own length, with their standard errors.

A passage is scored without padding, so no padding counts. Passages of an exact model are batched
with others of the same length. A bound is estimated from several independent repeats, whose spread
gives the standard error; the draws of a passage do not depend on other passages.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from sedd.checkpoints.language_model import LanguageModel
from sedd.config import with_changes
from sedd.runtime.distributed import World
from sedd.runtime.progress import progress
from sedd.runtime.resumable import run_resumable
from sedd.runtime.seeds import generator

# Independent repeats behind a standard error, which is then known to about 16 %.
REPEATS = 20


@dataclass(frozen=True)
class Passage:
    """Tokens to score, after `num_given` tokens of context.

    draws: index of the random draws of a bound; passages with the same index share their draws.
    """

    tokens: Sequence[int]
    num_given: int = 0
    draws: int = 0

    @property
    def num_scored(self) -> int:
        return len(self.tokens) - self.num_given


class Nats(NamedTuple):
    """-log p of a passage, or an estimated upper bound. standard_error: of the estimate; 0: exact."""

    nats: float
    standard_error: float


def repeats_and_draws(num_draws: int) -> tuple[int, int]:
    """Number of repeats, and random times of each: in total at least `num_draws`, and two."""
    repeats = min(REPEATS, max(2, num_draws))
    return repeats, math.ceil(num_draws / repeats)


def passage_nats(
    model: LanguageModel,
    passages: Sequence[Passage],
    *,
    seed: int,
    title: str,
    unit: str = "text",
    world: World | None = None,
    folder: Path | None = None,
    identity: Mapping[str, Any] | None = None,
) -> tuple[list[Nats], float]:
    """The nats of each passage, in order, and the seconds that they took, over all processes.

    A passage of no scored token has 0 nats. title, unit: for the progress.
    folder: keeps finished batches until it is removed, if the work can resume. identity: what the
        values depend on besides the model, the tokens and the seed.
    Raises DataError if the model cannot take tokens as given.
    """
    settings = model.experiment.evaluation
    repeats = 1
    if not model.is_exact:
        repeats, num_draws = repeats_and_draws(settings.num_draws)
        changed = with_changes(model.experiment, {"evaluation.num_draws": num_draws})
        model = replace(model, experiment=changed)
    lengths = [len(passage.tokens) if passage.num_scored else 0 for passage in passages]
    size = settings.batch_size if model.is_exact else 1
    batches = list(length_batches(lengths, size))

    def work(number: int) -> list[Nats]:
        batch = [passages[index] for index in batches[number]]
        if model.is_exact:
            return _exact(model, batch)
        return [_estimated(model, batch[0], repeats, seed)]

    with progress(title, len(passages), unit) as bar:
        bar.update(lengths.count(0))
        parts = run_resumable(
            len(batches),
            work,
            folder=folder,
            identity={
                **(identity or {}),
                "seed": seed,
                "checkpoint": model.checkpoint_sha256,
                "passages": [[list(one.tokens), one.num_given, one.draws] for one in passages],
            },
            world=world or World(model.device),
            on_done=lambda number: bar.update(len(batches[number])),
        )
    nats = [Nats(0.0, 0.0)] * len(passages)
    for batch, part in zip(batches, parts, strict=True):
        for index, value in zip(batch, part.values, strict=True):
            nats[index] = Nats(*value)
    return nats, sum(part.seconds for part in parts)


def length_batches(lengths: Sequence[int], size: int) -> Iterator[list[int]]:
    """Indices of sequences with one length, at most `size` a batch. Empty sequences are left out."""
    indices = sorted((i for i, length in enumerate(lengths) if length), key=lambda i: lengths[i])
    for _, group in itertools.groupby(indices, lambda i: lengths[i]):
        while batch := list(itertools.islice(group, size)):
            yield batch


def _exact(model: LanguageModel, batch: Sequence[Passage]) -> list[Nats]:
    x0, given = _tensors(batch)
    values = model.negative_log_likelihood(x0, torch.Generator(), given)
    return [Nats(value, 0.0) for value in values.tolist()]


def _estimated(model: LanguageModel, passage: Passage, repeats: int, seed: int) -> Nats:
    """The mean of independent estimates, and its standard error."""
    draws = generator(seed, "passage", passage.draws)
    x0, given = _tensors([passage] * repeats)
    values = torch.cat(
        [
            model.negative_log_likelihood(rows, draws, mask)
            for rows, mask in _split(x0, given, model.experiment.evaluation.batch_size)
        ]
    )
    return Nats(values.mean().item(), values.std().item() / math.sqrt(repeats))


def _tensors(batch: Sequence[Passage]) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Tokens (B, L), and where they are given (B, L); None if none is."""
    x0 = torch.tensor([list(passage.tokens) for passage in batch])
    counts = torch.tensor([passage.num_given for passage in batch])
    given = torch.arange(x0.shape[1]) < counts[:, None]
    return x0, given if bool(counts.any()) else None


def _split(
    x0: torch.Tensor, given: torch.Tensor | None, size: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
    for at in range(0, len(x0), size):
        yield x0[at : at + size], None if given is None else given[at : at + size]

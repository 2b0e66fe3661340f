"""The perplexity of a text, or the upper bound on it by Monte Carlo over random times, and the unigram baselines.

The bound of a sequence is the integral over t of its expected weighted loss (Lou et al. 2024). As in the paper's numbers, the
term of the prior at t = 1 is left out: it is of the order of e^-sigma(1) nats a token. An autoregressive model has no bound
but the likelihood itself; its standard error is that of the mean over texts.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import torch

from sedd.data.dataset import TokenBlocks, unigram_counts
from sedd.data.tokenizers import Tokenizer
from sedd.errors import DataError
from sedd.evaluate.run import Run
from sedd.objective import Estimate
from sedd.paths import tokens_dir
from sedd.progress import progress
from sedd.seeds import generator


def measure(run: Run, dataset: str) -> dict[str, Any]:
    """What a run makes of the test split of a dataset, with everything that its JSON says.

    Raises DataError if the split is missing, in another vocabulary, or too short for one block.
    """
    data, settings = run.experiment.data, run.experiment.evaluation
    x0 = chosen_sequences(run, dataset, settings.max_sequences)
    count = len(x0)
    length, seed = data.length, run.experiment.seed
    characters = count_characters(run.tokenizer, x0)
    bits = x0.numel() / characters / math.log(2)  # bits a character for one nat a token
    baselines = unigram_baselines(run, x0)
    start = time.perf_counter()
    nats = sequence_nats(run, x0, seed, f"perplexity {run.experiment.name} on {dataset}")
    seconds = time.perf_counter() - start

    per_token = nats / length
    mean = per_token.mean().item()
    error = per_token.std().item() / math.sqrt(count) if count > 1 else 0.0
    exact = run.objective.exact
    return {
        "experiment": run.experiment.name,
        "step": run.step,
        "dataset": dataset,
        "split": "test",
        "tokenizer": data.tokenizer,
        "bound": not exact,
        "estimator": "exact" if exact else settings.estimator,
        "nats_per_token": mean,
        "standard_error": error,
        "perplexity": math.exp(mean),
        "bits_per_character": mean * bits,
        "bits_per_character_standard_error": error * bits,
        "num_sequences": count,
        "num_tokens": x0.numel(),
        "num_characters": characters,
        "num_draws": 1 if exact else settings.num_draws,
        "unigram": {
            f"{name}_{unit}": nats * factor
            for name, nats in baselines.items()
            for unit, factor in (("nats_per_token", 1.0), ("bits_per_character", bits))
        },
        "provenance": run.provenance(seed, seconds),
    }


def chosen_sequences(run: Run, dataset: str, limit: int | None) -> torch.Tensor:
    """Sequences (N, L) of the test split of a dataset: all, or `limit` of them. DataError as for `measure`."""
    data = run.experiment.data
    blocks = TokenBlocks(tokens_dir(dataset, data.tokenizer, "test"), data.length)
    if blocks.meta["tokenizer_sha256"] != run.tokenizer.sha256:
        raise DataError(
            f"{tokens_dir(dataset, data.tokenizer, 'test')}: tokens of another vocabulary than the model's; "
            f"tokenise again: sedd tokenize --dataset {dataset} --tokenizer {data.tokenizer} --split test"
        )
    count = min(len(blocks), limit or len(blocks))
    # spread over the whole split: its beginning may be of one kind
    return blocks[np.linspace(0, len(blocks) - 1, count).round().astype(np.int64)]


def sequence_nats(run: Run, x0: torch.Tensor, seed: int, description: str) -> torch.Tensor:
    """-log p of each sequence x0 (N, L), or the bound on it: (N,) nats, float64."""
    settings = run.experiment.evaluation
    estimate = Estimate(settings.num_draws, settings.estimator, settings.time_eps)
    parts = []
    with progress(description, len(x0), "sequence") as bar:
        for index, clean in enumerate(x0.split(settings.batch_size)):
            draws = generator(seed, "perplexity", index)
            with run.autocast():
                nats = run.objective.nats(run.model, clean.to(run.device), estimate, draws)
            parts.append(nats.cpu())
            bar.update(len(clean))
    return torch.cat(parts)


def count_characters(tokenizer: Tokenizer, x0: torch.Tensor) -> int:
    """Characters of the text that the blocks x0 (N, L) spell; a separator counts for what it stands for in the text."""
    separator = tokenizer.separator_id
    spelled = sum(
        len(tokenizer.decode([token for token in row if token != separator])) for row in x0.tolist()
    )
    return spelled + int((x0 == separator).sum()) * len(tokenizer.separator_text)


def unigram_baselines(run: Run, x0: torch.Tensor) -> dict[str, float]:
    """What a model that knows only how often each token occurs would score on x0 (N, L), in nats a token.

    text: with the frequencies of x0 itself, its unigram entropy. train: with those of the training split, one added to each.
    """
    data = run.experiment.data
    own = np.bincount(x0.numpy().ravel(), minlength=run.tokenizer.vocab_size).astype(np.float64)
    share = own / own.sum()
    learnt = unigram_counts(tokens_dir(data.dataset, data.tokenizer, "train")) + 1.0
    present = share > 0
    return {
        "text": float(-(share[present] * np.log(share[present])).sum()),
        "train": float(-(share * np.log(learnt / learnt.sum())).sum()),
    }

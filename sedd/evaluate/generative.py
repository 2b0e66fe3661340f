"""Generative perplexity: how likely a causal judge finds the texts that a model wrote.

Two conventions of the mean are in use, and do not compare. Of texts i with n_i scored tokens and s_i nats of them:

    mean over sequences   mean_i exp(s_i / n_i)              the paper's code
    corpus                exp(sum_i s_i / sum_i n_i)         MDLM, Duo

The first token of a text is given, not scored, as in all of these. A text longer than the judge can read is scored in pieces,
each with its own first token given. A judge can be pleased by dull texts, so that the entropy of the tokens stands beside its
number: of each text's own frequencies, the mean over texts, in the tokens of the model.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sedd.data.tokenizers import Tokenizer
from sedd.errors import DataError
from sedd.evaluate.judge import Judge
from sedd.runtime.progress import progress


def judge_texts(
    judge: Judge,
    texts: Sequence[str],
    tokens: Sequence[Sequence[int]],
    tokenizer: Tokenizer,
    batch_size: int,
) -> dict[str, Any]:
    """Both perplexities and the entropy, with standard errors over texts, and counts.

    texts: read anew in the judge's vocabulary, if it is another than that of their tokens.
    """
    start = time.perf_counter()
    retokenised = judge.tokenizer.sha256 != tokenizer.sha256
    read = judge.tokenizer.encode_batch(texts) if retokenised else tokens
    scored = [index for index, one in enumerate(read) if len(one) >= 2]
    if not scored:
        raise DataError("no text has two tokens, of which the judge could score the second")
    nats, counts = score(judge, [read[index] for index in scored], batch_size)
    entropies = np.array([entropy(tokens[index]) for index in scored])
    number = len(scored)
    of_each = np.exp(nats / counts)
    mean = nats.sum() / counts.sum()
    # of a ratio of sums, to first order
    spread = (nats - mean * counts).std(ddof=1) / counts.mean() if number > 1 else 0.0
    return {
        "corpus_perplexity": math.exp(mean),
        "corpus_perplexity_standard_error": math.exp(mean) * float(spread) / math.sqrt(number),
        "mean_sequence_perplexity": float(of_each.mean()),
        "mean_sequence_perplexity_standard_error": standard_error(of_each),
        "entropy_nats": float(entropies.mean()),
        "entropy_nats_standard_error": standard_error(entropies),
        "num_sequences": number,
        "num_too_short": len(read) - number,
        "num_tokens": int(counts.sum()),
        "retokenised": retokenised,
        "judge_sha256": judge.sha256,
        "seconds": time.perf_counter() - start,
    }


def score(
    judge: Judge, texts: Sequence[Sequence[int]], batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Nats of each text and the tokens that were scored, (N,) each."""
    nats, counts = np.zeros(len(texts)), np.zeros(len(texts))
    pieces = [(index, piece) for index, text in enumerate(texts) for piece in cut(text, judge)]
    # texts of like length side by side: little is padded
    pieces.sort(key=lambda item: -len(item[1]))
    with progress(f"judge {judge.name}", len(pieces), "text") as bar:
        for at in range(0, len(pieces), batch_size):
            batch = pieces[at : at + batch_size]
            tokens = torch.zeros(len(batch), len(batch[0][1]), dtype=torch.long)
            for row, (_, piece) in enumerate(batch):
                tokens[row, : len(piece)] = torch.tensor(piece)
            found = judge.next_nats(tokens)
            for row, (index, piece) in enumerate(batch):
                nats[index] += float(found[row, : len(piece) - 1].sum())
                counts[index] += len(piece) - 1
            bar.update(len(batch))
    return nats, counts


def cut(text: Sequence[int], judge: Judge) -> Iterator[Sequence[int]]:
    """Pieces that the judge can read; a last one of a single token has nothing to score."""
    for at in range(0, len(text), judge.max_length):
        if len(piece := text[at : at + judge.max_length]) >= 2:
            yield piece


def entropy(tokens: Sequence[int]) -> float:
    """Of a text's own token frequencies, in nats."""
    share = np.unique(np.asarray(tokens), return_counts=True)[1] / len(tokens)
    return float(-(share * np.log(share)).sum())


def standard_error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0


def read_drawn(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of samples. Raises DataError if it is missing, empty, or holds masks."""
    again = "draw them again: sedd sample NAME --out FILE"
    if not path.is_file():
        raise DataError(f"{path}: no such file of samples; {again}")
    try:
        drawn = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        complete = all(
            {"text", "tokens", "settings", "seed", "provenance"} <= one.keys() for one in drawn
        )
    except (ValueError, AttributeError) as error:
        raise DataError(f"{path}: not a file of samples: {error}; {again}") from error
    if not drawn or not complete:
        what = "samples without their tokens and settings" if drawn else "no sample"
        raise DataError(f"{path}: holds {what}; {again}")
    return drawn

"""Generative perplexity: how likely a causal judge finds the texts that a model wrote.

Two means over texts are in use, and they do not compare. Text i has n_i scored tokens with s_i nats
in total:

    mean over sequences   mean_i exp(s_i / n_i)              the paper's code
    corpus                exp(sum_i s_i / sum_i n_i)         MDLM, Duo

Two conventions say which tokens are scored (`generative.convention`). The first token of a text
never is.

    every_token   All others. A text longer than the judge's context is scored in chunks, without
                  the first token of each chunk. The paper's code.
    first_eos     All others but ends of text (EOS) after the first one of the text. A text is cut to
                  the judge's context. MDLM, Duo.

An end of text is easy to predict after another one, so the second convention gives texts with
several of them a higher perplexity. A judge may prefer repetitive texts, so the entropy
of the tokens is reported beside its number: the entropy of the token frequencies within a text, in
the model's vocabulary, as a mean over texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sedd.config.sections.generative import Convention
from sedd.data.retokenize import retokenize
from sedd.data.tokenizers import Tokenizer
from sedd.errors import DataError
from sedd.evaluate.judge import Judge
from sedd.results.generative import JudgedTexts
from sedd.results.samples import Sample
from sedd.results.samples import read as read_samples
from sedd.results.spelled import finite, perplexity_of, product
from sedd.results.standard_error import mean_error, ratio_error
from sedd.runtime.progress import progress


def judge_texts(
    judge: Judge,
    texts: Sequence[str],
    tokens: Sequence[Sequence[int]],
    tokenizer: Tokenizer,
    batch_size: int,
    convention: Convention = "every_token",
) -> JudgedTexts:
    """Both perplexities and the entropy, with standard errors over texts, and counts.

    texts: tokenized again if the judge's vocabulary is not that of `tokens`; separators in `tokens`
        are then the judge's separators.
    Raises DataError if no text can be scored, or if the convention needs an end of text that the
    judge does not have.
    """
    if convention == "first_eos" and judge.tokenizer.separator_text:
        raise DataError(
            f"{judge.name}: its tokenizer {judge.tokenizer.name} has no end of text, which "
            "generative.convention first_eos needs; choose every_token, or another judge"
        )
    retokenized = judge.tokenizer.sha256 != tokenizer.sha256
    judge_tokens = retokenize(tokens, tokenizer, judge.tokenizer, texts) if retokenized else tokens
    chunks = [list(split(text, judge, convention)) for text in judge_tokens]
    scored = [
        index for index, parts in enumerate(chunks) if any(part.scored.any() for part in parts)
    ]
    if not scored:
        raise DataError(
            "nothing to judge: a judge scores every token but the first, and no text has two tokens"
        )
    nats, counts = score(judge, [chunks[index] for index in scored], batch_size)
    entropies = np.array([entropy(tokens[index]) for index in scored])
    num_texts = len(scored)
    with np.errstate(over="ignore"):
        text_perplexities = np.exp(nats / counts)
        mean_perplexity = finite(text_perplexities.mean())
        mean_perplexity_error = finite(mean_error(text_perplexities))
    mean = float(nats.sum() / counts.sum())
    corpus_perplexity = perplexity_of(mean)
    return JudgedTexts(
        nats_per_token=mean,
        corpus_perplexity=corpus_perplexity,
        corpus_perplexity_standard_error=product(corpus_perplexity, ratio_error(nats, counts)),
        mean_sequence_perplexity=mean_perplexity,
        mean_sequence_perplexity_standard_error=mean_perplexity_error,
        entropy_nats=float(entropies.mean()),
        entropy_nats_standard_error=mean_error(entropies),
        num_sequences=num_texts,
        num_too_short=len(judge_tokens) - num_texts,
        num_tokens=int(counts.sum()),
        retokenized=retokenized,
        judge_sha256=judge.sha256,
        convention=convention,
    )


@dataclass(frozen=True)
class Chunk:
    """Tokens (n,) that the judge reads at once. scored: (n - 1,) bool, of all but the first."""

    tokens: Sequence[int]
    scored: np.ndarray


def score(
    judge: Judge, texts: Sequence[Sequence[Chunk]], batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Nats and number of scored tokens of each text, (N,) each. texts: the chunks of each."""
    nats, counts = np.zeros(len(texts)), np.zeros(len(texts))
    chunks = [(index, chunk) for index, text in enumerate(texts) for chunk in text]
    # similar lengths side by side need little padding
    chunks.sort(key=lambda item: -len(item[1].tokens))
    with progress(f"judge {judge.name}", len(chunks), "text") as bar:
        for at in range(0, len(chunks), batch_size):
            batch = chunks[at : at + batch_size]
            tokens = torch.zeros(len(batch), len(batch[0][1].tokens), dtype=torch.long)
            for row, (_, chunk) in enumerate(batch):
                tokens[row, : len(chunk.tokens)] = torch.tensor(chunk.tokens)
            token_nats = judge.next_nats(tokens)
            for row, (index, chunk) in enumerate(batch):
                scored = torch.from_numpy(chunk.scored)
                nats[index] += float(token_nats[row, : len(scored)][scored].sum())
                counts[index] += int(chunk.scored.sum())
            bar.update(len(batch))
    return nats, counts


def split(text: Sequence[int], judge: Judge, convention: Convention) -> Iterator[Chunk]:
    """Chunks that fit the judge's context; a last chunk of one token has nothing to score and is
    left out.
    """
    if convention == "first_eos":
        tokens = np.asarray(text[: judge.max_length])
        is_end = tokens == judge.tokenizer.separator_id
        is_first = is_end & (is_end.cumsum() == 1)
        if len(tokens) >= 2:
            yield Chunk(tokens.tolist(), (~is_end | is_first)[1:])
        return
    for at in range(0, len(text), judge.max_length):
        if len(part := text[at : at + judge.max_length]) >= 2:
            yield Chunk(part, np.ones(len(part) - 1, dtype=bool))


def entropy(tokens: Sequence[int]) -> float:
    """Entropy of the token frequencies within a text, in nats."""
    frequencies = np.unique(np.asarray(tokens), return_counts=True)[1] / len(tokens)
    return float(-(frequencies * np.log(frequencies)).sum())


def read_drawn(path: Path) -> list[Sample]:
    """The samples of a file. Raises DataError if it is missing, malformed or empty."""
    again = "draw it again: sedd sample NAME --out FILE"
    if not path.is_file():
        raise DataError(f"{path}: no such file of samples; {again}")
    samples = read_samples(path)
    if not samples:
        raise DataError(f"{path}: holds no sample; {again}")
    return samples

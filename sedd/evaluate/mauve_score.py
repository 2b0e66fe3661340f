"""MAUVE (Pillutla et al. 2021): how close a set of texts is to real texts.

The feature of a text is the last hidden state of a causal language model; `mauve-text` (extra
`mauve`) computes the score from the features of both sets. H width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from sedd.checkpoints.causal import INSTALL
from sedd.data.retokenize import retokenize
from sedd.data.tokenizers import Tokenizer
from sedd.errors import CheckpointError
from sedd.evaluate.judge import Judge
from sedd.runtime.progress import progress


def features(
    featurizer: Judge,
    texts: Sequence[Sequence[int]],
    tokenizer: Tokenizer,
    batch_size: int,
    what: str,
) -> np.ndarray:
    """The state at the last token of each of N texts, (N, H) float32.

    texts: tokens of `tokenizer`; they are tokenized again if the featurizer has another vocabulary.
    """
    token_ids = [list(row) for row in texts]
    if featurizer.tokenizer.sha256 != tokenizer.sha256:
        token_ids = retokenize(token_ids, tokenizer, featurizer.tokenizer)
    batches = []
    with progress(f"features by {featurizer.name}: {what}", len(token_ids), "text") as bar:
        for at in range(0, len(token_ids), batch_size):
            # the end of a text that exceeds the context; the separator for an empty text
            rows = [
                row[-featurizer.max_length :] or [featurizer.tokenizer.separator_id]
                for row in token_ids[at : at + batch_size]
            ]
            tokens = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
            for number, row in enumerate(rows):
                tokens[number, : len(row)] = torch.tensor(row)
            states = featurizer.features(tokens)
            last = torch.tensor([len(row) - 1 for row in rows], device=states.device)
            batches.append(
                states[torch.arange(len(rows), device=states.device), last].float().cpu()
            )
            bar.update(len(rows))
    return torch.cat(batches).numpy()


def mauve_score(real: np.ndarray, drawn: np.ndarray, buckets: int, seed: int) -> float:
    """MAUVE of the features (R, H) of real texts and (N, H) of drawn ones, in [0, 1].

    buckets: clusters of the features. Raises CheckpointError if mauve-text is not installed.
    """
    try:
        from mauve import compute_mauve
    except ImportError as error:
        raise CheckpointError(f"MAUVE needs `mauve-text`; install it with: {INSTALL}") from error
    settings: dict[str, Any] = {"num_buckets": buckets, "seed": seed % 2**31, "verbose": False}
    result = compute_mauve(p_features=real, q_features=drawn, **settings)
    return min(float(result.mauve), 1.0)  # rounding may exceed 1

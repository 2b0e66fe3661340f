"""Texts from a model that `load_model` returned, published or ours: text in, text out."""

from __future__ import annotations

from typing import cast

import torch

from sedd.data.tokenizers import load_tokenizer
from sedd.diffusion import Graph, Noise, ScoreFunction, SplitNetwork
from sedd.errors import DataError
from sedd.model import DiffusionTransformer
from sedd.objective import Drawing, ScoreEntropy
from sedd.registry import DEFAULT_SAMPLER
from sedd.runtime.device import autocast
from sedd.sampling.draw import clamped


def sample_text(
    loaded: tuple[ScoreFunction, Graph, Noise],
    *,
    prefix: str = "",
    suffix: str = "",
    count: int = 1,
    length: int = 1024,
    steps: int = 128,
    sampler: str = DEFAULT_SAMPLER,
    top_p: float | None = None,
    tokenizer: str = "gpt2",
    seed: int = 0,
) -> list[str]:
    """Draw `count` texts of `length` tokens, freely or around a given prefix and suffix.

    loaded: what `load_model` returned. tokenizer: its vocabulary, gpt2 for the published models; text8, a hub id or a folder.
    The rest as in `sedd.objective.Drawing`. Runs where the model is, in bfloat16 on a GPU.
    Raises DataError if the vocabulary is not the model's, or if prefix and suffix leave nothing to draw.
    """
    model, graph, noise = loaded
    words = load_tokenizer(tokenizer)
    if words.vocab_size != graph.vocab_size:
        raise DataError(
            f"the model has {graph.vocab_size:,} tokens and the tokenizer {tokenizer!r} {words.vocab_size:,}: "
            "it was trained with another; name that one, tokenizer=..."
        )
    assert isinstance(model, SplitNetwork), "load_model returns no other"
    device = model.vocabulary_layer()[0].device
    clamp = clamped(words.encode_part(prefix), words.encode_part(suffix), length)
    with autocast("auto", device):
        x = ScoreEntropy(graph, noise).sample(
            cast(DiffusionTransformer, model),
            (count, length),
            Drawing(sampler, steps, top_p=top_p),
            clamp=clamp,
            generator=torch.Generator().manual_seed(seed),
            device=device,
        )
    return [words.decode(tokens) for tokens in x.tolist()]

"""`sample_text`: texts from a model that `load_model` returned."""

from __future__ import annotations

from typing import cast

import torch

from sedd.checkpoints.load_model import LoadedModel
from sedd.checkpoints.official import LENGTH, TOKENIZER
from sedd.data.tokenizers import load_tokenizer
from sedd.diffusion import Graph, Noise, ScoreFunction, SplitNetwork
from sedd.errors import DataError
from sedd.model import DiffusionTransformer
from sedd.objective import Drawing, ScoreEntropy
from sedd.registry import DEFAULT_SAMPLER
from sedd.runtime.device import autocast
from sedd.sampling.prompt import Prompt


def sample_text(
    loaded: tuple[ScoreFunction, Graph, Noise],
    *,
    prefix: str = "",
    suffix: str = "",
    count: int = 1,
    length: int | None = None,
    steps: int = 128,
    sampler: str = DEFAULT_SAMPLER,
    top_p: float | None = None,
    tokenizer: str | None = None,
    seed: int = 0,
) -> list[str]:
    """Sample `count` texts of `length` tokens, freely or between a prefix and a suffix.

    loaded: what `load_model` returned, or another tuple of network, graph and noise.
    length, tokenizer: None: those of the loaded model; for a plain tuple, 1024 tokens of gpt2.
    tokenizer: gpt2, text8, a hub id or a folder.
    steps, sampler, top_p: as in `sedd.objective.Drawing`. Runs on the network's device, in bfloat16
        on a GPU.
    Raises DataError if the tokenizer has another vocabulary than the network, or if the prompt
    leaves no token to sample.
    """
    network, graph, noise = loaded
    if isinstance(loaded, LoadedModel):
        length, tokenizer = length or loaded.length, tokenizer or loaded.tokenizer_name
    length, tokenizer = length or LENGTH, tokenizer or TOKENIZER
    words = load_tokenizer(tokenizer)
    if words.vocab_size != graph.vocab_size:
        raise DataError(
            f"the model has {graph.vocab_size:,} tokens and the tokenizer {tokenizer!r} {words.vocab_size:,}: "
            "it was trained with another; name that one, tokenizer=..."
        )
    assert isinstance(network, SplitNetwork), "load_model returns no other"
    device = network.vocabulary_layer()[0].device
    with autocast("auto", device):
        x = ScoreEntropy(graph, noise).sample(
            cast(DiffusionTransformer, network),
            (count, length),
            Drawing(sampler, steps, top_p=top_p),
            clamp=Prompt.encode(words, prefix, suffix).clamp(length),
            generator=torch.Generator().manual_seed(seed),
            device=device,
        )
    return [words.decode(tokens) for tokens in x.tolist()]

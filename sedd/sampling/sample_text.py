"""`sample_text`: texts from a model that `load_model` returned."""

from __future__ import annotations

from typing import cast

import torch

from sedd.checkpoints.language_model import padded_clamp
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
    length, tokenizer: None: those of the loaded model; for a plain tuple, 1024 tokens of gpt2. A
        run with data.blocks padded draws a shorter text with the padding of its training after it.
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
    trained_in = loaded.tokenizer_sha256 if isinstance(loaded, LoadedModel) else None
    if words.vocab_size != graph.vocab_size or trained_in not in (None, words.sha256):
        raise DataError(
            f"the tokenizer {tokenizer!r} ({words.vocab_size:,} tokens) has another vocabulary than "
            f"the model ({graph.vocab_size:,} tokens); pass the model's own with tokenizer=..."
        )
    assert isinstance(network, SplitNetwork), "load_model returns no other"
    device = network.vocabulary_layer()[0].device
    clamp, whole = Prompt.encode(words, prefix, suffix).clamp(length), length
    padded_length = loaded.padded_length if isinstance(loaded, LoadedModel) else None
    if padded_length is not None and length < padded_length:  # as in training
        whole = padded_length
        clamp = padded_clamp(clamp, length, whole, words.separator_id)
    with autocast("auto", device):
        x = ScoreEntropy(graph, noise).sample(
            cast(DiffusionTransformer, network),
            (count, whole),
            Drawing(sampler, steps, top_p=top_p),
            clamp=clamp,
            generator=torch.Generator().manual_seed(seed),
            device=device,
        )
    return [words.decode(tokens) for tokens in x[:, :length].tolist()]

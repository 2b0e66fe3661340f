"""MDLM (Sahoo et al. 2024, arXiv 2406.07524): a denoiser over the absorbing graph.

The published network always has a noise input. Without time conditioning it receives sigma = 0, so
its modulations are constants: they are computed once, and the noise input is left out.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from sedd.checkpoints.formats.published import (
    LENGTH,
    MAX_SIZE,
    Dropout,
    PublishedConfig,
    PublishedModel,
    Shapes,
    Size,
    Weights,
    network_of,
    network_shapes,
)
from sedd.config.base import Rule
from sedd.config.sections.model import ModelConfig
from sedd.config.values import Count
from sedd.diffusion import Absorb, LogLinear
from sedd.model.embedding import NoiseEmbedding
from sedd.objective import LambdaDCE


class MDLMConfig(PublishedConfig):
    """`config.json` of an MDLM model. Its noise is log-linear."""

    family: ClassVar[str] = "MDLM"
    prefix: ClassVar[str] = "backbone."
    rules = tuple(Rule(("n_heads", "hidden_dim"), rule.find) for rule in ModelConfig.rules)

    model_type: Literal["mdlm"]
    """mdlm"""
    vocab_size: Annotated[int, Field(ge=3, le=MAX_SIZE)]
    """number of states: tokens of the vocabulary, and the mask as the last one"""
    hidden_dim: Annotated[int, Field(ge=2, le=MAX_SIZE)]
    """width of the residual stream"""
    cond_dim: Size
    """width of the noise-level embedding"""
    n_blocks: Size
    """number of transformer blocks"""
    n_heads: Size
    """number of attention heads"""
    model_length: Count = LENGTH
    """tokens of a text"""
    dropout: Dropout
    """dropout probability in training"""
    time_conditioning: bool
    """whether the network receives the noise level"""

    @property
    def num_blocks(self) -> int:
        return self.n_blocks

    @property
    def text_length(self) -> int:
        return self.model_length

    def shapes(self) -> Shapes:
        return network_shapes(self.vocab_size, self.hidden_dim, self.n_blocks, self.cond_dim)

    def with_weights(self, weights: Weights) -> PublishedModel:
        if not self.time_conditioning:
            weights = at_zero_noise(weights, self.cond_dim)
        network = network_of(
            weights,
            vocab_size=self.vocab_size - 1,
            absorb=True,
            hidden_size=self.hidden_dim,
            n_blocks=self.n_blocks,
            n_heads=self.n_heads,
            cond_dim=self.cond_dim if self.time_conditioning else None,
            dropout=self.dropout,
            scale_by_sigma=False,
        )
        objective = LambdaDCE(Absorb(self.vocab_size - 1), LogLinear(), self.time_conditioning)
        return PublishedModel(network, objective, self.text_length)


@torch.no_grad()
def at_zero_noise(weights: Weights, cond_dim: int) -> dict[str, Tensor]:
    """The parameters of the network without noise input that equals this one at sigma = 0."""
    embedding = NoiseEmbedding(cond_dim).double()
    embedding.load_state_dict(
        {
            name.removeprefix("sigma_map."): value
            for name, value in weights.items()
            if name.startswith("sigma_map.")
        }
    )
    condition = F.silu(embedding(torch.zeros(1)))[0]  # (C,)
    kept: dict[str, Tensor] = {}
    for name, value in weights.items():
        if name.startswith("sigma_map.") or name.endswith("adaLN_modulation.weight"):
            continue
        if name.endswith("adaLN_modulation.bias"):
            weight = weights[f"{name.removesuffix('bias')}weight"].double()
            value = (weight @ condition + value.double()).to(value.dtype)
        kept[name] = value
    return kept

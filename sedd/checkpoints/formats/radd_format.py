"""RADD (Ou et al. 2024, arXiv 2406.03736): a denoiser over the absorbing graph, without noise input.

Its blocks have no modulation, and its layer norms have a bias. Ours have a constant modulation, of
which this is the case shift = bias, scale = 0, gate = 1. In the other direction, scales and gates
are multiplied into the weights that they act on. Both directions are exact up to rounding.

H hidden width.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from sedd.checkpoints.formats.published import (
    NoiseSection,
    PublishedConfig,
    PublishedModel,
    PublishedSection,
    Shapes,
    ShapeSection,
    VocabularySize,
    Weights,
    network_of,
    network_shapes,
    schedule,
)
from sedd.config.sections.model import ModelConfig
from sedd.diffusion import Absorb
from sedd.model import DiffusionTransformer
from sedd.objective import LambdaDCE


class TrainingSection(PublishedSection):
    """Training. All losses train the same denoiser."""

    loss_type: Literal["t_DCE", "lambda_DCE", "k_DCE", "t_DSE"]
    """t_DCE, lambda_DCE, k_DCE or t_DSE"""


class RADDConfig(PublishedConfig):
    """`config.json` or `.hydra/config.yaml` of a RADD model."""

    family: ClassVar[str] = "RADD"
    rules = tuple(rule.within("model") for rule in ModelConfig.rules)

    tokens: VocabularySize
    """number of tokens of the vocabulary, without the mask"""
    noise: NoiseSection
    """the section with noise.type"""
    training: TrainingSection
    """the section with training.loss_type"""
    model: ShapeSection
    """the section with the size of the network"""

    @property
    def num_blocks(self) -> int:
        return self.model.n_blocks

    @property
    def text_length(self) -> int:
        return self.model.length

    def shapes(self) -> Shapes:
        return network_shapes(self.tokens + 1, self.model.hidden_size, self.model.n_blocks, None)

    def with_weights(self, weights: Weights) -> PublishedModel:
        size = self.model
        network = network_of(
            with_modulation(weights, size.n_blocks),
            vocab_size=self.tokens,
            absorb=True,
            hidden_size=size.hidden_size,
            n_blocks=size.n_blocks,
            n_heads=size.n_heads,
            cond_dim=None,
            dropout=size.dropout,
            scale_by_sigma=False,
        )
        objective = LambdaDCE(Absorb(self.tokens), schedule(self.noise))
        return PublishedModel(network, objective, self.text_length)


def with_modulation(weights: Weights, num_blocks: int) -> dict[str, Tensor]:
    """RADD's parameters as those of a network without noise input."""
    found = dict(weights)

    def shift(norm: str) -> Tensor:
        return found.pop(f"{norm}.bias")

    for block in (f"blocks.{index}" for index in range(num_blocks)):
        shift1, shift2 = shift(f"{block}.norm1"), shift(f"{block}.norm2")
        scale, gate = torch.zeros_like(shift1), torch.ones_like(shift1)
        modulation = torch.cat((shift1, scale, gate, shift2, scale, gate))
        found[f"{block}.adaLN_modulation.bias"] = modulation
    final = shift("output_layer.norm_final")
    found["output_layer.adaLN_modulation.bias"] = torch.cat((final, torch.zeros_like(final)))
    return found


def without_modulation(network: DiffusionTransformer) -> dict[str, Tensor]:
    """The parameters of a network without noise input as RADD's. Inverse of `with_modulation`."""
    weights = {name: value.detach() for name, value in network.named_parameters()}

    def modulation(layer: str, parts: int) -> tuple[Tensor, ...]:
        return weights.pop(f"{layer}.adaLN_modulation.bias").double().chunk(parts)

    def multiply(name: str, factor: Tensor) -> None:
        value = weights[name]
        weights[name] = (value.double() * factor.view(-1, *(1,) * (value.dim() - 1))).to(value)

    def set_norm(name: str, shift: Tensor, scale: Tensor) -> None:
        multiply(f"{name}.weight", 1 + scale)
        weights[f"{name}.bias"] = shift.to(weights[f"{name}.weight"])

    for block in (f"blocks.{index}" for index in range(len(network.blocks))):
        shift1, scale1, gate1, shift2, scale2, gate2 = modulation(block, 6)
        set_norm(f"{block}.norm1", shift1, scale1)
        set_norm(f"{block}.norm2", shift2, scale2)
        multiply(f"{block}.attn_out.weight", gate1)
        multiply(f"{block}.mlp.2.weight", gate2)
        multiply(f"{block}.mlp.2.bias", gate2)
    set_norm("output_layer.norm_final", *modulation("output_layer", 2))
    return weights

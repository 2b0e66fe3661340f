"""The common part of all formats: a validated configuration, the shapes of the tensors, a model.

V states (vocabulary, plus the mask if absorbing), H hidden width, C width of the conditioning.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import ConfigDict, Field
from torch import Tensor

from sedd.config.base import ConfigModel
from sedd.config.values import Count
from sedd.diffusion import Noise
from sedd.model import DiffusionTransformer
from sedd.model.embedding import NUM_FREQUENCIES
from sedd.objective import Diffusion
from sedd.registry import NOISES

LENGTH = 1024  # tokens of a text, for a configuration that does not state it
MAX_SIZE = 2**24  # of any number in a configuration: products of two then fit into 64 bits
Size = Annotated[int, Field(ge=1, le=MAX_SIZE)]
VocabularySize = Annotated[int, Field(ge=2, le=MAX_SIZE)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Shapes = dict[str, tuple[int, ...]]
Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class PublishedModel:
    """A published diffusion model.

    network: with its averaged weights. length: tokens of a text in training.
    tokenizer: name of the vocabulary; None: that of `tokenizer.json` in the folder.
    """

    network: DiffusionTransformer
    objective: Diffusion
    length: int
    tokenizer: str | None = None


class PublishedSection(ConfigModel):
    """Keys of a published configuration. Keys that do not change the network are ignored."""

    model_config = ConfigDict(extra="ignore")


class PublishedConfig(PublishedSection):
    """The configuration of a published model."""

    family: ClassVar[str]
    """name of the kind of model, for messages"""
    prefix: ClassVar[str] = ""
    """prefix of the names of all tensors"""

    @property
    @abstractmethod
    def num_blocks(self) -> int:
        """Number of transformer blocks."""

    @property
    @abstractmethod
    def text_length(self) -> int:
        """Tokens of a text in training."""

    @abstractmethod
    def shapes(self) -> Shapes:
        """Shape of each parameter, by its name without the prefix, in the network's order."""

    @abstractmethod
    def with_weights(self, weights: Weights) -> PublishedModel:
        """The model of these weights, whose names and shapes are those of `shapes`."""


class LogLinearSection(PublishedSection):
    """Log-linear noise, with the constant of the official code."""

    type: Literal["loglinear"]


class GeometricSection(PublishedSection):
    """Geometric noise."""

    type: Literal["geometric"]
    sigma_min: Positive
    """total noise at time 0"""
    sigma_max: Positive
    """total noise at time 1"""


NoiseSection = Annotated[LogLinearSection | GeometricSection, Field(discriminator="type")]


def schedule(section: LogLinearSection | GeometricSection) -> Noise:
    """The noise schedule of a section."""
    info = NOISES[section.type]
    assert info.published is not None, "the formats have published schedules only"
    return info.load()(
        **{
            key: getattr(section, key) if constant is None else constant
            for key, constant in info.published.items()
        }
    )


class ShapeSection(PublishedSection):
    """Size of the network: the section `model`."""

    hidden_size: Annotated[int, Field(ge=2, le=MAX_SIZE)]
    """width of the residual stream"""
    n_blocks: Size
    """number of transformer blocks"""
    n_heads: Size
    """number of attention heads"""
    length: Count = LENGTH
    """tokens of a text"""
    dropout: Dropout
    """dropout probability in training"""


def network_shapes(num_states: int, hidden: int, num_blocks: int, cond_dim: int | None) -> Shapes:
    """Names and shapes of the parameters of the published transformers, in their order.

    cond_dim: C. None: no noise input, hence no adaLN; the layer norms have a bias instead (RADD).
    """
    shapes: Shapes = {"vocab_embed.embedding": (num_states, hidden)}
    if cond_dim is not None:
        shapes |= {
            "sigma_map.mlp.0.weight": (cond_dim, NUM_FREQUENCIES),
            "sigma_map.mlp.0.bias": (cond_dim,),
            "sigma_map.mlp.2.weight": (cond_dim, cond_dim),
            "sigma_map.mlp.2.bias": (cond_dim,),
        }
    block = {
        **_norm("norm1", hidden, cond_dim),
        "attn_qkv.weight": (3 * hidden, hidden),
        "attn_out.weight": (hidden, hidden),
        **_norm("norm2", hidden, cond_dim),
        "mlp.0.weight": (4 * hidden, hidden),
        "mlp.0.bias": (4 * hidden,),
        "mlp.2.weight": (hidden, 4 * hidden),
        "mlp.2.bias": (hidden,),
        **_modulation(6 * hidden, cond_dim),
    }
    for index in range(num_blocks):
        shapes |= {f"blocks.{index}.{name}": shape for name, shape in block.items()}
    head = {
        **_norm("norm_final", hidden, cond_dim),
        "linear.weight": (num_states, hidden),
        "linear.bias": (num_states,),
        **_modulation(2 * hidden, cond_dim),
    }
    return shapes | {f"output_layer.{name}": shape for name, shape in head.items()}


def _norm(name: str, hidden: int, cond_dim: int | None) -> Shapes:
    bias: Shapes = {f"{name}.bias": (hidden,)} if cond_dim is None else {}
    return {f"{name}.weight": (hidden,), **bias}


def _modulation(outputs: int, cond_dim: int | None) -> Shapes:
    if cond_dim is None:
        return {}
    name = "adaLN_modulation"
    return {f"{name}.weight": (outputs, cond_dim), f"{name}.bias": (outputs,)}


def network_of(weights: Weights, **arguments: Any) -> DiffusionTransformer:
    """A network with these parameters. arguments: those of `DiffusionTransformer`."""
    # the initial weights are overwritten, and torch's global generator must not move
    network = DiffusionTransformer(**arguments, generator=torch.Generator())
    network.load_state_dict({**dict(network.named_buffers()), **weights})
    return network

"""SEDD (Lou, Meng and Ermon 2024): a score network, over an absorbing or a uniform graph."""

from __future__ import annotations

from typing import ClassVar, Literal

from sedd.checkpoints.formats.published import (
    NoiseSection,
    PublishedConfig,
    PublishedModel,
    PublishedSection,
    Shapes,
    ShapeSection,
    Size,
    VocabularySize,
    Weights,
    network_of,
    network_shapes,
    schedule,
)
from sedd.config.sections.model import ModelConfig
from sedd.diffusion import Graph
from sedd.objective import ScoreEntropy
from sedd.registry import GRAPHS


class GraphSection(PublishedSection):
    """Graph."""

    type: Literal["absorb", "uniform"]
    """absorb or uniform"""


class SEDDShape(ShapeSection):
    """Size of the network, and its scaling."""

    cond_dim: Size
    """width of the noise-level embedding"""
    scale_by_sigma: bool
    """whether log scores are scaled by the noise level"""


class SEDDConfig(PublishedConfig):
    """`config.json` or `.hydra/config.yaml` of a SEDD model."""

    family: ClassVar[str] = "SEDD"
    rules = tuple(rule.within("model") for rule in ModelConfig.rules)

    tokens: VocabularySize
    """number of tokens of the vocabulary, without the mask"""
    graph: GraphSection
    """the section with graph.type"""
    noise: NoiseSection
    """the section with noise.type"""
    model: SEDDShape
    """the section with the size of the network"""

    @property
    def num_blocks(self) -> int:
        return self.model.n_blocks

    def states(self) -> Graph:
        """The graph."""
        return GRAPHS[self.graph.type].load()(self.tokens)

    @property
    def text_length(self) -> int:
        return self.model.length

    def shapes(self) -> Shapes:
        size = self.model
        return network_shapes(
            self.states().num_states, size.hidden_size, size.n_blocks, size.cond_dim
        )

    def with_weights(self, weights: Weights) -> PublishedModel:
        size, graph = self.model, self.states()
        network = network_of(
            weights,
            vocab_size=self.tokens,
            absorb=graph.mask is not None,
            hidden_size=size.hidden_size,
            n_blocks=size.n_blocks,
            n_heads=size.n_heads,
            cond_dim=size.cond_dim,
            dropout=size.dropout,
            scale_by_sigma=size.scale_by_sigma,
        )
        return PublishedModel(network, ScoreEntropy(graph, schedule(self.noise)), self.text_length)

"""The network of Lou et al. 2024: a diffusion transformer from tokens and a noise level to log
scores. Without a noise level, and causal, the same trunk serves the other objectives.

B batch, L sequence length, V states (the vocabulary, plus the mask as last state if absorbing), H
hidden width, C width of the conditioning; sigma: total noise; log_score: (B, L, V), the logarithm
of the ratios p(y) / p(x). Names and shapes of the parameters are those of the published
checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sedd.model.block import NUM_MODULATIONS, Block
from sedd.model.cache import KeyValueCache
from sedd.model.dropout import draw_kept, kept_share
from sedd.model.embedding import NoiseEmbedding, TokenEmbedding
from sedd.model.head import Head
from sedd.model.modulation import modulations
from sedd.model.rotary import Rotary


class DiffusionTransformer(nn.Module):
    """`model(x, sigma) -> log_score`, zero at the current token of every position.

    vocab_size: tokens without the mask. scale_by_sigma: take log(e^sigma - 1) + log(V - 1) off
    every logit, which makes a new network right on average; None: as published, for the absorbing
    graph only. cond_dim: None for a network that is told no noise level. causal: a position sees itself and those before
    it. generator: of the weights, on the CPU; None: torch's global one, as for PyTorch's own layers.

    dropout_generators: one for each sequence of the batches that follow, from which their dropout is drawn in training, so
    that it depends on no batch mate; None: torch's global one.
    """

    dropout_generators: Sequence[torch.Generator] | None

    def __init__(
        self,
        vocab_size: int,
        absorb: bool,
        hidden_size: int,
        n_blocks: int,
        n_heads: int,
        cond_dim: int | None = 128,
        dropout: float = 0.1,
        scale_by_sigma: bool | None = None,
        causal: bool = False,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        if hidden_size % (2 * n_heads):
            raise ValueError(
                f"hidden_size {hidden_size} must be a multiple of twice n_heads, {2 * n_heads}"
            )
        self.num_states = vocab_size + absorb
        self.dropout = dropout
        self.dropout_generators = None
        self.scale_by_sigma = absorb if scale_by_sigma is None else scale_by_sigma
        self.vocab_embed = TokenEmbedding(self.num_states, hidden_size)
        self.sigma_map = None if cond_dim is None else NoiseEmbedding(cond_dim)
        self.rotary_emb = Rotary(hidden_size // n_heads)
        self.blocks = nn.ModuleList(
            Block(hidden_size, n_heads, cond_dim, dropout, causal) for _ in range(n_blocks)
        )
        self.output_layer = Head(hidden_size, self.num_states, cond_dim)
        self.draw_weights(generator)

    @property
    def constant_input_invariant(self) -> bool:
        """Attention over equal values is that value, and places enter by attention alone; but dropout tells places apart."""
        return not (self.training and self.dropout > 0)

    def draw_weights(self, generator: torch.Generator | None = None) -> None:
        """Make the network a new one: see `initial`."""
        self.vocab_embed.draw_weights(generator)
        if self.sigma_map is not None:
            self.sigma_map.draw_weights(generator)
        for block in self.blocks:
            assert isinstance(block, Block)
            block.draw_weights(generator)
        self.output_layer.clear_weights()

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """x: (B, L) states. sigma: (B,), (B, 1), or one value for all. Returns log_score (B, L, V),
        float32 at least.
        """
        logits = self.output_layer.linear(self.features(x, sigma)).unflatten(0, x.shape)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        if self.scale_by_sigma:
            logits = logits - self.log_score_offset(sigma).to(logits.dtype)[:, None, None]
        return logits.scatter(-1, x[..., None], 0.0)

    def features(
        self,
        x: Tensor,
        sigma: Tensor | None,
        rows: Tensor | None = None,
        caches: Sequence[KeyValueCache] | None = None,
    ) -> Tensor:
        """Inputs (n, H) of the vocabulary layer at flat positions `rows` (n,) of x; at all B * L if
        None.

        sigma: as in `forward`; not looked at by a network that is told no noise level. caches: see `new_caches`; x then
        holds the tokens that follow those in them.
        """
        condition = None
        if self.sigma_map is not None:
            assert sigma is not None, "this network is told the noise level"
            with torch.autocast(x.device.type, enabled=False):  # as in the official code
                condition = F.silu(self.sigma_map(sigma.reshape(-1)))
        if caches is None:
            hidden = self.trunk(x, condition, rows)
        else:
            assert rows is None, "what follows a cache is wanted whole"
            hidden = self._cached(x, condition, caches)
        return self.output_layer.features(
            hidden, condition, None if rows is None else rows // x.shape[1]
        )

    def new_caches(self, batch: int, length: int) -> list[KeyValueCache]:
        """Empty caches, one a block, for `batch` sequences of up to `length` tokens; for a causal network."""
        return [KeyValueCache(batch, length) for _ in self.blocks]

    def vocabulary_layer(self) -> tuple[Tensor, Tensor]:
        """Weight (V, H) and bias (V,) of the map from features to logits."""
        return self.output_layer.linear.weight, self.output_layer.linear.bias

    def log_score_offset(self, sigma: Tensor) -> Tensor:
        """What is taken off every logit of a sequence. sigma: as in `forward`. Returns (B,)."""
        sigma = sigma.reshape(-1)
        if not self.scale_by_sigma:
            return torch.zeros_like(sigma)
        # log expm1: e^sigma - 1 cancels for small sigma; for large, log(e^sigma - 1) = sigma +
        # log(1 - e^-sigma)
        return sigma + torch.log(-torch.expm1(-sigma)) + math.log(self.num_states - 1)

    def trunk(self, x: Tensor, condition: Tensor | None, rows: Tensor | None = None) -> Tensor:
        """Every block; the last one only as far as the flat positions `rows` (n,) ask for it, if given.

        x: (B, L) states; condition: (B, C), (1, C) or None. Returns (n, H), or without `rows` (B, L, H).
        """
        hidden = self.vocab_embed(x)
        rotary = self.rotary_emb.table(x.shape[1], hidden.dtype)
        kept = None
        if self.training and self.dropout > 0:
            batch, length, width = hidden.shape
            shape = batch, len(self.blocks), length, width
            kept = draw_kept(
                kept_share(self.dropout), shape, self.dropout_generators, hidden.device
            )
        return self._run_blocks(hidden, condition, *rotary, kept, rows)

    def _run_blocks(
        self,
        hidden: Tensor,
        condition: Tensor | None,
        cos: Tensor,
        sin: Tensor,
        kept: Tensor | None,
        rows: Tensor | None,
    ) -> Tensor:
        modulation = self._modulations(condition, hidden.shape[-1])
        for index, block in enumerate(self.blocks):
            left = None if kept is None else kept[:, index]
            wanted = rows if index == len(self.blocks) - 1 else None
            hidden = block(hidden, modulation[:, index].unbind(1), (cos, sin), left, rows=wanted)
        return hidden

    def _cached(
        self, x: Tensor, condition: Tensor | None, caches: Sequence[KeyValueCache]
    ) -> Tensor:
        """`trunk` of tokens that follow those in the caches; never compiled, for the lengths change."""
        new = caches[0].room(x.shape[0], x.shape[1])
        hidden = self.vocab_embed(x)
        cos, sin = self.rotary_emb.table(caches[0].length, hidden.dtype)
        rotary = cos[new], sin[new]
        modulation = self._modulations(condition, hidden.shape[-1])
        for index, block in enumerate(self.blocks):
            hidden = block(hidden, modulation[:, index].unbind(1), rotary, cache=caches[index])
        return hidden

    def _modulations(self, condition: Tensor | None, width: int) -> Tensor:
        """(B, n_blocks, 6, 1, H), or B = 1."""
        layers = [block.get_submodule("adaLN_modulation") for block in self.blocks]
        modulation = modulations(layers, condition)
        return modulation.view(-1, len(layers), NUM_MODULATIONS, 1, width)

    def compile_trunk(self) -> None:
        """Let torch.compile fuse the blocks; the vocabulary layer stays apart, so that the fused
        loss still applies.
        """
        self._run_blocks = torch.compile(self._run_blocks)

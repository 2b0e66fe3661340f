"""The network of Lou et al. 2024: a diffusion transformer from tokens and a noise level to log
scores.

Without noise input, and causal, the same trunk serves the other objectives. Names and shapes of the
parameters are those of the published checkpoints.

B batch, L sequence length, V states (the vocabulary, plus the mask as last state if absorbing).
H hidden width, C width of the conditioning. n: number of rows, flat positions of (B, L).
sigma: total noise. log_score: (B, L, V), log of the ratios p(y) / p(x).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from sedd.model.block import NUM_MODULATIONS, Block
from sedd.model.cache import KeyValueCache
from sedd.model.dropout import draw_kept, keep_probability
from sedd.model.embedding import NoiseEmbedding, TokenEmbedding
from sedd.model.head import Head
from sedd.model.modulation import modulations
from sedd.model.rotary import Rotary


class DiffusionTransformer(nn.Module):
    """`model(x, sigma) -> log_score`, zero at the current token of every position.

    vocab_size: number of tokens without the mask. absorb: whether there is one extra state.
    cond_dim: C; None: no noise input. causal: a position attends to itself and earlier ones.
    scale_by_sigma: subtract log(e^sigma - 1) + log(V - 1) from every logit, which makes a new
        network right on average; None: as published, for the absorbing graph only.
    generator: for the initial weights, on the CPU; None: torch's global generator.

    Attribute dropout_generators: one generator per sequence of the next batches, for the dropout of
    training, see `dropout`; None: torch's global generator.

    Raises ValueError if the head width is not an even number.
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
        """Whether identical tokens have the same features at every position.

        For identical tokens attention returns the shared value, so position has no effect. Dropout
        masks break this.
        """
        return not (self.training and self.dropout > 0)

    @property
    def sizes(self) -> dict[str, int | None]:
        """hidden_size, n_blocks, n_heads and cond_dim, as they were given."""
        hidden_size = self.output_layer.linear.in_features
        modulation = self.output_layer.adaLN_modulation
        return {
            "hidden_size": hidden_size,
            "n_blocks": len(self.blocks),
            "n_heads": hidden_size // (2 * len(self.rotary_emb.inv_freq)),
            "cond_dim": modulation.in_features if isinstance(modulation, nn.Linear) else None,
        }

    def draw_weights(self, generator: torch.Generator | None = None) -> None:
        """Initialize all weights, see `initial`."""
        self.vocab_embed.draw_weights(generator)
        if self.sigma_map is not None:
            self.sigma_map.draw_weights(generator)
        for block in self.blocks:
            assert isinstance(block, Block)
            block.draw_weights(generator)
        self.output_layer.clear_weights()

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """log_score (B, L, V), float32 or wider.

        x: (B, L) states. sigma: (B,), (B, 1), or one value for all sequences.
        """
        logits = self.output_layer.linear(self.features(x, sigma))
        logits = rearrange(logits, "(b l) v -> b l v", b=x.shape[0], l=x.shape[1])
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        if self.scale_by_sigma:
            offset = self.log_score_offset(sigma).to(logits.dtype)
            logits = logits - rearrange(offset, "b -> b 1 1")
        return logits.scatter(-1, x[..., None], 0.0)

    def features(
        self,
        x: Tensor,
        sigma: Tensor | None,
        rows: Tensor | None = None,
        caches: Sequence[KeyValueCache] | None = None,
    ) -> Tensor:
        """Inputs (n, H) of the vocabulary layer at flat positions `rows` (n,) of x; None: at all B
        * L.

        sigma: as in `forward`; ignored by a network without noise input.
        caches: from `new_caches`; x then holds the tokens after the cached ones, and `rows` is
            None.
        """
        condition = None
        if self.sigma_map is not None:
            assert sigma is not None, "this network needs the noise level"
            with torch.autocast(x.device.type, enabled=False):  # as in the official code
                condition = F.silu(self.sigma_map(sigma.reshape(-1)))
        if caches is None:
            hidden = self.trunk(x, condition, rows)
        else:
            assert rows is None, "caches return the features of all new tokens"
            hidden = self._cached(x, condition, caches)
        return self.output_layer.features(
            hidden, condition, None if rows is None else rows // x.shape[1]
        )

    def new_caches(self, batch: int, length: int) -> list[KeyValueCache]:
        """Empty caches, one per block, for `batch` sequences of up to `length` tokens.

        For a causal network.
        """
        return [KeyValueCache(batch, length) for _ in self.blocks]

    def vocabulary_layer(self) -> tuple[Tensor, Tensor]:
        """Weight (V, H) and bias (V,) of the linear map from features to logits."""
        return self.output_layer.linear.weight, self.output_layer.linear.bias

    def log_score_offset(self, sigma: Tensor) -> Tensor:
        """Offset (B,) subtracted from every logit of a sequence. sigma: as in `forward`."""
        sigma = sigma.reshape(-1)
        if not self.scale_by_sigma:
            return torch.zeros_like(sigma)
        # log(e^sigma - 1) = sigma + log(1 - e^-sigma): no overflow for large sigma; expm1: no
        # cancellation for small sigma
        return sigma + torch.log(-torch.expm1(-sigma)) + math.log(self.num_states - 1)

    def trunk(self, x: Tensor, condition: Tensor | None, rows: Tensor | None = None) -> Tensor:
        """Hidden states after all blocks: (n, H) at flat positions `rows` (n,); None: (B, L, H).

        x: (B, L) states. condition: (B, C), (1, C) or None.
        """
        hidden = self.vocab_embed(x)
        rotary = self.rotary_emb.table(x.shape[1], hidden.dtype)
        kept = None
        if self.training and self.dropout > 0:
            batch, length, width = hidden.shape
            shape = batch, len(self.blocks), length, width
            kept = draw_kept(
                keep_probability(self.dropout), shape, self.dropout_generators, hidden.device
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
            block_kept = None if kept is None else kept[:, index]
            block_rows = rows if index == len(self.blocks) - 1 else None
            hidden = block(
                hidden, modulation[index].unbind(), (cos, sin), block_kept, rows=block_rows
            )
        return hidden

    def _cached(
        self, x: Tensor, condition: Tensor | None, caches: Sequence[KeyValueCache]
    ) -> Tensor:
        """`trunk` for the tokens after the cached ones. Never compiled, because the lengths change."""
        new = caches[0].next_positions(x.shape[0], x.shape[1])
        hidden = self.vocab_embed(x)
        cos, sin = self.rotary_emb.table(caches[0].length, hidden.dtype)
        rotary = cos[new], sin[new]
        modulation = self._modulations(condition, hidden.shape[-1])
        for index, block in enumerate(self.blocks):
            hidden = block(hidden, modulation[index].unbind(), rotary, cache=caches[index])
        return hidden

    def _modulations(self, condition: Tensor | None, width: int) -> Tensor:
        """Modulations of all blocks: (n_blocks, 6, B, 1, H), or B = 1."""
        layers = [block.get_submodule("adaLN_modulation") for block in self.blocks]
        return rearrange(
            modulations(layers, condition),
            "b (block m h) -> block m b 1 h",
            m=NUM_MODULATIONS,
            h=width,
        )

    def compile_trunk(self) -> None:
        """Compile the blocks. The vocabulary layer stays outside, so the fused loss still applies."""
        self._run_blocks = torch.compile(self._run_blocks)

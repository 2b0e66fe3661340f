"""One transformer block, conditioned on the noise by adaptive layer norm (Peebles and Xie 2023).

B batch, L sequence length, H hidden width, C width of the conditioning, h heads, D head width.
n: number of rows; a row is one position of the flattened (B, L).
A modulation is (B, 1, H), or (1, 1, H) if all sequences share one noise level, or if there is none.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from sedd.model.attention import attend
from sedd.model.cache import KeyValueCache
from sedd.model.dropout import keep_probability
from sedd.model.initial import clear_, draw_linear_, linear
from sedd.model.modulation import modulation_layer
from sedd.model.rotary import rotate, rotate_

NUM_MODULATIONS = 6  # shift, scale, gate of the attention, then of the MLP


class LayerNorm(nn.Module):
    """The weight (width,) of a layer norm without bias. See `modulated_norm`."""

    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))


def modulated_norm(x: Tensor, norm: LayerNorm, shift: Tensor, scale: Tensor) -> Tensor:
    """norm(x) * weight * (1 + scale) + shift, in the dtype of x (float32 under autocast)."""
    shift, scale = shift.to(x.dtype), norm.weight * (1 + scale.to(x.dtype))
    if shift.numel() == x.shape[-1]:  # the same for all sequences: one kernel
        return F.layer_norm(x, x.shape[-1:], scale.flatten(), shift.flatten())
    return torch.addcmul(shift, F.layer_norm(x, x.shape[-1:]), scale)


def modulation_of_rows(modulation: Tensor, sequence: Tensor) -> Tensor:
    """Modulation of each row: (n, H), or (1, H) if all sequences share one.

    modulation: (B, 1, H) or (1, 1, H). sequence: (n,) index of each row's sequence.
    """
    modulation = rearrange(modulation, "b 1 h -> b h")
    return modulation if len(modulation) == 1 else modulation.index_select(0, sequence)


class Block(nn.Module):
    """Attention and MLP, each with a modulated norm, a gate and dropout.

    cond_dim: C; None: no noise input. causal: a position attends to itself and earlier ones.
    """

    def __init__(
        self,
        hidden_size: int,
        n_heads: int,
        cond_dim: int | None,
        dropout: float,
        causal: bool = False,
    ):
        super().__init__()
        self.n_heads = n_heads
        self.dropout = dropout
        self.causal = causal
        self.norm1 = LayerNorm(hidden_size)
        self.attn_qkv = linear(hidden_size, 3 * hidden_size, bias=False)
        self.attn_out = linear(hidden_size, hidden_size, bias=False)
        self.norm2 = LayerNorm(hidden_size)
        self.mlp = nn.Sequential(
            linear(hidden_size, 4 * hidden_size),
            nn.GELU(approximate="tanh"),
            linear(4 * hidden_size, hidden_size),
        )
        self.adaLN_modulation = modulation_layer(cond_dim, NUM_MODULATIONS * hidden_size)

    def draw_weights(self, generator: torch.Generator | None) -> None:
        """Initialize the weights, see `initial`."""
        for layer in (self.attn_qkv, self.attn_out, self.mlp[0], self.mlp[2]):
            assert isinstance(layer, nn.Linear)
            draw_linear_(layer, generator)
        clear_(self.adaLN_modulation)

    def forward(
        self,
        x: Tensor,
        modulation: Sequence[Tensor],
        rotary: tuple[Tensor, Tensor],
        kept: Tensor | None = None,
        cache: KeyValueCache | None = None,
        rows: Tensor | None = None,
    ) -> Tensor:
        """The residual stream after the block: (B, L, H), or (n, H) with `rows`.

        x: (B, L, H) residual stream.
        modulation: six modulations, in the order of `NUM_MODULATIONS`.
        rotary: cosines and sines (L, 1, 1, D) of `Rotary.table`.
        kept: (B, 2, L, H) dropout masks of both branches; None: no dropout.
        cache: of a causal block, holds the positions before x; those of x are appended.
        rows: (n,) flat positions of x to return, in the last block; None: all.
        """
        shift1, scale1, gate1, shift2, scale2, gate2 = modulation
        mixed = self._mix(
            self.attn_qkv(modulated_norm(x, self.norm1, shift1, scale1)), rotary, cache
        )
        if rows is not None:
            sequence = rows // x.shape[1]
            if kept is not None:
                kept = kept[sequence, :, rows % x.shape[1]]  # (n, 2, H)
            x, mixed = (
                rearrange(part, "b l h -> (b l) h").index_select(0, rows) for part in (x, mixed)
            )
            gate1, shift2, scale2, gate2 = (
                modulation_of_rows(part, sequence) for part in (gate1, shift2, scale2, gate2)
            )
        kept1, kept2 = (None, None) if kept is None else kept.unbind(1)
        x = self._add(x, gate1, self.attn_out(mixed), kept1)
        branch = self.mlp(modulated_norm(x, self.norm2, shift2, scale2))
        return self._add(x, gate2, branch, kept2)

    def _mix(
        self, qkv: Tensor, rotary: tuple[Tensor, Tensor], cache: KeyValueCache | None
    ) -> Tensor:
        """Attention between positions: (B, L, H). qkv: (B, L, 3 H)."""
        qkv = rearrange(qkv, "b l (three h d) -> b l three h d", three=3, h=self.n_heads)
        cos, sin = (table.to(qkv.dtype) for table in rotary)
        turn = rotate if qkv.requires_grad else rotate_
        # split, not slices: its gradient is written once; each slice would fill a table with zeros
        qk, v = qkv.split((2, 1), dim=2)
        q, k = turn(qk, cos, sin).unbind(2)
        v = v.squeeze(2)
        if cache is not None:
            k, v = cache.extend(k, v)
        return attend(q, k, v, self.causal)

    def _add(self, x: Tensor, gate: Tensor, branch: Tensor, kept: Tensor | None) -> Tensor:
        """x + gate * branch, with dropout of the branch."""
        gate, branch = gate.to(x.dtype), branch.to(x.dtype)
        if kept is not None:
            gate, branch = gate / keep_probability(self.dropout), branch * kept
        return torch.addcmul(x, gate, branch)

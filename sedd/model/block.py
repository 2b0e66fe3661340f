"""One transformer block, conditioned on the noise by adaptive layer norm (Peebles and Xie 2023).

B batch, L sequence length, H hidden width, C width of the conditioning. A modulation is (B, 1, H),
or (1, 1, H) if all sequences share one noise level, or if there is none.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sedd.model.attention import attend
from sedd.model.cache import KeyValueCache
from sedd.model.dropout import kept_share
from sedd.model.initial import clear_, draw_linear_, linear
from sedd.model.modulation import modulation_layer
from sedd.model.rotary import rotate, rotate_

NUM_MODULATIONS = 6  # shift, scale, gate of the attention, then of the MLP


class LayerNorm(nn.Module):
    """Layer norm with a weight and no bias."""

    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))


def modulated_norm(x: Tensor, norm: LayerNorm, shift: Tensor, scale: Tensor) -> Tensor:
    """norm(x) * weight * (1 + scale) + shift, in the precision of the residual stream `x` (float32
    under autocast).
    """
    shift, scale = shift.to(x.dtype), norm.weight * (1 + scale.to(x.dtype))
    if shift.numel() == x.shape[-1]:  # the same for all: one kernel
        return F.layer_norm(x, x.shape[-1:], scale.flatten(), shift.flatten())
    return torch.addcmul(shift, F.layer_norm(x, x.shape[-1:]), scale)


def of_sequences(modulation: Tensor, sequence: Tensor) -> Tensor:
    """Rows of a modulation (B, 1, H) for rows of the sequences `sequence` (n,): (n, H), or (1, H) for all alike."""
    modulation = modulation.squeeze(1)
    return modulation if len(modulation) == 1 else modulation.index_select(0, sequence)


class Block(nn.Module):
    """cond_dim None: told no noise level. causal: a position sees itself and those before it."""

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
        """x: (B, L, H) residual stream. kept: (B, 2, L, H) what dropout leaves of each branch; None: all.

        cache: of a causal block, the positions before x, to which those of x are added.
        rows: (n,) flat positions of x at which the result is wanted, all that is to be known of the last block.
        Returns (n, H), or without `rows` the same shape as x.
        """
        shift1, scale1, gate1, shift2, scale2, gate2 = modulation
        mixed = self._mix(
            self.attn_qkv(modulated_norm(x, self.norm1, shift1, scale1)), rotary, cache
        )
        if rows is not None:
            sequence = rows // x.shape[1]
            if kept is not None:
                kept = kept[sequence, :, rows % x.shape[1]]  # (n, 2, H)
            x, mixed = (part.flatten(0, 1).index_select(0, rows) for part in (x, mixed))
            gate1, shift2, scale2, gate2 = (
                of_sequences(part, sequence) for part in (gate1, shift2, scale2, gate2)
            )
        kept1, kept2 = (None, None) if kept is None else kept.unbind(1)
        x = self._add(x, gate1, self.attn_out(mixed), kept1)
        branch = self.mlp(modulated_norm(x, self.norm2, shift2, scale2))
        return self._add(x, gate2, branch, kept2)

    def _mix(
        self, qkv: Tensor, rotary: tuple[Tensor, Tensor], cache: KeyValueCache | None
    ) -> Tensor:
        """Every position by what it attends to: (B, L, H). qkv: (B, L, 3 H)."""
        qkv = qkv.unflatten(-1, (3, self.n_heads, -1))  # (B, L, 3, h, D)
        cos, sin = (table[:, None].to(qkv.dtype) for table in rotary)
        turn = rotate if qkv.requires_grad else rotate_
        # the gradient of a split is written once; that of slices would be filled with zeros first, one table for each
        qk, v = qkv.split((2, 1), dim=2)
        q, k = turn(qk, cos, sin).unbind(2)
        v = v.squeeze(2)
        if cache is not None:
            k, v = cache.extend(k, v)
        return attend(q, k, v, self.causal)

    def _add(self, x: Tensor, gate: Tensor, branch: Tensor, kept: Tensor | None) -> Tensor:
        gate, branch = gate.to(x.dtype), branch.to(x.dtype)
        if kept is not None:
            gate, branch = gate / kept_share(self.dropout), branch * kept
        return torch.addcmul(x, gate, branch)

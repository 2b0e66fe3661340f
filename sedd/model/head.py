"""The output layer: adaptive layer norm, then a linear map to one logit per state.

B batch, L sequence length, H hidden width, C width of the conditioning, V states. n: number of
rows.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

from sedd.model.block import LayerNorm, modulated_norm, modulation_of_rows
from sedd.model.initial import clear_, draw_uniform_, linear
from sedd.model.modulation import modulation_layer, modulations


class Head(nn.Module):
    """Norm and linear map, apart, so that the map can be applied to some rows or in chunks."""

    def __init__(self, hidden_size: int, num_states: int, cond_dim: int | None):
        super().__init__()
        self.norm_final = LayerNorm(hidden_size)
        self.linear = linear(hidden_size, num_states)
        self.adaLN_modulation = modulation_layer(cond_dim, 2 * hidden_size)

    def clear_weights(self) -> None:
        """Set all weights to zero, see `initial`."""
        for layer in (self.linear, self.adaLN_modulation):
            clear_(layer)

    def draw_weights(self, generator: torch.Generator | None) -> None:
        """Draw the weights of the linear map, see `initial`; its bias stays."""
        draw_uniform_(self.linear.weight, self.linear.in_features, generator)

    def features(self, hidden: Tensor, condition: Tensor | None, sequence: Tensor | None) -> Tensor:
        """Inputs (n, H) of the linear map, from hidden states (n, H).

        sequence: (n,) index of each row's sequence; None: `hidden` is (B, L, H), and n = B * L.
        condition: (B, C), or (1, C) if all sequences share one noise level, or None.
        """
        modulation = modulations([self.adaLN_modulation], condition).to(hidden.dtype)
        shift, scale = rearrange(modulation, "b (two h) -> two b 1 h", two=2)
        if sequence is None:
            normed = modulated_norm(hidden, self.norm_final, shift, scale)
            return rearrange(normed, "b l h -> (b l) h")
        shift, scale = modulation_of_rows(shift, sequence), modulation_of_rows(scale, sequence)
        return modulated_norm(hidden, self.norm_final, shift, scale)

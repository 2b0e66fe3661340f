"""The last layer: adaptive layer norm, then a linear map to one logit a state.

B batch, L sequence length, H hidden width, C width of the conditioning, V states.
"""

from __future__ import annotations

from torch import Tensor, nn

from sedd.model.block import LayerNorm, modulated_norm, of_sequences
from sedd.model.initial import clear_, linear
from sedd.model.modulation import modulation_layer, modulations


class Head(nn.Module):
    """The norm and the linear map stand apart, so that the map can be applied to some rows or in
    pieces.
    """

    def __init__(self, hidden_size: int, num_states: int, cond_dim: int | None):
        super().__init__()
        self.norm_final = LayerNorm(hidden_size)
        self.linear = linear(hidden_size, num_states)
        self.adaLN_modulation = modulation_layer(cond_dim, 2 * hidden_size)

    def clear_weights(self) -> None:
        for layer in (self.linear, self.adaLN_modulation):
            clear_(layer)

    def features(self, hidden: Tensor, condition: Tensor | None, sequence: Tensor | None) -> Tensor:
        """Inputs (n, H) of the linear map, of hidden states (n, H).

        sequence: (n,) which sequence each state is of; None: `hidden` is (B, L, H), and n = B * L.
        condition: (B, C), or (1, C) if all sequences share one noise level; None: there is none.
        """
        modulation = modulations([self.adaLN_modulation], condition).to(hidden.dtype)[:, None]
        shift, scale = modulation.chunk(2, dim=-1)  # (B, 1, H)
        if sequence is None:
            return modulated_norm(hidden, self.norm_final, shift, scale).flatten(0, 1)
        shift, scale = of_sequences(shift, sequence), of_sequences(scale, sequence)
        return modulated_norm(hidden, self.norm_final, shift, scale)

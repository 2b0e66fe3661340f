"""The last layer: adaptive layer norm, then a linear map to one logit a state.

B batch, L sequence length, H hidden width, C width of the conditioning, V states.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sedd.model.block import LayerNorm
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

    def features(self, hidden: Tensor, condition: Tensor | None, rows: Tensor | None) -> Tensor:
        """Inputs (n, H) of the linear map at flat positions `rows` (n,) of `hidden` (B, L, H); all
        B * L if None.

        condition: (B, C), or (1, C) if all sequences share one noise level; None: there is none.
        """
        batch, length, width = hidden.shape
        modulation = modulations([self.adaLN_modulation], condition).to(hidden.dtype)
        shift, scale = modulation.chunk(2, dim=-1)  # (B, H)
        scale = self.norm_final.weight * (1 + scale)
        if rows is None:
            normed = F.layer_norm(hidden, (width,))
            return torch.addcmul(shift[:, None], normed, scale[:, None]).flatten(0, 1)
        normed = F.layer_norm(hidden.flatten(0, 1)[rows], (width,))
        if shift.shape[0] == 1 < batch:
            return torch.addcmul(shift, normed, scale)
        sequence = rows // length
        return torch.addcmul(shift[sequence], normed, scale[sequence])

"""Rotary position embedding (Su et al. 2021), half-split form, base 10,000.

B batch, L sequence length, h heads, D head width (even). The published files hold only `inv_freq`
(D / 2,), so a network has no maximum length: the table of angles is computed for each new length.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn


class Rotary(nn.Module):
    """Rotates each pair (i, i + D/2) of a query or key at position l by the angle l * inv_freq[i]."""

    inv_freq: Tensor

    def __init__(self, head_width: int, base: float = 10_000.0):
        super().__init__()
        exponent = torch.arange(0, head_width, 2, dtype=torch.float32) / head_width
        self.register_buffer("inv_freq", base**-exponent)
        self._key: tuple[object, ...] = ()
        self._table = (self.inv_freq, self.inv_freq)
        self.register_load_state_dict_post_hook(lambda module, _: module._forget())

    def table(self, length: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Cosines and sines of all angles: (L, 1, 1, D) each, in `dtype`.

        Both halves of the last dimension hold the same angles; the first half of the sines is
        negative. The last table is kept.
        """
        key = (length, dtype, self.inv_freq.device, self.inv_freq.dtype)
        if key != self._key:
            # a table made under inference_mode could not be used in training afterwards
            with torch.inference_mode(False), torch.no_grad():
                position = torch.arange(
                    length, dtype=self.inv_freq.dtype, device=self.inv_freq.device
                )
                angle = torch.outer(position, self.inv_freq.clone())
                cos, sin = angle.cos(), angle.sin()
                self._table = (
                    rearrange([cos, cos], "two l d -> l 1 1 (two d)").to(dtype),
                    rearrange([-sin, sin], "two l d -> l 1 1 (two d)").to(dtype),
                )
            self._key = key
        return self._table

    def _forget(self) -> None:
        self._key = ()


def rotate(qk: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate queries and keys (B, L, 2, h, D) by the angles of `Rotary.table`."""
    return torch.addcmul(qk * cos, _swap_halves(qk), sin)


def rotate_(qk: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """`rotate` in place, without gradients: on a CPU, new memory costs more than the arithmetic."""
    swapped = _swap_halves(qk)
    return qk.mul_(cos).addcmul_(swapped, sin)


def _swap_halves(qk: Tensor) -> Tensor:
    """Swap the halves of the last dimension."""
    return qk.roll(qk.shape[-1] // 2, dims=-1)

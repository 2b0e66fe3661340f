"""Rotary position embedding (Su et al. 2021), half-split form, base 10,000.

B batch, L sequence length, h heads, D head width (even). The published files hold `inv_freq` (D /
2,) only, so a network has no longest sequence: the table of angles grows with the longest one seen.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Rotary(nn.Module):
    """Turns each pair (i, i + D/2) of a query or key at position l by the angle l * inv_freq[i]."""

    inv_freq: Tensor

    def __init__(self, head_width: int, base: float = 10_000.0):
        super().__init__()
        exponent = torch.arange(0, head_width, 2, dtype=torch.float32) / head_width
        self.register_buffer("inv_freq", base**-exponent)
        self._key: tuple[object, ...] = ()
        self._table = (self.inv_freq, self.inv_freq)
        self.register_load_state_dict_post_hook(lambda module, _: module._forget())

    def table(self, length: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Cosine of every angle, twice, and its sine, first negative, each (L, 1, D) in `dtype`; kept
        until asked for others.
        """
        key = (length, dtype, self.inv_freq.device, self.inv_freq.dtype)
        if key != self._key:
            # a table made under inference_mode could not be used in training afterwards
            with torch.inference_mode(False), torch.no_grad():
                position = torch.arange(
                    length, dtype=self.inv_freq.dtype, device=self.inv_freq.device
                )
                angle = torch.outer(position, self.inv_freq.clone())[:, None, :]
                cos, sin = angle.cos(), angle.sin()
                self._table = (
                    torch.cat((cos, cos), dim=-1).to(dtype),
                    torch.cat((-sin, sin), dim=-1).to(dtype),
                )
            self._key = key
        return self._table

    def _forget(self) -> None:
        self._key = ()


def rotate(qk: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn (..., L, h, D) by the angles of `Rotary.table`."""
    return torch.addcmul(qk * cos, _swapped(qk), sin)


def rotate_(qk: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """The same in place, where no gradient is wanted: fresh memory costs a CPU more than the arithmetic."""
    turned = _swapped(qk)
    return qk.mul_(cos).addcmul_(turned, sin)


def _swapped(qk: Tensor) -> Tensor:
    """The halves of the last dimension in each other's place."""
    return qk.roll(qk.shape[-1] // 2, dims=-1)

"""Attention of every position to every position: flash-attn where it is installed and usable,
PyTorch's own otherwise.

B batch, L sequence length, h heads, D head width.
"""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

_HALF = (torch.float16, torch.bfloat16)


@functools.cache
def _flash_attention() -> Callable[..., Tensor] | None:
    """The function of flash-attn, or None with one warning; asked for on a GPU in half precision
    only.
    """
    try:
        return importlib.import_module("flash_attn").flash_attn_func
    except ImportError as error:
        logging.getLogger(__name__).warning(
            "flash-attn cannot be used (%s): attention runs through scaled_dot_product_attention, "
            "a few per cent slower. To install it: pip install 'sedd[gpu]'",
            error,
        )
        return None


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Softmax attention without a mask. q, k, v: (B, L, h, D). Returns (B, L, h * D)."""
    if q.is_cuda and q.dtype in _HALF and (flash := _flash_attention()) is not None:
        return flash(q, k, v).flatten(2)
    out = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
    return out.transpose(1, 2).flatten(2)

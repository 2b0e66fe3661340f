"""Softmax attention, full or causal: by flash-attn if it can be used, else by PyTorch.

B batch, L sequence length, n queries, h heads, D head width.
"""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

_HALF = (torch.float16, torch.bfloat16)


@functools.cache
def _flash_attention() -> Callable[..., Tensor] | None:
    """The function of flash-attn, or None with one warning. Called on a GPU in half precision only."""
    try:
        return importlib.import_module("flash_attn").flash_attn_func
    except ImportError as error:
        logging.getLogger(__name__).warning(
            "flash-attn cannot be used (%s): attention runs through scaled_dot_product_attention, "
            "a few per cent slower. To install it: pip install 'sedd[gpu]'",
            error,
        )
        return None


def attend(q: Tensor, k: Tensor, v: Tensor, causal: bool = False) -> Tensor:
    """Softmax attention of q (B, n, h, D) to k, v (B, L, h, D); returns (B, n, h * D).

    causal: each position attends to itself and earlier ones. Then n = L, or n = 1 if q holds the
        last position only.
    """
    causal = causal and q.shape[1] > 1
    assert not causal or q.shape[1] == k.shape[1], "several queries after cached keys need a mask"
    if q.is_cuda and q.dtype in _HALF and (flash := _flash_attention()) is not None:
        return rearrange(flash(q, k, v, causal=causal), "b n h d -> b n (h d)")
    q, k, v = (part.transpose(1, 2) for part in (q, k, v))  # (B, h, L, D)
    out = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    return rearrange(out, "b h n d -> b n (h d)")

"""Statistics of the law of the clean token, in one pass over the vocabulary, without a table (n, V).

With the logits z of a row in base 2, their maximum m, S = sum 2^(z - m) and
T = sum (z - m) 2^(z - m), the largest probability is 1 / S and the entropy log S - (log 2) T / S.
Each chunk of the vocabulary has its own m, S and T, which are then combined.

n rows: masked positions. H features, V vocabulary, c chunks.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sedd.diffusion.certainty import Certainty
from sedd.diffusion.fast.precision import LOG2_E, accumulation_dtype, compute_dtype, product_into
from sedd.diffusion.fast.vocabulary_sum import vocabulary_chunks

BLOCK = 32  # logits in a block of `top_two`


@torch.no_grad()
def certainty_of_rows(features: Tensor, weight: Tensor, bias: Tensor, vocab_size: int) -> Certainty:
    """`certainty` of the logits features @ weight.T + bias of the first `vocab_size` states: float64.

    features: (n, H). weight: (V, H) or (V + 1, H). bias: (V,) or (V + 1,). Logits are finite.
    """
    compute = compute_dtype(features, weight)
    wide = accumulation_dtype(compute)
    h = features.to(compute)
    chunks = list(vocabulary_chunks(h.shape[0], vocab_size, h.device))
    top = h.new_empty((len(chunks), h.shape[0], 2), dtype=wide)
    mass, moment = h.new_empty((2, len(chunks), h.shape[0]), dtype=wide)  # S, T
    scratch = h.new_empty((2, h.shape[0] * chunks[0].stop), dtype=wide)
    with torch.autocast(h.device.type, enabled=False):
        for index, chunk in enumerate(chunks):
            w = weight[chunk].to(compute)
            z, power = scratch[:, : h.shape[0] * w.shape[0]].view(2, -1, w.shape[0])
            product_into(z, h, w.t(), add=bias[chunk].to(wide)).mul_(LOG2_E)
            top[index] = top_two(z)
            z -= top[index, :, :1]
            torch.exp2(z, out=power)
            torch.sum(power, 1, out=mass[index])
            torch.sum(z.mul_(power), 1, out=moment[index])
    two = top.double().transpose(0, 1).flatten(1).topk(2, dim=1).values  # (n, 2)
    below = top[..., 0].double() - two[:, 0]  # (c, n), at most 0
    scale = below.exp2()
    total = (mass * scale).sum(0)
    mean = ((moment + mass * below) * scale).sum(0) / total
    return Certainty(
        maximum=1 / total,
        second=(two[:, 1] - two[:, 0]).exp2() / total,
        entropy=(total.log() - math.log(2) * mean).clamp(min=0),
    )


def top_two(logits: Tensor) -> Tensor:
    """The two largest of each row (n, V), in order: (n, 2).

    They are in the two blocks with the largest maxima, which PyTorch finds ten times as fast on a
    CPU as `topk` of the row.
    """
    whole = logits.shape[1] // BLOCK * BLOCK
    if whole < 4 * BLOCK:
        return logits.topk(2, dim=1).values
    blocks = logits[:, :whole].unflatten(1, (-1, BLOCK))
    best = blocks.amax(-1).topk(2, dim=1).indices
    inside = blocks.gather(1, best[..., None].expand(-1, -1, BLOCK)).flatten(1)
    return torch.cat([inside, logits[:, whole:]], dim=1).topk(2, dim=1).values

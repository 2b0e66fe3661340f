"""Score entropy with the sum over the vocabulary estimated from K drawn tokens.

For training with a large vocabulary. The score entropy of a masked position is a plain sum over the
vocabulary, without the normalizer of a softmax. So K tokens drawn from any positive proposal
distribution q, shared by all rows, give an unbiased estimate:

    sum_{y != x0} s_y  ~  (1 / K) sum_k [y_k != x0] s_{y_k} / q_{y_k}

The term of the true token x0 is computed exactly. The value and the gradient are unbiased; the cost
falls by V / K.
differs from the official code, which always sums over the whole vocabulary: on a CPU this sum takes
nearly all of the time.

B batch, L sequence length, V vocabulary, n masked positions, H features. sigma: total noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sedd.diffusion.absorb import Absorb
from sedd.diffusion.fast.precision import accumulation_dtype
from sedd.diffusion.fast.rows import loss_positions
from sedd.diffusion.network import SplitNetwork


@dataclass(frozen=True)
class VocabularyDraw:
    """K drawn tokens. tokens: (K,). log_weight: (K,) importance weights, -log(K q)."""

    tokens: Tensor
    log_weight: Tensor

    @classmethod
    def draw(cls, law: Tensor, count: int, generator: torch.Generator) -> VocabularyDraw:
        """Draw `count` tokens, with replacement, from q = `law` (V,), positive with sum 1."""
        tokens = torch.multinomial(law, count, replacement=True, generator=generator)
        return cls(tokens, -torch.log(count * law[tokens]))

    def to(self, device: torch.device) -> VocabularyDraw:
        return VocabularyDraw(self.tokens.to(device), self.log_weight.to(device))


def sampled_score_entropy(
    network: SplitNetwork,
    graph: Absorb,
    sigma: Tensor,
    weight: Tensor,
    xt: Tensor,
    x0: Tensor,
    drawn: VocabularyDraw,
) -> Tensor:
    """Estimate of `loss.weighted_score_entropy`: (B,) nats, float32 or wider.

    sigma, weight: (B,). xt, x0: (B, L) noisy and clean tokens.
    """
    batch, length = xt.shape
    rows = loss_positions(graph, xt)
    assert rows is not None, "an absorbing graph has a mask"
    features = network.features(xt, sigma, rows)
    sequence, target = rows // length, x0.flatten()[rows]
    offset = network.log_score_offset(sigma)[sequence]
    table, bias = network.vocabulary_layer()

    logits = F.linear(features, table[drawn.tokens], bias[drawn.tokens])  # (n, K)
    wide = accumulation_dtype(logits.dtype)
    is_target = drawn.tokens == target[:, None]
    # the weights are added here, not to the bias: the product may round to bfloat16
    logits = logits.to(wide) + drawn.log_weight.to(wide) - offset[:, None].to(wide)
    others = logits.exp().masked_fill(is_target, 0.0).sum(-1)

    # r (e^u - 1 - u) with u = log s - log r at the true token: see Absorb.score_entropy
    log_ratio = -torch.log(torch.expm1(sigma.double()))[sequence]
    log_score = (features * table[target]).sum(-1).to(wide) + bias[target] - offset
    u = (log_score - log_ratio).to(wide)
    entropy = others + log_ratio.exp().to(wide) * (torch.expm1(u) - u)
    return entropy.new_zeros(batch).index_add(0, sequence, weight.to(wide)[sequence] * entropy)

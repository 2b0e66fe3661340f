"""Score entropy with the sum over the vocabulary estimated from drawn tokens.

For training with a large vocabulary. The score entropy of a masked position is a plain sum over the
vocabulary, without the normalizer of a softmax. So its terms for a set E of tokens, and K tokens drawn
from any positive proposal distribution q on the others, give an unbiased estimate:

    sum_y s_y  ~  sum_{y in E} s_y  +  (1 / K) sum_k s_{y_k} / q_{y_k}

All rows share E and the drawn tokens. E holds the batch's own tokens: a text repeats its words, so
these have the largest scores, and their terms would vary most. The term of a row's true token x0 is
left out of the sum and computed exactly. The value and the gradient are unbiased for any batch; the
cost falls by V / (|E| + K).
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
    """n terms of the sum. tokens: (n,). log_weight: (n,) log importance weights, 0 for exact terms and
    -log(K q) for drawn ones.
    """

    tokens: Tensor
    log_weight: Tensor

    @classmethod
    def draw(
        cls, law: Tensor, count: int, exact: Tensor, generator: torch.Generator
    ) -> VocabularyDraw:
        """All tokens of `exact` (any shape), and `count` draws, with replacement, of other tokens.

        law: (V,), positive; the others are drawn in proportion to it.
        """
        exact = exact.unique()
        law = law.index_fill(0, exact, 0.0)
        others = law.sum()
        if others == 0:  # E is the whole vocabulary
            return cls(exact, law.new_zeros(len(exact)))
        drawn = torch.multinomial(law, count, replacement=True, generator=generator)
        log_weight = torch.log(others / (count * law[drawn]))
        return cls(torch.cat([exact, drawn]), torch.cat([law.new_zeros(len(exact)), log_weight]))

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
    # one gather: the gradient of each would be a table of V rows
    chosen = torch.cat([drawn.tokens, target])
    parts = len(drawn.tokens), len(target)
    (table, table_of_target), (bias, bias_of_target) = (
        layer[chosen].split(parts) for layer in (table, bias)
    )

    logits = F.linear(features, table, bias)  # (rows, terms)
    wide = accumulation_dtype(logits.dtype)
    is_target = drawn.tokens == target[:, None]
    # the weights are added here, not to the bias: the product may round to bfloat16
    logits = logits.to(wide) + drawn.log_weight.to(wide) - offset[:, None].to(wide)
    others = logits.exp().masked_fill(is_target, 0.0).sum(-1)

    # r (e^u - 1 - u) with u = log s - log r at the true token: see Absorb.score_entropy
    log_ratio = -torch.log(torch.expm1(sigma.double()))[sequence]
    log_score = (features * table_of_target).sum(-1).to(wide) + bias_of_target - offset
    u = (log_score - log_ratio).to(wide)
    entropy = others + log_ratio.exp().to(wide) * (torch.expm1(u) - u)
    return entropy.new_zeros(batch).index_add(0, sequence, weight.to(wide)[sequence] * entropy)

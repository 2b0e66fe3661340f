"""Score entropy with the sum over the vocabulary estimated from drawn tokens.

For training with a large vocabulary. The score entropy of a position is a plain sum over the
vocabulary, without the normalizer of a softmax: see `vocabulary_sum`, whose symbols are used here.
So the terms f_y of a set E of tokens, and of K tokens drawn from any positive proposal distribution q
on the others, give an unbiased estimate:

    sum_y f_y  ~  sum_{y in E} f_y  +  (1 / K) sum_k f_{y_k} / q_{y_k}

All rows share E and the drawn tokens. E holds the batch's own tokens: a text repeats its words, so
these have the largest scores, and their terms would vary most. The term of a row's true token x0 is
left out of the sum and computed exactly; that of its present token, without a mask, is 0. Every f is
0 where the score is right, and at least 0 elsewhere. The value and the gradient are unbiased for any
batch; the cost falls by V / (|E| + K).
differs from the official code, which always sums over the whole vocabulary: on a CPU this sum takes
nearly all of the time.

B batch, L sequence length, V vocabulary, n rows: positions with a loss. H features. sigma: total noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sedd.diffusion.fast.parts import require_fast_parts
from sedd.diffusion.fast.precision import accumulation_dtype
from sedd.diffusion.fast.rows import loss_positions
from sedd.diffusion.graph import Graph
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
    graph: Graph,
    sigma: Tensor,
    weight: Tensor,
    xt: Tensor,
    x0: Tensor,
    drawn: VocabularyDraw,
    padding: Tensor | None = None,
) -> Tensor:
    """Estimate of `loss.weighted_score_entropy`: (B,) nats, float32 or wider.

    sigma, weight: (B,). xt, x0: (B, L) noisy and clean tokens. padding: see `loss_positions`.
    Raises TypeError if the graph has no fast parts.
    """
    parts = require_fast_parts(graph)
    batch, length = xt.shape
    rows = loss_positions(graph, xt, padding)
    features = network.features(xt, sigma, rows)
    if rows is None:
        rows = torch.arange(batch * length, device=xt.device)
    sequence, target = rows // length, x0.flatten()[rows]
    offset = network.log_score_offset(sigma)[sequence]
    terms = parts.row_terms(sigma[sequence], offset, xt.flatten()[rows], target)
    table, bias = network.vocabulary_layer()
    # one gather: the gradient of each would be a table of V rows
    chosen = torch.cat([drawn.tokens, target])
    sizes = len(drawn.tokens), len(target)
    (table, table_of_target), (bias, bias_of_target) = (
        layer[chosen].split(sizes) for layer in (table, bias)
    )

    logits = F.linear(features, table, bias)  # z, (n, terms)
    wide = accumulation_dtype(logits.dtype)
    # the weights are added here, not to the bias: the product may round to bfloat16
    logits, log_weight = logits.to(wide), drawn.log_weight.to(wide)
    left_out = drawn.tokens == target[:, None]
    if terms.rest is None:
        values = torch.exp(logits + log_weight)
    else:
        left_out |= drawn.tokens == terms.rest.current[:, None]
        log_ratio = terms.rest.logit.to(wide)[:, None]
        excess = logits - log_ratio
        values = torch.exp(log_ratio + log_weight) * (torch.expm1(excess) - excess)
    others = values.masked_fill(left_out, 0.0).sum(-1).double()

    logit = (features * table_of_target).sum(-1).to(wide) + bias_of_target
    u = logit.double() + terms.target_shift
    entropy = terms.exp_weight * others + terms.target_weight * (torch.expm1(u) - u)
    total = others.new_zeros(batch).index_add(0, sequence, weight.double()[sequence] * entropy)
    return total.to(wide)

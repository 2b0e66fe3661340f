"""The training loss: denoising score entropy, weighted by the rate of the noise (Lou et al. 2024).

B batch, L sequence length, V states. sigma: total noise. dsigma: its rate at time t.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sedd.diffusion.fast.fused import fused_score_entropy
from sedd.diffusion.fast.parts import fast_parts
from sedd.diffusion.graph import Graph
from sedd.diffusion.network import ScoreFunction, SplitNetwork
from sedd.diffusion.noise import Noise, sample_times

# For graphs without a mask. In a smaller vocabulary a table of logits is no larger than the
# features, so one pass in chunks saves nothing.
MIN_FUSED_VOCABULARY = 256


def score_entropy_loss(
    model: ScoreFunction,
    graph: Graph,
    noise: Noise,
    x0: Tensor,
    t: Tensor | None = None,
    xt: Tensor | None = None,
    generator: torch.Generator | None = None,
    time_eps: float = 1e-3,
    stratified_times: bool = False,
    fused: bool | None = None,
) -> Tensor:
    """dsigma(t) times the score entropy, summed over the positions of each sequence: (B,) nats.

    x0: (B, L) clean tokens.
    t: (B,) times; None: drawn from U[time_eps, 1].
    xt: (B, L) noisy states; None: drawn given t.
    fused: one pass over the vocabulary, with no table (B, L, V); None: if the model is a
        `SplitNetwork`, the graph has fast parts, and it saves time. The value is the same.

    Raises TypeError if `fused` is true and the model or the graph has no fast path.
    """
    if t is None:
        t = sample_times(x0.shape[0], time_eps, generator, stratified_times, x0.device)
    sigma, dsigma = noise(t)
    if xt is None:
        xt = graph.sample_transition(x0, sigma, generator)
    return weighted_score_entropy(model, graph, sigma, dsigma, xt, x0, fused)


def weighted_score_entropy(
    model: ScoreFunction,
    graph: Graph,
    sigma: Tensor,
    weight: Tensor,
    xt: Tensor,
    x0: Tensor,
    fused: bool | None = None,
    padding: Tensor | None = None,
) -> Tensor:
    """weight_b times the score entropy of sequence b, summed over positions: (B,) nats.

    sigma, weight: (B,). padding: (B, L), true for positions after a sequence's own tokens, which are
    the same in x0 and xt and have no loss. Other arguments as in `score_entropy_loss`.
    """
    if fused is None:
        fused = fusing_pays(graph) and isinstance(model, SplitNetwork)
    if fused:
        if not isinstance(model, SplitNetwork):
            raise TypeError(
                "fused=True needs a SplitNetwork (features, vocabulary_layer, log_score_offset); "
                f"{type(model).__name__} is not one"
            )
        return fused_score_entropy(model, graph, sigma, weight, xt, x0, padding)
    entropy = graph.score_entropy(model(xt, sigma), sigma, xt, x0)
    if padding is not None:
        entropy = entropy.masked_fill(padding, 0.0)
    return weight.to(entropy.dtype) * entropy.sum(-1)


def fusing_pays(graph: Graph) -> bool:
    """Whether the fused loss of this graph exists and saves time.

    With a mask, in any vocabulary: the network runs on masked positions only. Without a mask, in a
    large vocabulary; in a small one the definition is also the more exact one in float32, where the
    scores are nearly right.
    """
    if fast_parts(graph) is None:
        return False
    return graph.mask is not None or graph.vocab_size >= MIN_FUSED_VOCABULARY

"""The training loss: denoising score entropy, weighted by the rate of the noise (Lou et al. 2024).

B batch, L sequence length, V states. sigma: total noise, dsigma: its rate at time t.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sedd.diffusion.fast.fused import fused_score_entropy
from sedd.diffusion.graph import Graph
from sedd.diffusion.network import ScoreFunction, SplitNetwork
from sedd.diffusion.noise import Noise, sample_times

# of the uniform graph: below, a table of logits is no larger than the features, and one pass in pieces saves nothing
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
    fused: one pass over the vocabulary, with no (B, L, V) table; None: where the model is a
        `SplitNetwork` and it pays. The value is the same.

    Raises TypeError if `fused` is asked of another model.
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
) -> Tensor:
    """weight_b times the score entropy of sequence b, summed over positions: (B,) nats.

    sigma, weight: (B,). Otherwise as `score_entropy_loss`.
    """
    if fused is None:
        fused = fusing_pays(graph) and isinstance(model, SplitNetwork)
    if fused:
        if not isinstance(model, SplitNetwork):
            raise TypeError(
                "fused=True needs a SplitNetwork (features, vocabulary_layer, log_score_offset); "
                f"{type(model).__name__} is not one"
            )
        return fused_score_entropy(model, graph, sigma, weight, xt, x0)
    entropy = graph.score_entropy(model(xt, sigma), sigma, xt, x0)
    return weight.to(entropy.dtype) * entropy.sum(-1)


def fusing_pays(graph: Graph) -> bool:
    """Absorbing: in any vocabulary, for the network is needed at masked positions only. Uniform: in a large one; in a small one
    the plain sum is also the more exact one in float32, where the scores are nearly right.
    """
    return graph.mask is not None or graph.vocab_size >= MIN_FUSED_VOCABULARY

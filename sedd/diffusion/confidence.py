"""Orders by confidence: each step fills the masks where the network is most certain.

Not samplers of the model's law. With an exact network:

- One position per step (`steps` at least the number of masks) at temperature 1 is exact: the next
  position depends on visible tokens only, and its token is drawn from its conditional law. Texts
  with clamped tokens then have the law given these tokens.
- Several positions per step are not: their tokens are drawn independently. The error vanishes only
  where these positions are independent given the visible tokens.
- A temperature other than 1, top-k or top-p is not, with any number of steps.

At temperature 0 nothing is random: texts with the same clamped tokens are equal.

Three measures of confidence: the largest probability, its margin over the second, and minus the
entropy. All are taken from the law at temperature 1, before top-k and top-p.
Sources: MaskGIT (Chang et al. 2022, arXiv 2202.04200), LLaDA (Nie et al. 2025, arXiv 2502.09992),
Dream (Ye et al. 2025, arXiv 2508.15487).

This differs from the official code of MaskGIT and LLaDA, which draws a token at every mask and
ranks by the probability of that token. Likely tokens are then kept more often, which changes the
law even with one position per step.

B batch, L sequence length. b texts that have masks, n masked positions of these.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from sedd.diffusion.absorb import Absorb
from sedd.diffusion.categorical import DrawPrecision, draw
from sedd.diffusion.certainty import Certainty, certainty
from sedd.diffusion.fast.certainty import certainty_of_rows
from sedd.diffusion.fast.score_tables import NetworkOutput, ScoreTables
from sedd.diffusion.grid_samplers import StepCallback, check_settings, start
from sedd.diffusion.network import ScoreFunction, SplitNetwork
from sedd.diffusion.noise import Noise
from sedd.diffusion.randomness import of_texts, row_chunks
from sedd.diffusion.sharpening import Sharpening

# Certainty of n positions -> (n,): positions with small values are filled first
Key = Callable[[Certainty], Tensor]
# Keys (b, L) in increasing order, infinite where nothing is masked, and the index of the step ->
# how many of each text to fill, (b,)
HowMany = Callable[[Tensor, int], Tensor]


def by_maximum(law: Certainty) -> Tensor:
    """Key of the largest probability."""
    return -law.maximum


def by_margin(law: Certainty) -> Tensor:
    """Key of the margin between the two largest probabilities."""
    return law.second - law.maximum


def by_entropy(law: Certainty) -> Tensor:
    """Key of the entropy, in nats."""
    return law.entropy


def sample_by_confidence(
    model: ScoreFunction,
    graph: Absorb,
    noise: Noise,
    shape: Sequence[int],
    steps: int,
    *,
    key: Key,
    clamp: tuple[Tensor, Tensor] | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    precision: DrawPrecision = "float64",
    eps: float = 1e-5,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
    on_step: StepCallback | None = None,
    calls: Tensor | None = None,
) -> Tensor:
    """Draw states of `shape` (B, L) in `steps` steps, or as many as there are masks, if fewer.

    The masks of a text are spread evenly over the steps, the larger shares first.
    key: `by_maximum`, `by_margin` or `by_entropy`. temperature: 0 takes the likeliest token.
    Other arguments as in `samplers.sample`.
    """

    def how_many(keys: Tensor, index: int) -> Tensor:
        return -(-keys.isfinite().sum(1) // (steps - index))

    return fill_in_order(
        model, graph, noise, shape, key, how_many, steps=steps, clamp=clamp,
        sharpening=Sharpening(temperature, top_k, top_p), precision=precision, eps=eps,
        generator=generator, device=device, on_step=on_step, calls=calls,
    )  # fmt: skip


sample_max_probability = functools.partial(sample_by_confidence, key=by_maximum)
sample_margin = functools.partial(sample_by_confidence, key=by_margin)
sample_entropy = functools.partial(sample_by_confidence, key=by_entropy)


@torch.no_grad()
def fill_in_order(
    model: ScoreFunction,
    graph: Absorb,
    noise: Noise,
    shape: Sequence[int],
    key: Key,
    how_many: HowMany,
    *,
    steps: int,
    clamp: tuple[Tensor, Tensor] | None,
    sharpening: Sharpening,
    precision: DrawPrecision,
    eps: float,
    generator: torch.Generator | None,
    device: torch.device | str,
    on_step: StepCallback | None,
    calls: Tensor | None,
) -> Tensor:
    """Fill the masks of texts of `shape` (B, L), at least one of each text per network call.

    The network sees the noise level whose expected fraction of masks is that of the text, between
    the levels at times `eps` and 1. Equal keys are filled from left to right.
    """
    if graph.mask is None:
        raise ValueError(f"this sampler fills masks, and {type(graph).__name__} has no mask")
    check_settings(graph, steps, "analytic", precision, sharpening, can_be_greedy=True)
    x, _ = start(graph, shape, clamp, generator, torch.device(device))
    tables = ScoreTables(model, graph, several=True)
    # all positions of a text without tokens have one law
    invariant = getattr(model, "constant_input_invariant", False)
    lowest, highest = noise(torch.tensor([eps, 1.0], dtype=torch.float64, device=x.device))[0]
    places = torch.arange(x.shape[1], device=x.device)
    for index in range(x.shape[1]):
        incomplete = (x == graph.mask).any(1).nonzero()[:, 0]  # (b,) texts
        if not incomplete.numel():
            break
        part = x[incomplete]
        masked = part == graph.mask
        rows = masked.flatten().nonzero()[:, 0]  # (n,)
        sigma = (-torch.log1p(-masked.double().mean(1))).clamp(lowest, highest).float()
        # as in `ReverseStep.can_share_one_row`
        share = invariant and rows.numel() == x.numel() and x.device.type == "cpu"
        seen = (part[:1, :1], rows[:1], sigma[:1]) if share else (part, rows, sigma)
        output = tables.call(*seen)
        keys = torch.full(part.shape, torch.inf, dtype=torch.float64, device=x.device)
        keys.view(-1)[rows] = key(certainty_of(model, graph, output)).double()
        if invariant:  # or rounding would order them
            keys = torch.where(masked.all(1, keepdim=True), keys[:, :1], keys)
        keys, order = keys.sort(dim=1, stable=True)
        first = places < how_many(keys, index)[:, None]
        fill = torch.zeros_like(first).scatter(1, order, first).view(-1)[rows].nonzero()[:, 0]
        # scores of these positions once more: 1 / steps of all masks, so that top-k and top-p need
        # no table of all
        texts = incomplete[rows[fill] // x.shape[1]]
        drawn = output if share else output[fill]
        tokens = draw_tokens(tables, drawn, texts, sharpening, precision, generator)
        part.view(-1)[rows[fill]] = tokens
        x[incomplete] = part
        if calls is not None:
            calls[incomplete] += 1
        if on_step is not None:
            on_step(index, x)
    return x


def draw_tokens(
    tables: ScoreTables,
    output: NetworkOutput,
    texts: Tensor,
    sharpening: Sharpening,
    precision: DrawPrecision,
    generator: torch.Generator | None,
) -> Tensor:
    """Tokens (n,) at masked positions of `texts` (n,), in increasing order.

    output: for these positions, or for one position whose law all share.
    """
    one_law = output.x.shape[0] == 1
    tokens, weights = [], None
    for chunk in row_chunks(generator, texts, tables.chunk_size(texts.device)):
        if weights is None or not one_law:
            score = tables.table(output if one_law else output[chunk])
            weights = sharpening(score[:, : tables.graph.vocab_size])
        of_chunk = texts[chunk]
        law = weights.expand(of_chunk.numel(), -1)
        tokens.append(draw(law, of_texts(generator, of_chunk), precision))
    return torch.cat(tokens)


def certainty_of(model: ScoreFunction, graph: Absorb, output: NetworkOutput) -> Certainty:
    """Statistics of the law of the clean token at n masked positions.

    That law is the softmax of the logits, of a score network as of a denoiser: the scores of a mask
    are proportional to it (see `denoiser`).
    """
    if isinstance(model, SplitNetwork):
        weight, bias = model.vocabulary_layer()
        return certainty_of_rows(output.values, weight, bias, graph.vocab_size)
    return certainty(output.values[:, : graph.vocab_size])

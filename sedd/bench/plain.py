"""The straightforward way to the same numbers: what the fast paths are measured against.

Everything is written as it is defined, in the order of its definition: every block makes its own modulations, the network
scores every state at every position, (B, L, V), the loss and the reverse steps are worked out on that table, the optimiser
and the moving average go through the weights one by one. This costs about what the official code costs: as there, the
rotation goes over the values too, by the angle 0, what is taken off the logits goes in two steps, and each term of the loss
takes its rows from the table. It is used for nothing but comparison, and loses digits where the definitions do.

B batch, L sequence length, V states, H hidden width.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sedd.config import Experiment
from sedd.diffusion import Absorb, Graph, Uniform
from sedd.diffusion.graph import like_positions
from sedd.model import DiffusionTransformer, ExponentialMovingAverage
from sedd.model.block import NUM_MODULATIONS, Block, LayerNorm


def plain_forward(model: DiffusionTransformer, x: Tensor, sigma: Tensor) -> Tensor:
    """`DiffusionTransformer.forward` of sigma (B,): log_score (B, L, V), by one table after another."""
    assert model.sigma_map is not None, "a score network is told the noise level"
    with torch.autocast(x.device.type, enabled=False):
        condition = F.silu(model.sigma_map(sigma))
    head = model.output_layer
    shift, scale = head.adaLN_modulation(condition)[:, None].chunk(2, dim=-1)
    hidden = model.trunk(x, condition)
    log_score = head.linear(plain_norm(hidden, head.norm_final) * (1 + scale) + shift)
    log_score = log_score.to(torch.promote_types(log_score.dtype, torch.float32))
    if model.scale_by_sigma:
        odds = torch.expm1(sigma).log().to(log_score.dtype)[:, None, None]
        log_score = log_score - odds - math.log(log_score.shape[-1] - 1)
    return log_score.scatter(-1, x[..., None], torch.zeros_like(log_score[..., :1]))


def plain_trunk(
    model: DiffusionTransformer, x: Tensor, condition: Tensor | None, rows: Tensor | None = None
) -> Tensor:
    """`DiffusionTransformer.trunk` of a score network, block by block, at every position."""
    assert rows is None, "the plain path scores every position"
    assert condition is not None, "a score network is told the noise level"
    hidden = model.vocab_embed(x)
    position = torch.arange(x.shape[1], dtype=torch.float32, device=x.device)
    angle = torch.outer(position, model.rotary_emb.inv_freq.float())[:, None, :]
    angle = torch.cat((angle, angle), dim=-1)  # (L, 1, D)
    angle = torch.stack(
        (angle, angle, torch.zeros_like(angle)), dim=1
    )  # of q, k, and v: (L, 3, 1, D)
    cos, sin = angle.cos(), angle.sin()
    for block in model.blocks:
        assert isinstance(block, Block)
        hidden = plain_block(block, hidden, condition, cos, sin)
    return hidden


def plain_block(block: Block, x: Tensor, condition: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """One block. x: (B, L, H)."""
    modulation = block.adaLN_modulation(condition)[:, None]
    shift1, scale1, gate1, shift2, scale2, gate2 = modulation.chunk(NUM_MODULATIONS, dim=-1)

    h = plain_norm(x, block.norm1) * (1 + scale1) + shift1
    qkv = block.attn_qkv(h).unflatten(-1, (3, block.n_heads, -1))
    cos, sin = (table.to(qkv.dtype) for table in (cos, sin))
    q, k, v = (qkv * cos + turned(qkv) * sin).unbind(2)
    h = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
    h = block.attn_out(h.transpose(1, 2).flatten(2))
    x = x + gate1 * F.dropout(h, block.dropout, block.training)

    h = block.mlp(plain_norm(x, block.norm2) * (1 + scale2) + shift2)
    return x + gate2 * F.dropout(h, block.dropout, block.training)


def plain_norm(x: Tensor, norm: LayerNorm) -> Tensor:
    return F.layer_norm(x, x.shape[-1:]) * norm.weight


def turned(x: Tensor) -> Tensor:
    """Each pair (i, i + D/2) by a quarter turn."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


class PlainAbsorb(Absorb):
    """The score entropy by its definition: s - r log s + r (log r - 1), of the masked positions."""

    def score_entropy(self, log_score: Tensor, sigma: Tensor, x: Tensor, x0: Tensor) -> Tensor:
        masked = x == self.mask
        ratio = 1 / torch.expm1(like_positions(sigma, x)).expand(x.shape)[masked]
        wrong = log_score[masked][:, : self.mask].exp().sum(-1)
        right = ratio * log_score[masked].gather(-1, x0[masked][:, None])[:, 0]
        entropy = log_score.new_zeros(x.shape)
        entropy[masked] = wrong - right + ratio * (ratio.log() - 1)
        return entropy


class PlainUniform(Uniform):
    """The same of all positions. The true ratio is rho off x where x = x0; else 1, but 1 / rho at x0."""

    def score_entropy(self, log_score: Tensor, sigma: Tensor, x: Tensor, x0: Tensor) -> Tensor:
        size, same = self.num_states, x == x0
        odds = torch.expm1(like_positions(sigma, x))
        rho = odds / (odds + size)
        score = log_score.exp()
        scores = score.mean(-1) - entries(score, x) / size
        base = torch.where(same, rho, 1.0)
        extra = torch.where(same, 0.0, (1 / rho - 1) / size)  # of x0, where it is not x
        logs = base * (log_score.mean(-1) - entries(log_score, x) / size)
        logs = logs + extra * entries(log_score, x0)
        at_x = (size - 1) / size * rho * (rho.log() - 1)
        off_x = (2 - size - (rho.log() + 1) / rho) / size
        return scores - logs + torch.where(same, at_x, off_x)


def entries(table: Tensor, x: Tensor) -> Tensor:
    """(B, L, V) at the states x (B, L)."""
    return table.gather(-1, x[..., None])[..., 0]


def plain_graph(graph: Graph) -> Graph:
    return (PlainUniform if graph.mask is None else PlainAbsorb)(graph.vocab_size)


def plain_optimizer(experiment: Experiment, model: nn.Module) -> torch.optim.AdamW:
    """`build_optimizer` as PyTorch makes it when not told otherwise: on a CPU, one tensor after the other."""
    training = experiment.training
    return torch.optim.AdamW(
        model.parameters(),
        lr=training.lr,
        betas=(training.beta1, training.beta2),
        eps=training.eps,
        weight_decay=training.weight_decay,
    )


class PlainAverage(ExponentialMovingAverage):
    """The same average, one tensor after the other."""

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self.num_updates += 1
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        for name, weight in model.named_parameters():
            shadow = self.shadow[name]
            shadow -= (1 - decay) * (shadow - weight)

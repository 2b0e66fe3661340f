"""The plain computation of the same numbers: the baseline of the benchmarks.

Each step follows its definition: every block computes its own modulations, the network scores all
states at all positions, (B, L, V), the loss and the reverse steps run on this table, and the
optimizer and the moving average update one tensor after the other. The cost is about that of the
official code: as there, the rotation also covers the values, by the angle 0; the logits are scaled
in two steps; and each term of the loss gathers its rows from the table. Used for comparison only:
it loses digits where the definitions of `sedd.diffusion` do not.

B batch, L sequence length, V states, H hidden width, h heads, D head width.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from sedd.config import Experiment
from sedd.diffusion import Absorb, Graph, Uniform
from sedd.diffusion.graph import like_positions
from sedd.model import DiffusionTransformer, ExponentialMovingAverage
from sedd.model.block import NUM_MODULATIONS, Block, LayerNorm
from sedd.train.optim import build_optimizer


def plain_forward(model: DiffusionTransformer, x: Tensor, sigma: Tensor) -> Tensor:
    """`DiffusionTransformer.forward` for sigma (B,), table by table: log_score (B, L, V)."""
    assert model.sigma_map is not None, "a score network needs the noise level"
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
    """`DiffusionTransformer.trunk` of a score network, block by block, at all positions."""
    assert rows is None, "the plain path scores every position"
    assert condition is not None, "a score network needs the noise level"
    hidden = model.vocab_embed(x)
    position = torch.arange(x.shape[1], dtype=torch.float32, device=x.device)
    angle = torch.outer(position, model.rotary_emb.inv_freq.float())[:, None, :]
    angle = torch.cat((angle, angle), dim=-1)  # (L, 1, D)
    # the angles of q, k and v: (L, 3, 1, D)
    angle = torch.stack((angle, angle, torch.zeros_like(angle)), dim=1)
    cos, sin = angle.cos(), angle.sin()
    for block in model.blocks:
        assert isinstance(block, Block)
        hidden = plain_block(block, hidden, condition, cos, sin)
    return hidden


def plain_block(block: Block, x: Tensor, condition: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """`Block.forward` without rows and cache. x: (B, L, H)."""
    modulation = block.adaLN_modulation(condition)[:, None]
    shift1, scale1, gate1, shift2, scale2, gate2 = modulation.chunk(NUM_MODULATIONS, dim=-1)

    h = plain_norm(x, block.norm1) * (1 + scale1) + shift1
    qkv = rearrange(block.attn_qkv(h), "b l (three h d) -> b l three h d", three=3, h=block.n_heads)
    cos, sin = (table.to(qkv.dtype) for table in (cos, sin))
    q, k, v = (qkv * cos + quarter_turn(qkv) * sin).unbind(2)
    h = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
    h = block.attn_out(rearrange(h, "b h l d -> b l (h d)"))
    x = x + gate1 * F.dropout(h, block.dropout, block.training)

    h = block.mlp(plain_norm(x, block.norm2) * (1 + scale2) + shift2)
    return x + gate2 * F.dropout(h, block.dropout, block.training)


def plain_norm(x: Tensor, norm: LayerNorm) -> Tensor:
    """Layer norm with a weight, without modulation. x: (B, L, H)."""
    return F.layer_norm(x, x.shape[-1:]) * norm.weight


def quarter_turn(x: Tensor) -> Tensor:
    """Rotate each pair (i, i + D/2) of the last dimension by 90 degrees."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


class PlainAbsorb(Absorb):
    """Score entropy in the textbook form s - r log s + r (log r - 1), at masked positions."""

    def score_entropy(self, log_score: Tensor, sigma: Tensor, x: Tensor, x0: Tensor) -> Tensor:
        masked = x == self.mask
        ratio = 1 / torch.expm1(like_positions(sigma, x)).expand(x.shape)[masked]
        wrong = log_score[masked][:, : self.mask].exp().sum(-1)
        right = ratio * log_score[masked].gather(-1, x0[masked][:, None])[:, 0]
        entropy = log_score.new_zeros(x.shape)
        entropy[masked] = wrong - right + ratio * (ratio.log() - 1)
        return entropy


class PlainUniform(Uniform):
    """Score entropy in the textbook form, at all positions. Legend in `sedd.diffusion.uniform`."""

    def score_entropy(self, log_score: Tensor, sigma: Tensor, x: Tensor, x0: Tensor) -> Tensor:
        size, same = self.num_states, x == x0
        odds = torch.expm1(like_positions(sigma, x))
        rho = odds / (odds + size)
        score = log_score.exp()
        scores = score.mean(-1) - entries(score, x) / size
        base = torch.where(same, rho, 1.0)
        extra = torch.where(same, 0.0, (1 / rho - 1) / size)  # at x0, where x0 != x
        logs = base * (log_score.mean(-1) - entries(log_score, x) / size)
        logs = logs + extra * entries(log_score, x0)
        at_x = (size - 1) / size * rho * (rho.log() - 1)
        off_x = (2 - size - (rho.log() + 1) / rho) / size
        return scores - logs + torch.where(same, at_x, off_x)


def entries(table: Tensor, x: Tensor) -> Tensor:
    """Entries of a table (B, L, V) at the states x (B, L): (B, L)."""
    return table.gather(-1, x[..., None])[..., 0]


def plain_graph(graph: Graph) -> Graph:
    """The graph with the textbook score entropy, for Absorb or Uniform."""
    return (PlainUniform if graph.mask is None else PlainAbsorb)(graph.vocab_size)


def plain_optimizer(experiment: Experiment, model: nn.Module) -> torch.optim.AdamW:
    """`build_optimizer` with PyTorch's defaults: on a CPU, one tensor after the other."""
    return build_optimizer(experiment, model, fused=None)


class PlainAverage(ExponentialMovingAverage):
    """The moving average, updated one tensor after the other."""

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self.num_updates += 1
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        for name, weight in model.named_parameters():
            shadow = self.shadow[name]
            shadow -= (1 - decay) * (shadow - weight)

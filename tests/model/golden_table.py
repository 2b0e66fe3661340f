"""The golden comparison as a table: for each stored tensor, how far ours is from it.

    PYTHONPATH=tests python tests/model/golden_table.py

relative: largest over the elements above a thousandth of the largest; smaller ones are sums in which larger terms cancel.
of the largest: largest difference of any element, as a share of the largest element.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from helpers.golden_model import load
from torch import Tensor

from sedd.diffusion import score_entropy_loss


def pairs(kind: str) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Name, ours and the stored tensor."""
    model, graph, noise, stored = load(kind)
    for prefix in ("", "grid."):
        for name, found in zip(("sigma", "dsigma"), noise(stored[f"{prefix}t"]), strict=True):
            yield f"{prefix}{name}", found, stored[f"{prefix}{name}"]
    x, x0, sigma = stored["xt"], stored["x0"], stored["sigma"]
    with torch.no_grad():
        yield "log_score", model(x, sigma), stored["log_score"]
        entropy = graph.score_entropy(stored["log_score"], sigma, x, x0)
        yield "score_entropy", entropy, stored["score_entropy"]
    for path, fused in (("plain", False), ("fused", True)):
        model.zero_grad()
        loss = score_entropy_loss(model, graph, noise, x0, stored["t"], x, fused=fused)
        yield f"loss, {path}", loss.detach(), stored["loss"]
        loss.mean().backward()
        for name, weight in model.named_parameters():
            assert weight.grad is not None
            yield f"grad.{name}, {path}", weight.grad, stored[f"grad.{name}"]
    for state, t in (("late", 0.6), ("early", 0.95)):
        x = stored[f"{state}.x"]
        times = torch.full((len(x),), t)
        sigma, dsigma = noise(times)
        with torch.no_grad():
            log_score = model(x, sigma)
        steps = {
            "euler": graph.euler_step_weights(log_score, x, 0.05 * dsigma),
            "analytic": graph.analytic_step_weights(log_score, x, sigma - noise(times - 0.05)[0]),
            "denoise": graph.analytic_step_weights(log_score, x, sigma)[..., : graph.vocab_size],
        }
        for name, found in steps.items():
            yield f"{state}.{name}_probs", found, stored[f"{state}.{name}_probs"]


def differences(found: Tensor, expected: Tensor) -> tuple[float, float]:
    """Relative, of the largest."""
    error, size = (found - expected).abs(), expected.abs()
    largest = float(size.max())
    telling = size > 1e-3 * largest
    relative = float((error / size)[telling].max()) if telling.any() else 0.0
    return relative, float(error.max()) / largest if largest else float(error.max())


def main() -> None:
    for kind in ("absorb", "uniform"):
        print(f"{kind:44} {'relative':>9} {'of the largest':>15}")
        for name, found, expected in pairs(kind):
            relative, share = differences(found, expected)
            print(f"{name:44} {relative:9.1e} {share:15.1e}")
        print()


if __name__ == "__main__":
    main()

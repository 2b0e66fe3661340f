"""Stored outputs of the reference implementation for two tiny models with random weights, float32 on a CPU.

Files are data only (safetensors). `vectors` holds inputs (t, sigma, dsigma, x0, xt) and outputs; see each test.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from sedd.diffusion import Absorb, Geometric, Graph, LogLinear, Noise, Uniform
from sedd.model import DiffusionTransformer

FOLDER = Path(__file__).parents[1] / "golden"
VOCABULARY = 37


def load(kind: str) -> tuple[DiffusionTransformer, Graph, Noise, dict[str, Tensor]]:
    model = DiffusionTransformer(
        VOCABULARY, kind == "absorb", hidden_size=32, n_blocks=2, n_heads=4, cond_dim=16
    )
    model.load_state_dict(load_file(FOLDER / kind / "hub" / "model.safetensors"), strict=True)
    graph = Absorb(VOCABULARY) if kind == "absorb" else Uniform(VOCABULARY)
    noise = LogLinear(1e-3) if kind == "absorb" else Geometric(1e-4, 20.0)
    return model.eval(), graph, noise, load_file(FOLDER / kind / "vectors.safetensors")


def assert_agrees(found: Tensor, expected: Tensor, of_largest: float = 2e-7) -> None:
    """Relative 1e-5, or, for elements that are small sums of larger ones, `of_largest` of the largest."""
    atol = of_largest * float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=atol)

"""Arithmetic of the network per token, and peak arithmetic of known GPUs.

H hidden size, n blocks, L sequence length, V states. Model FLOPs count the plain network, whatever
an implementation skips or recomputes: the output layer at every position and state and full
attention, but no norms and embeddings.
"""

from __future__ import annotations

from sedd.config.sections.model import ModelConfig

PEAK_FLOPS = {
    "NVIDIA A100-SXM4-40GB": 312e12,
    "NVIDIA A100-SXM4-80GB": 312e12,
    "NVIDIA A100-PCIE-40GB": 312e12,
    "NVIDIA A100 80GB PCIe": 312e12,
    "NVIDIA H100 80GB HBM3": 989e12,
    "NVIDIA H100 PCIe": 756e12,
    "NVIDIA H200": 989e12,
    "NVIDIA L40S": 362e12,
    "NVIDIA GeForce RTX 3090": 71e12,
    "NVIDIA GeForce RTX 4090": 165e12,
}
"""Dense bfloat16 products with float32 accumulation, in FLOP/s, from NVIDIA's data sheets.

Keys are full device names, because laptop and other memory variants of the same chip have other
clock rates.
"""


def forward_flops_per_token(model: ModelConfig, length: int, num_states: int) -> int:
    """FLOPs of the forward pass: 2 (12 H^2 n + H V) for the weights, 4 L H n for attention."""
    width, blocks = model.hidden_size, model.n_blocks
    trunk = 2 * 12 * width**2 * blocks
    attention = 4 * length * width * blocks
    head = 2 * width * num_states
    return trunk + attention + head


def train_flops_per_token(model: ModelConfig, length: int, num_states: int) -> int:
    """FLOPs of forward and backward pass, 3 x forward: the usual 6 N, plus attention."""
    return 3 * forward_flops_per_token(model, length, num_states)

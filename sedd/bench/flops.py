"""Arithmetic of the network a token, and what known GPUs can do in a second.

H hidden width, n blocks, L sequence length, V states. Model FLOPs count what the plain network needs, whatever is left
out or done twice: the head at every position and state, attention to every position, nothing for norms and embeddings.
"""

from __future__ import annotations

from sedd.config.sections.model import ModelConfig

# Dense bfloat16 products with float32 sums, FLOP/s, from NVIDIA's data sheets, by the device's whole name: a laptop's or
# another memory's variant of the same chip is clocked differently.
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


def forward_flops_per_token(model: ModelConfig, length: int, num_states: int) -> int:
    """2 for each weight of a product (12 H^2 a block, H V in the head), and 4 L H a block for attention."""
    width, blocks = model.hidden_size, model.n_blocks
    trunk = 2 * 12 * width**2 * blocks
    attention = 4 * length * width * blocks
    head = 2 * width * num_states
    return trunk + attention + head


def train_flops_per_token(model: ModelConfig, length: int, num_states: int) -> int:
    """Forwards, and twice as much backwards: the 6 N of the literature, with attention."""
    return 3 * forward_flops_per_token(model, length, num_states)

"""Number of parameters of a network, without building it."""

from __future__ import annotations

from sedd.model.embedding import NUM_FREQUENCIES


def num_parameters(num_states: int, hidden: int, num_blocks: int, cond_dim: int | None) -> int:
    """Parameters of a `DiffusionTransformer`. cond_dim: None: no noise input."""
    modulation = 1 if cond_dim is None else cond_dim + 1  # inputs and bias of each output
    embedding = num_states * hidden
    noise = 0 if cond_dim is None else cond_dim * (NUM_FREQUENCIES + cond_dim + 2)
    block = 12 * hidden**2 + 7 * hidden + 6 * hidden * modulation
    head = hidden + num_states * (hidden + 1) + 2 * hidden * modulation
    return embedding + noise + num_blocks * block + head

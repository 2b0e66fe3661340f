"""Score Entropy Discrete Diffusion."""

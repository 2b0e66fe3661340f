"""The definitions of `sedd.diffusion`, faster: fused loss, reverse step, sums over the vocabulary."""

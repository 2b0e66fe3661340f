"""Where weights come from and go to: runs, published models, causal models of the hub, and exports."""

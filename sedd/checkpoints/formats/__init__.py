"""Files of published diffusion models (SEDD, RADD, MDLM), and Lightning checkpoints."""

"""Files of published diffusion models: SEDD, RADD and MDLM."""

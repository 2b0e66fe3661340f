"""Formats of published diffusion models: SEDD, RADD and MDLM, one file each, and Lightning files."""

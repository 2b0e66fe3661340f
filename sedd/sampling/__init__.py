"""Texts from a model: free, around a prompt, or traced step by step from noise."""

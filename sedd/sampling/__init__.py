"""Texts from a model: free, around given text, or traced from noise."""

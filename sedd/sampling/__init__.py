"""Samples of a model: free, around a prompt, or with every state on the path from noise."""

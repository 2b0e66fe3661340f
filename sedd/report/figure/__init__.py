"""Figures: their curves, drawn on a page or into a file."""

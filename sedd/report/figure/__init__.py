"""Figures: which curves a figure has, and drawing them on a page or into a file."""

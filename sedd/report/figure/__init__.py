"""Figures: what they show, and how they are drawn on a page or as a file."""

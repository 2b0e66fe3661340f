"""Folder of the shipped configuration, and a short valid experiment file for tests to change."""

from __future__ import annotations

from pathlib import Path

SHIPPED = Path(__file__).resolve().parents[2] / "config"

GOOD = """\
description: for a test
model: {hidden_size: 32, n_blocks: 2, n_heads: 2}
graph: {type: absorb}
noise: {type: loglinear}
data: {dataset: wiki, tokenizer: text8, length: 32}
training: {steps: 100, warmup_steps: 10, checkpoint_every: 50}
"""

"""A project with the experiment `run` and the table `table`, for tests of results and reports."""

from __future__ import annotations

from pathlib import Path

from helpers.experiment_file import copy_config

EXPERIMENT = """
description: Two checkpoints & a <b>bold</b> word
model: {preset: tiny, dropout: 0.25}
graph: {type: absorb}
noise: {type: loglinear}
data: {dataset: wiki, tokenizer: gpt2, length: 64}
training: {steps: 200, checkpoint_every: 100, batch_size: 16, warmup_steps: 10, lr: 0.002}
sampling: {steps: 64}
evaluation: {datasets: [wiki, kjv]}
"""
TABLE = """
title: A title
note: A note.
metric: perplexity
tokenizer: gpt2
tolerance: 0.08
source: {paper: Someone 2024, arxiv: 2401.00001v2, table: "7", url: "https://arxiv.org/abs/2401.00001v2"}
columns:
  wiki: {label: Wiki, dataset: wiki}
  kjv: {label: KJV, dataset: kjv}
rows:
  - {kind: published, label: Known, values: {wiki: {value: 52.5, bound: true}}}
  - {kind: ours, label: Ours, experiment: run, compare_to: Known}
  - {kind: unigram_text, label: Unigrams of the text, experiment: run}
  - {kind: unigram_train, label: Unigrams of the training text, experiment: run}
"""


def lay_out(folder: Path) -> Path:
    """Write a project into `folder`: the shipped configuration, experiment `run`, table `table`."""
    copy_config(folder)
    (folder / "config/experiments/run.yaml").write_text(EXPERIMENT, encoding="utf-8")
    (folder / "config/tables/table.yaml").write_text(TABLE, encoding="utf-8")
    return folder

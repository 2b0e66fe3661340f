"""The commands that reproduce a run and its page."""

from __future__ import annotations

import shlex
from pathlib import Path

from sedd.config import Experiment, sampling_steps
from sedd.paths import samples_file


def commands(experiment: Experiment, step: int) -> list[str]:
    """Shell commands in order, from the data to the page.

    step: of the checkpoint that is sampled and measured.
    """
    name = experiment.name
    changed = [*experiment.overrides, "--name", name] if experiment.base else []
    base = experiment.base or name
    datasets = [part for text in experiment.evaluation.datasets for part in ("--dataset", text)]
    out = str(configured_samples(experiment, step))
    lines = [
        ["sedd", "tokenize", base, *experiment.overrides],
        ["sedd", "train", base, *changed],
        ["sedd", "sample", name, "--step", str(step), "--out", out],
        ["sedd", "perplexity", name, "--step", str(step), *datasets],
        ["sedd", "report", name],
    ]
    return [shlex.join(line) for line in lines]


def configured_samples(experiment: Experiment, step: int) -> Path:
    """File of the samples that the `sampling` section configures, for the checkpoint of `step`."""
    sampling = experiment.sampling
    return samples_file(
        experiment.name, step, sampling.sampler, sampling_steps(experiment), sampling.precision
    )

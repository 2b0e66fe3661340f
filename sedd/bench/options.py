"""What is measured: which work, on what network, at what size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sedd.config import Experiment, resolve
from sedd.config.choices import one_of
from sedd.config.file_names import existing
from sedd.config.yaml.overrides import apply_overrides
from sedd.config.yaml.source import Source
from sedd.errors import ConfigError, Problem
from sedd.paths import model_file
from sedd.registry import GRAPHS, OBJECTIVES, SAMPLERS

Work = Literal["train", "sample", "perplexity", "head"]
# keys of an experiment that have an option here
OPTIONS = {
    "model": "--model",
    "model.preset": "--model",
    "graph": "--graph",
    "graph.type": "--graph",
    "data.length": "--length",
    "training.batch_size": "--batch",
    "training.compile": "--compile",
}


@dataclass(frozen=True)
class Settings:
    """One measurement.

    work: `head` is the vocabulary layer and the loss alone, forwards and back, on features that are there.
    model: a preset of config/model. overrides: key=value, keys of an experiment, such as model.n_blocks=4.
    vocab: tokens without the mask. length: tokens of a sequence. batch: sequences.
    steps: what one timed run does: optimiser steps, denoising steps, random times of the bound, or losses.
    repeats: timed runs. threads: of the CPU; None: as the process has them. compile: torch.compile on the fast path.
    plain: measure the straightforward path too, in turn with the fast one.
    """

    work: Work
    device: str | None = None
    model: str = "tiny"
    overrides: tuple[str, ...] = ()
    graph: str = "absorb"
    vocab: int = 50257
    length: int = 128
    batch: int = 8
    steps: int = 8
    repeats: int = 5
    threads: int | None = None
    compile: bool = False
    plain: bool = False

    def experiment(self) -> Experiment:
        """The experiment that trains such a network; everything that is not named here has its default.

        Raises ConfigError if there is no such preset, or for overrides that cannot be.
        """
        existing(model_file, self.model, "--model")
        source = Source(
            "sedd bench",
            {
                "name": "bench",
                "description": "random tokens, to measure speed",
                "model": {"preset": self.model},
                "graph": {"type": self.graph},
                "noise": {"type": GRAPHS[self.graph].usual_noise},
                "data": {"dataset": "random", "tokenizer": "random", "length": self.length},
                "training": {"batch_size": self.batch, "compile": self.compile},
            },
        )
        for item in self.overrides:
            if option := OPTIONS.get(item.partition("=")[0]):
                source.problems.append(Problem(item, f"has an option of its own: {option}"))
        apply_overrides(source, self.overrides)
        made = resolve(source, strict=False)
        assert isinstance(made, Experiment), "it has no key `pretrained`"
        if not OBJECTIVES[made.objective.type].predicts_scores:
            allowed = one_of(OBJECTIVES.names(predicts_scores=True))
            what = f"must be {allowed} here, whose code is measured; got {made.objective.type}"
            raise ConfigError(source.name, [Problem("objective.type", what)])
        sampler = made.sampling.sampler
        if SAMPLERS[sampler].one_step_per_token:
            allowed = one_of(SAMPLERS.names(one_step_per_token=False))
            what = f"must be {allowed} here: {sampler} has no number of steps to choose"
            raise ConfigError(source.name, [Problem("sampling.sampler", what)])
        return made

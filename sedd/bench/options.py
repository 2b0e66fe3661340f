"""Options of one benchmark: which computation, on which network, at which size."""

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

OPTION_OF_KEY = {
    "model": "--model",
    "model.preset": "--model",
    "graph": "--graph",
    "graph.type": "--graph",
    "data.length": "--length",
    "training.batch_size": "--batch",
    "training.compile": "--compile",
}
"""Keys of an experiment that have a command-line option of their own."""


@dataclass(frozen=True)
class BenchOptions:
    """Options of one benchmark.

    work: computation to measure. `head` is the output layer and the loss, forward and backward, on
      fixed features.
    model: preset in config/model/. overrides: KEY=VALUE settings of an experiment, such as
      model.n_blocks=4.
    vocab: vocabulary size without the mask. length: tokens per sequence. batch: sequences.
    steps: steps per timed run. One is an optimizer step (train), a denoising step (sample), a random
        time of the bound (perplexity), or one forward and backward pass of the loss (head).
    repeats: timed runs. threads: CPU threads; None keeps PyTorch's setting. compile: torch.compile,
      fast path only.
    plain: also measure the plain path, alternating with the fast path.
    profile: also list the operations of the fast path that take the longest.
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
    profile: bool = False

    def experiment(self) -> Experiment:
        """Build the experiment to measure, with defaults for everything that has no option.

        Raises ConfigError for an unknown preset and for invalid or unsupported overrides.
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
            if option := OPTION_OF_KEY.get(item.partition("=")[0]):
                source.problems.append(Problem(item, f"use the option {option} instead"))
        apply_overrides(source, self.overrides)
        experiment = resolve(source, strict=False)
        assert isinstance(experiment, Experiment), "the source has no key `pretrained`"
        if not OBJECTIVES[experiment.objective.type].predicts_scores:
            allowed = one_of(OBJECTIVES.names(predicts_scores=True))
            what = f"must be {allowed} for sedd bench, got {experiment.objective.type}"
            raise ConfigError(source.name, [Problem("objective.type", what)])
        sampler = experiment.sampling.sampler
        if SAMPLERS[sampler].one_step_per_token:
            allowed = one_of(SAMPLERS.names(one_step_per_token=False))
            what = f"must be {allowed} for sedd bench; {sampler} has no number of steps to choose"
            raise ConfigError(source.name, [Problem("sampling.sampler", what)])
        return experiment

"""What is measured: which work, on what network, at what size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sedd.config import Experiment
from sedd.config.experiment import Data, GeometricNoise, Graph, LogLinearNoise
from sedd.config.load import existing, load_yaml_model
from sedd.config.model import ModelConfig
from sedd.config.training import Training
from sedd.paths import model_file

Work = Literal["train", "sample", "perplexity"]


@dataclass(frozen=True)
class Settings:
    """One measurement.

    model: a preset of config/model. vocab: tokens without the mask. length: tokens of a sequence. batch: sequences.
    steps: what one timed run does: optimiser steps, denoising steps, or random times of the bound.
    repeats: timed runs. threads: of the CPU; None: as the process has them. compile: torch.compile on the fast path.
    plain: measure the straightforward path too, in turn with the fast one.
    """

    work: Work
    device: str | None = None
    model: str = "tiny"
    graph: Literal["absorb", "uniform"] = "absorb"
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

        Raises ConfigError if there is no such preset.
        """
        absorb = self.graph == "absorb"
        return Experiment(
            name="bench",
            description="random tokens, to measure speed",
            model=load_yaml_model(existing(model_file, self.model, "--model"), ModelConfig),
            graph=Graph(type=self.graph),
            noise=LogLinearNoise(type="loglinear") if absorb else GeometricNoise(type="geometric"),
            data=Data(dataset="random", tokenizer="random", length=self.length),
            training=Training(batch_size=self.batch, compile=self.compile),
        )

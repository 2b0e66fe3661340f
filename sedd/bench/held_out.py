"""The held-out bound during a comparison of recipes: same sequences and quantiles at every call.

N sequences of L tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from sedd.checkpoints.build import build_graph, build_model, build_noise
from sedd.config import Experiment
from sedd.data.dataset import AnyBlocks
from sedd.model import ExponentialMovingAverage
from sedd.objective import Estimate, ScoreEntropy
from sedd.results.standard_error import group_error
from sedd.runtime.device import autocast
from sedd.runtime.seeds import generator

FAR = 4
"""A sample of the sequences, this many of its standard errors above the target, decides that the
target is not reached."""
SAMPLED = 16
"""The sample is every SAMPLED-th sequence."""
BATCH = 32


@dataclass(frozen=True)
class HeldOutBound:
    """Mean of a bound in nats per token, its standard error over groups of neighboring sequences,
    and the number of sequences.
    """

    nats: float
    standard_error: float | None
    sequences: int


class HeldOut:
    """Evenly spaced sequences of the validation split, and the stratified estimator of the bound.

    Seeds of trainings change neither sequences nor quantiles, so that bounds of two trainings differ
    less than their standard errors say.
    """

    def __init__(self, experiment: Experiment, blocks: AnyBlocks, sequences: int, draws: int):
        count = min(sequences, len(blocks))
        self.x0 = blocks[torch.linspace(0, len(blocks) - 1, count).round().long()]
        vocab_size = blocks.meta["vocab_size"]
        self._model = build_model(experiment, vocab_size).eval()
        self._objective = ScoreEntropy(build_graph(experiment, vocab_size), build_noise(experiment))
        self._estimate = Estimate(draws, "stratified", experiment.evaluation.time_eps)
        self._precision = experiment.training.precision

    def bound(self, average: ExponentialMovingAverage, target: float) -> HeldOutBound:
        """The bound with averaged weights; of a sample if the target, in nats per token, is far."""
        average.copy_to(self._model)
        every = torch.arange(len(self.x0))
        sample = every[::SAMPLED]
        nats = torch.empty(len(self.x0), dtype=torch.float64)
        nats[sample] = self._nats(sample, "sample")
        of_sample = _mean(nats[sample])
        error = of_sample.standard_error
        if error is not None and of_sample.nats > target + FAR * error:
            return of_sample
        rest = every[every % SAMPLED != 0]
        nats[rest] = self._nats(rest, "rest")
        return _mean(nats)

    def _nats(self, rows: torch.Tensor, name: str) -> torch.Tensor:
        """Nats per token of some sequences (n,)."""
        device = torch.device("cpu")
        nats = [torch.empty(0, dtype=torch.float64)]
        for number, part in enumerate(rows.split(BATCH)):
            draws = generator(0, "held out", name, number)
            with autocast(self._precision, device):
                total = self._objective.negative_log_likelihood(
                    self._model, self.x0[part], self._estimate, draws
                )
            nats.append(total / self.x0.shape[1])
        return torch.cat(nats)


def _mean(nats: torch.Tensor) -> HeldOutBound:
    values = nats.numpy()
    return HeldOutBound(float(values.mean()), group_error(values, np.ones(len(values))), len(nats))

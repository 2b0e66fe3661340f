"""Train until a held-out bound is reached, and count the steps and the CPU time.

The bound is measured with averaged weights at steps that grow by a tenth. Between the last
measurement above the target and the first one at or below it, the bound is interpolated linearly in
log steps, and the CPU time linearly in steps. The CPU time is that of the process while it trains:
batches, noise, loss, gradients, optimizer and average. Building the network, the first two steps of
the process (on a copy) and all measurements are left out.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from sedd.bench.held_out import HeldOut
from sedd.bench.work import make_plain
from sedd.checkpoints.build import build_graph, build_noise, build_token_proposal
from sedd.config import Experiment
from sedd.data.dataset import AnyBlocks, shuffled_indices
from sedd.data.token_folder import token_counts
from sedd.objective import ScoreEntropy
from sedd.runtime.distributed import World
from sedd.train.state import TrainState
from sedd.train.step import TrainingLoss, train_step

FIRST_STEP = 50
GROWTH = 1.1


@dataclass(frozen=True)
class Point:
    """One measurement: the bound after `step` steps and `cpu_seconds` of training.

    sequences: measured ones; fewer than all where the target is far.
    """

    step: int
    cpu_seconds: float
    nats: float
    standard_error: float | None
    sequences: int


@dataclass(frozen=True)
class Reached:
    """Where a curve crosses the target."""

    step: float
    cpu_seconds: float


@dataclass(frozen=True)
class Curve:
    """Measurements of one training, in order, and where they cross the target (None: nowhere)."""

    points: tuple[Point, ...]
    reached: Reached | None

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "points": [asdict(point) for point in self.points]}


class Training:
    """A training from random weights, and its CPU time.

    plain: with the straightforward computation of `sedd.bench.plain`.
    """

    def __init__(self, experiment: Experiment, blocks: AnyBlocks, *, plain: bool):
        self.experiment, self.blocks = experiment, blocks
        self.cpu_seconds = 0.0
        vocab_size = blocks.meta["vocab_size"]
        device = torch.device("cpu")
        counts = token_counts(blocks.folder)
        self.state = TrainState.fresh(experiment, vocab_size, device, counts)
        graph, noise = build_graph(experiment, vocab_size), build_noise(experiment)
        if plain:
            graph = make_plain(self.state, experiment, graph)
        proposal = None
        if experiment.training.vocabulary_draws is not None:
            proposal = build_token_proposal(experiment, counts)
        self.objective = ScoreEntropy(graph, noise, proposal, fused=False if plain else None)
        self._loss = TrainingLoss(self.state.model, self.objective)
        self._world = World(device)

    def train(self, until: int) -> None:
        """Train up to step `until`."""
        start = time.process_time()
        size = self.experiment.training.batch_size
        while (step := self.state.step) < until:
            order = shuffled_indices(len(self.blocks), self.experiment.seed, step * size, size)
            train_step(
                self.state,
                self.experiment,
                self.objective,
                self._loss,
                self.blocks[order],
                self._world,
            )
        self.cpu_seconds += time.process_time() - start


def train_until(
    experiment: Experiment,
    blocks: AnyBlocks,
    held_out: HeldOut,
    target: float,
    limit: int,
    *,
    plain: bool,
    on_measured: Callable[[int, Point], None] = lambda steps, point: None,
) -> Curve:
    """Train until the bound is at most `target` nats per token, for at most `limit` steps.

    on_measured: called with the steps since the previous measurement, and the new one.
    """
    Training(experiment, blocks, plain=plain).train(2)
    training = Training(experiment, blocks, plain=plain)
    points: list[Point] = []
    for step in measured_steps(limit):
        training.train(step)
        bound = held_out.bound(training.state.ema, target)
        steps = step - points[-1].step if points else step
        points.append(Point(step, training.cpu_seconds, **asdict(bound)))
        on_measured(steps, points[-1])
        if bound.nats <= target:
            break
    return Curve(tuple(points), crossing(points, target))


def measured_steps(limit: int) -> Iterator[int]:
    """Steps from FIRST_STEP that grow by GROWTH, up to `limit` and with it."""
    step = FIRST_STEP
    while step < limit:
        yield step
        step = math.ceil(step * GROWTH)
    yield limit


def crossing(points: Sequence[Point], target: float) -> Reached | None:
    """Where the bound first reaches the target; None if it does not.

    At the first measurement if that one is at or below the target already.
    """
    before = None
    for point in points:
        if point.nats <= target:
            if before is None:
                return Reached(point.step, point.cpu_seconds)
            part = (before.nats - target) / (before.nats - point.nats)
            step = before.step * (point.step / before.step) ** part
            share = (step - before.step) / (point.step - before.step)
            seconds = before.cpu_seconds + share * (point.cpu_seconds - before.cpu_seconds)
            return Reached(step, seconds)
        before = point
    return None

"""The training loop: load a batch, step, log, save."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from sedd.checkpoints import run_checkpoint as checkpoint
from sedd.checkpoints.build import build_objective
from sedd.config import Experiment, checkpoint_steps, write_resolved
from sedd.data.dataset import TokenBlocks, shuffled_indices, unigram_counts
from sedd.errors import ConfigError, Problem
from sedd.paths import checkpoint_file, run_dir, tokens_dir
from sedd.runtime.distributed import World, world
from sedd.runtime.publish import publish
from sedd.train.disk import refusals_told
from sedd.train.folder import open_folder, sole_writer
from sedd.train.loss import TrainingLoss
from sedd.train.records import Records
from sedd.train.saves import kept_checkpoint, newest_state, state_file
from sedd.train.state import TrainState
from sedd.train.step import train_step, warm_up_ddp_buckets
from sedd.train.stop import Interrupted, StopRequest
from sedd.train.validation import validate, validation_set


def train(
    experiment: Experiment, until: int | None = None, device: torch.device | str = "cpu"
) -> None:
    """Train up to step `until` (default: to the end) and publish each checkpoint as it lands.

    Goes on from the newest state of the same settings and data; what is there already is not trained again. Under
    torchrun, or with its variables set, one of several processes of the run.
    Raises Interrupted after saving if a signal asks it to stop; CheckpointError if a checkpoint cannot be saved.
    """
    steps = checkpoint_steps(experiment)
    if until is not None:
        if until not in steps:
            allowed = ", ".join(map(str, steps))
            what = f"must be the step of a checkpoint: {allowed}; got {until}"
            raise ConfigError("command line", [Problem("--until", what)])
        steps = steps[: steps.index(until) + 1]
    data = experiment.data
    blocks = TokenBlocks(tokens_dir(data.dataset, data.tokenizer, "train"), data.length)
    held_out = TokenBlocks(tokens_dir(data.dataset, data.tokenizer, "validation"), data.length)
    with (
        world(device) as here,
        refusals_told(run_dir(experiment.name)),
        contextlib.ExitStack() as stack,
    ):
        folder, identity = Path(), ""
        if here.is_first:
            stack.enter_context(sole_writer(experiment.name))
            folder, identity = open_folder(experiment, blocks.meta["tokens_sha256"])
            write_resolved(experiment, run_dir(experiment.name) / "config.yaml")
        folder, identity = here.broadcast((folder, identity))
        if not here.broadcast(kept_checkpoint(folder, steps[-1]).exists()):
            Trainer(experiment, blocks, held_out, folder, identity, here).run(steps)
        for step in steps if here.is_first else ():
            if kept_checkpoint(folder, step).exists():
                publish(kept_checkpoint(folder, step), checkpoint_file(experiment.name, step))


@dataclass
class Trainer:
    """One run as one of its processes sees it: what it learns from, where it writes, and beside whom."""

    experiment: Experiment
    blocks: TokenBlocks
    held_out: TokenBlocks
    folder: Path
    identity: str
    world: World

    def run(self, steps: list[int]) -> None:
        """Train to the last of `steps`, saving and publishing at each."""
        experiment, training, world = self.experiment, self.experiment.training, self.world
        counts = unigram_counts(self.blocks.folder)
        objective = build_objective(experiment, self.blocks.meta["vocab_size"], counts)
        state = self.start(steps[-1])
        loss = world.wrap(TrainingLoss(state.model, objective))
        if world.size > 1:
            warm_up_ddp_buckets(state, experiment, objective, loss, self.batch(state.step), world)
        fixed = validation_set(experiment, self.held_out, objective)
        with StopRequest() as stop, self.records(state, steps[-1]) as records:
            if state.step in steps and not kept_checkpoint(self.folder, state.step).exists():
                records.save(state, public=True)  # it was lost, and this is its state
            clock = Clock(state.step)
            while state.step < steps[-1]:
                x0 = self.batch(state.step)
                result = train_step(state, experiment, objective, loss, x0, world)
                records.stepped()
                if state.step % training.log_every == 0:
                    total = world.total(result.loss_nats_per_token)
                    records.log_step(state.step, total, result, clock.lap(state.step), x0.numel())
                if state.step % training.validate_every == 0 or state.step == training.steps:
                    with clock.paused():
                        nats, error = validate(state, experiment, objective, fixed, world)
                    records.log_validation(state.step, nats, error)
                number = world.all_max(stop.number)
                public = state.step in steps
                if public or number or state.step % training.save_every == 0:
                    with clock.paused():
                        records.save(state, public=public)
                if number:
                    raise Interrupted(number)

    def start(self, until: int) -> TrainState:
        """The newest state up to step `until`, or a fresh one."""
        vocab_size = self.blocks.meta["vocab_size"]
        state = TrainState.fresh(self.experiment, vocab_size, self.world.device)
        found = None
        if self.world.is_first:  # looks for the newest that is whole, and says which that is
            found = newest_state(self.folder, self.identity, until)
        step = self.world.broadcast(found["step"] if found else None)
        if step is not None:
            found = found or checkpoint.load(state_file(self.folder, step))
            state.load(found)
            if found["world_size"] != self.world.size and self.world.is_first:
                print(
                    f"{self.experiment.name}: goes on at step {step} in {self.world.size} processes, after "
                    f"{found['world_size']}: from here on sums are rounded in another order, so that the weights no longer "
                    "equal, bit for bit, those of a run that went on in as many as before",
                    file=sys.stderr,
                )
        if self.experiment.training.compile:
            state.model.compile_trunk()
        return state

    def records(self, state: TrainState, until: int) -> Records:
        return Records(
            self.experiment, self.folder, self.identity, self.world, first=state.step, last=until
        )

    def batch(self, step: int) -> torch.Tensor:
        """The clean tokens (B, L) of the step after `step` steps."""
        size = self.experiment.training.batch_size
        return self.blocks[
            shuffled_indices(len(self.blocks), self.experiment.seed, step * size, size)
        ]


class Clock:
    """Time spent training, without validating and saving."""

    def __init__(self, step: int):
        self._step, self._start = step, time.perf_counter()

    def lap(self, step: int) -> tuple[int, float]:
        """Steps and seconds since the last lap."""
        now = time.perf_counter()
        steps, seconds = step - self._step, now - self._start
        self._step, self._start = step, now
        return steps, seconds

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self._start += time.perf_counter() - start

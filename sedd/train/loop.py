"""The training loop: load a batch, step, log, save."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from sedd import checkpoint
from sedd.build import build_graph, build_noise
from sedd.config import Experiment, checkpoint_steps, write_resolved
from sedd.data.dataset import TokenBlocks, shuffled_indices, unigram_counts
from sedd.errors import ConfigError, Problem
from sedd.paths import checkpoint_file, run_dir, tokens_dir
from sedd.progress import Progress, progress
from sedd.train.folder import drop_stray_states, newest_state, open_folder, sole_writer, state_file
from sedd.train.log import MetricsLog
from sedd.train.loss import build_loss
from sedd.train.state import TrainState
from sedd.train.step import StepResult, train_step
from sedd.train.stop import Interrupted, StopRequest
from sedd.train.validation import ValidationSet, validate


def train(
    experiment: Experiment, until: int | None = None, device: torch.device | str = "cpu"
) -> None:
    """Train up to step `until` (default: to the end) and publish each checkpoint as it lands.

    Goes on from the newest state of the same settings and data; what is there already is not trained again.
    Raises Interrupted after saving if a signal asks it to stop.
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
    with sole_writer(experiment.name):
        folder, identity = open_folder(experiment, blocks.meta["tokens_sha256"])
        write_resolved(experiment, run_dir(experiment.name) / "config.yaml")
        if not state_file(folder, steps[-1]).exists():
            trainer = Trainer(experiment, blocks, held_out, folder, identity, torch.device(device))
            trainer.run(steps)
        for step in steps:
            if state_file(folder, step).exists():
                checkpoint.publish(state_file(folder, step), checkpoint_file(experiment.name, step))


@dataclass
class Trainer:
    """One run in one process: what it learns from, where it writes, and on what device."""

    experiment: Experiment
    blocks: TokenBlocks
    held_out: TokenBlocks
    folder: Path
    identity: str
    device: torch.device

    def run(self, steps: list[int]) -> None:
        """Train to the last of `steps`, saving and publishing at each."""
        experiment, training = self.experiment, self.experiment.training
        graph = build_graph(experiment, self.blocks.meta["vocab_size"])
        noise = build_noise(experiment)
        state = self.start(steps[-1])
        loss = build_loss(experiment, graph, unigram_counts(self.blocks.folder))
        fixed = ValidationSet.draw(experiment, self.held_out, graph, noise)
        with (
            MetricsLog(self.folder, state.step) as log,
            StopRequest() as stop,
            progress(f"train {experiment.name}", steps[-1], "step", initial=state.step) as bar,
        ):
            clock = Clock(state.step)
            while state.step < steps[-1]:
                result = train_step(state, experiment, graph, noise, loss, self.batch(state.step))
                bar.update()
                if state.step % training.log_every == 0:
                    self.log(log, bar, state.step, result, clock)
                if state.step % training.validate_every == 0 or state.step == training.steps:
                    with clock.paused():
                        nats, error = validate(state, experiment, graph, noise, fixed)
                    log.write(
                        state.step, "validation", loss_nats_per_token=nats, standard_error=error
                    )
                if state.step in steps or stop.number is not None:
                    with clock.paused():
                        self.save(state, steps)
                if stop.number is not None:
                    raise Interrupted(stop.number)

    def start(self, until: int) -> TrainState:
        """The newest state up to step `until`, or a fresh one."""
        state = TrainState.fresh(self.experiment, self.blocks.meta["vocab_size"], self.device)
        if (found := newest_state(self.folder, self.identity, until)) is not None:
            state.load(found)
        if self.experiment.training.compile:
            state.model.compile_trunk()
        return state

    def batch(self, step: int) -> torch.Tensor:
        """The clean tokens (B, L) of the step after `step` steps."""
        size = self.experiment.training.batch_size
        return self.blocks[
            shuffled_indices(len(self.blocks), self.experiment.seed, step * size, size)
        ]

    def log(
        self, log: MetricsLog, bar: Progress, step: int, result: StepResult, clock: Clock
    ) -> None:
        steps, seconds = clock.lap(step)
        tokens = steps * self.experiment.training.batch_size * self.experiment.data.length
        loss = result.loss_nats_per_token.item()
        log.write(
            step,
            "train",
            loss_nats_per_token=loss,
            lr=result.lr,
            grad_norm=result.grad_norm.item(),
            tokens_per_second=tokens / seconds,
            seconds=seconds,
        )
        bar.note(loss=f"{loss:.3f} nats/token", rate=f"{tokens / seconds:,.0f} token/s")

    def save(self, state: TrainState, steps: list[int]) -> None:
        """Save the state; if a checkpoint is due, publish it and drop states kept only to resume from."""
        path = state_file(self.folder, state.step)
        checkpoint.save(state.to_checkpoint(self.experiment, self.identity), path)
        if state.step in steps:
            checkpoint.publish(path, checkpoint_file(self.experiment.name, state.step))
            drop_stray_states(self.folder, checkpoint_steps(self.experiment), state.step)


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

"""The training loop: load a batch, step, log, validate, save."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sedd.checkpoints import run_checkpoint as checkpoint
from sedd.checkpoints.build import build_objective
from sedd.checkpoints.initial import init_sha256, initial_weights
from sedd.config import Experiment, checkpoint_steps, write_resolved
from sedd.config.sections.data import Data
from sedd.data.dataset import AnyBlocks, open_blocks, shuffled_indices
from sedd.data.token_folder import token_counts
from sedd.diffusion import Absorb, score_shift
from sedd.errors import ConfigError, DataError, Problem
from sedd.model import ExponentialMovingAverage
from sedd.objective import Objective, ScoreEntropy
from sedd.paths import checkpoint_file, kept_checkpoint_file, run_dir
from sedd.runtime.device import autocast, check_precision
from sedd.runtime.distributed import World, warm_up_ddp_buckets, world
from sedd.runtime.publish import publish
from sedd.runtime.seeds import generator
from sedd.train.gradient_check import GradientCheck
from sedd.train.memory_need import check_memory
from sedd.train.recorder import Recorder
from sedd.train.saver import load_newest_state, state_file
from sedd.train.signals import Interrupted, note_stop_signals
from sedd.train.state import TrainState
from sedd.train.step import TrainingLoss, corrupt_local_rows, draw_vocabulary, train_step
from sedd.train.train_folder import convert_write_errors, open_folder, training_lock
from sedd.train.validation import validate, validation_set

# sequences that decide the shift from a denoiser to scores
SHIFT_SEQUENCES = 64


def train(
    experiment: Experiment, until: int | None = None, device: torch.device | str = "cpu"
) -> None:
    """Train up to step `until` (default: the last); publish each checkpoint once it is saved.

    Resumes from the newest state with the same settings and tokens. With torchrun's environment
    variables, this process is one rank of the run.
    Raises Interrupted if a signal stops the run, after saving its state; ConfigError if `until` is
    not the step of a checkpoint; CheckpointError if a checkpoint cannot be saved.
    """
    steps = checkpoint_steps(experiment)
    if until is not None:
        if until not in steps:
            allowed = ", ".join(map(str, steps))
            what = f"must be the step of a checkpoint: {allowed}; got {until}"
            raise ConfigError("command line", [Problem("--until", what)])
        steps = steps[: steps.index(until) + 1]
    check_precision(experiment.training.precision, device)
    run, data = experiment.name, experiment.data
    blocks, held_out = training_blocks(data)
    with (
        world(device) as ranks,
        convert_write_errors(run_dir(run)),
        contextlib.ExitStack() as stack,
    ):
        folder, identity = Path(), ""
        if ranks.is_first:
            stack.enter_context(training_lock(run))
            hashes = blocks.meta["tokens_sha256"], init_sha256(experiment)
            folder, identity = open_folder(
                experiment, *hashes, tokenizer_sha256=blocks.meta["tokenizer_sha256"]
            )
            write_resolved(experiment, run_dir(run) / "config.yaml")
        folder, identity = ranks.broadcast((folder, identity))
        if not ranks.broadcast(kept_checkpoint_file(run, steps[-1]).exists()):
            Trainer(experiment, blocks, held_out, folder, identity, ranks).run(steps)
        for step in steps if ranks.is_first else ():
            kept = kept_checkpoint_file(run, step)
            if kept.exists():
                publish(kept, checkpoint_file(run, step))


def training_blocks(data: Data) -> tuple[AnyBlocks, AnyBlocks]:
    """The training and the validation split. Raises DataError unless they share a vocabulary."""
    blocks, held_out = (
        open_blocks(data.dataset, data.tokenizer, split, data.length, data.blocks, with_text=False)
        for split in ("train", "validation")
    )
    if blocks.meta["tokenizer_sha256"] != held_out.meta["tokenizer_sha256"]:
        raise DataError(
            f"{held_out.folder}: made with another vocabulary than {blocks.folder}; tokenize again: "
            f"sedd tokenize --dataset {data.dataset} --tokenizer {data.tokenizer}"
        )
    return blocks, held_out


@dataclass
class Trainer:
    """One run on one rank: its data, its folder, and the process group."""

    experiment: Experiment
    blocks: AnyBlocks
    held_out: AnyBlocks
    folder: Path
    identity: str
    world: World

    def run(self, steps: list[int]) -> None:
        """Train to the last of `steps`; save and publish a checkpoint at each of them."""
        experiment, training, world = self.experiment, self.experiment.training, self.world
        counts = token_counts(self.blocks.folder)
        meta = self.blocks.meta
        objective = build_objective(
            experiment, meta["vocab_size"], counts, separator_id=meta["separator_id"]
        )
        state = self.start(steps[-1], objective, counts)
        loss = world.wrap(TrainingLoss(state.model, objective))
        if world.size > 1:
            self.warm_up(state, objective, loss)
        fixed = validation_set(experiment, self.held_out, objective)
        with contextlib.ExitStack() as stack:
            stop = stack.enter_context(note_stop_signals())
            recorder = self.recorder(state, steps[-1], stack)
            size = sum(one.numel() for one in state.model.parameters())
            recorder.announce(size, self.blocks.meta["num_tokens"])
            if state.step in steps and not self.has_checkpoint(state.step):
                recorder.save(state, public=True)  # the checkpoint was lost, its state was not
            if state.step == 0 and training.init:
                recorder.log_validation(0, *validate(state, experiment, objective, fixed, world))
            clock = Clock(state.step)
            gradients = GradientCheck(experiment, self.folder, recorder.finish_write)
            while state.step < steps[-1]:
                x0 = self.batch(state.step)
                result = train_step(state, experiment, objective, loss, x0, world)
                gradients.add(state.step, result)
                logs = state.step % training.log_every == 0
                validates = (
                    state.step % training.validate_every == 0 or state.step == training.steps
                )
                if logs or validates or gradients.is_due:
                    recorder.log_skipped(gradients.check(state), state.num_skipped)
                recorder.count_step()
                if logs:
                    total = world.all_sum(result.loss_nats_per_token)
                    recorder.log_step(state.step, total, result, clock.lap(state.step), x0.numel())
                if validates:
                    with clock.paused():
                        nats, error = validate(state, experiment, objective, fixed, world)
                    recorder.log_validation(state.step, nats, error)
                number = world.all_max(stop.number)
                public = state.step in steps
                if public or number or state.step % training.save_every == 0:
                    gradients.check(state)
                    with clock.paused():
                        recorder.save(state, public=public)
                if number:
                    raise Interrupted(number)

    def start(self, until: int, objective: Objective, token_counts: np.ndarray) -> TrainState:
        """Load the newest state up to step `until`, or create a fresh one."""
        meta, device = self.blocks.meta, self.world.device
        check_memory(self.experiment, meta["vocab_size"], device)
        state = TrainState.fresh(self.experiment, meta["vocab_size"], device, token_counts)
        state.tokenizer_sha256 = meta["tokenizer_sha256"]
        content = None
        if self.world.is_first:  # rank 0 selects the newest intact state
            content = load_newest_state(self.folder, self.identity, until)
        step = self.world.broadcast(content["step"] if content else None)
        if step is not None:
            content = content or checkpoint.load(state_file(self.folder, step))
            state.load(content)
            if self.world.is_first:
                self.announce_resume(step, content["world_size"])
        elif self.experiment.training.init:
            self.begin_with_source(state, objective)
        if self.experiment.training.compile:
            state.model.compile_trunk()
        return state

    def begin_with_source(self, state: TrainState, objective: Objective) -> None:
        """Give a fresh state the weights of `training.init`."""
        source = initial_weights(self.experiment)
        source.load_into(state.model)
        if source.needs_shift:
            assert isinstance(objective, ScoreEntropy), "only scores need a shift"
            assert isinstance(objective.graph, Absorb), "ensured by initial_weights"
            x0 = self.blocks[torch.arange(min(SHIFT_SEQUENCES, len(self.blocks)))]
            draws = generator(self.experiment.seed, "shift")
            shift = 0.0
            if self.world.is_first:
                model = state.model.eval()
                shift = score_shift(model, objective.graph, x0.to(self.world.device), draws)
            with torch.no_grad():
                state.model.vocabulary_layer()[1].add_(self.world.broadcast(shift))
        state.ema = ExponentialMovingAverage(state.model, self.experiment.training.ema_decay)
        source.start_average(state.ema)
        if self.world.is_first:
            print(
                f"{self.experiment.name}: begins with the weights of {source.name}, step {source.step}, "
                f"SHA-256 {source.sha256[:12]}",
                file=sys.stderr,
            )

    def announce_resume(self, step: int, world_size: int) -> None:
        text = f"{self.experiment.name}: resuming from step {step}"
        if world_size != self.world.size:
            text += (
                f" with {self.world.size} processes instead of {world_size}; sums are now rounded "
                "in another order, so the weights are no longer bit-for-bit equal to those of an "
                "uninterrupted run"
            )
        print(text, file=sys.stderr)

    def warm_up(self, state: TrainState, objective: Objective, loss: torch.nn.Module) -> None:
        """Fix the order of gradient buckets: a resumed run must round like an uninterrupted one."""
        experiment, step = self.experiment, state.step
        x0 = self.batch(step)
        local = corrupt_local_rows(experiment, objective, x0, step, self.world)
        drawn = draw_vocabulary(experiment, objective, x0, step, self.world)
        state.model.eval()

        def backward() -> None:
            with autocast(experiment.training.precision, self.world.device):
                loss(local.corrupted, drawn).sum().backward()

        warm_up_ddp_buckets(loss, backward)

    def recorder(self, state: TrainState, until: int, stack: contextlib.ExitStack) -> Recorder:
        return Recorder(
            self.experiment,
            self.folder,
            self.identity,
            self.world,
            stack,
            first=state.step,
            last=until,
        )

    def has_checkpoint(self, step: int) -> bool:
        return kept_checkpoint_file(self.experiment.name, step).exists()

    def batch(self, step: int) -> torch.Tensor:
        """Clean tokens (B, L) of the global batch that follows `step` completed steps."""
        size = self.experiment.training.batch_size
        return self.blocks[
            shuffled_indices(len(self.blocks), self.experiment.seed, step * size, size)
        ]


class Clock:
    """Measures training time, excluding validation and saving."""

    def __init__(self, step: int):
        self._step, self._start = step, time.perf_counter()

    def lap(self, step: int) -> tuple[int, float]:
        """Return the steps and seconds since the previous call."""
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

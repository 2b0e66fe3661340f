"""How an experiment is trained. The defaults are those of the paper's code."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sedd.config.base import ConfigModel, Rule
from sedd.config.values import Count, Fraction, TimeEps

Decay = Annotated[float, Field(ge=0, lt=1)]


class Training(ConfigModel):
    """AdamW with warm-up, clipping and a moving average of the weights."""

    steps: Count = 400_000
    """optimiser steps"""
    batch_size: Count = 512
    """sequences an optimiser step, over all devices and accumulated parts"""
    accum: Count = 1
    """parts that a batch is worked off in, to save memory; several devices share them out, and each has one at least"""
    lr: Annotated[float, Field(gt=0)] = 0.0003
    """learning rate after the warm-up"""
    beta1: Decay = 0.9
    """AdamW's decay of the mean gradient"""
    beta2: Decay = 0.999
    """AdamW's decay of the mean squared gradient"""
    eps: Annotated[float, Field(gt=0)] = 1e-8
    """AdamW's guard against division by zero"""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """AdamW's weight decay"""
    warmup_steps: Annotated[int, Field(ge=0)] = 2500
    """steps over which the learning rate rises linearly"""
    decay_fraction: Fraction = 0.0
    """last share of the steps, over which the rate falls linearly to zero; 0: never (paper)"""
    grad_clip: Annotated[float, Field(gt=0)] = 1.0
    """largest norm of the gradient"""
    ema_decay: Decay = 0.9999
    """decay of the weights' moving average; after n steps at most (1 + n) / (10 + n)"""
    time_eps: TimeEps = 0.001
    """times are drawn from [time_eps, 1]"""
    time_sampling: Literal["independent", "stratified"] = "independent"
    """independent: as in the paper; stratified: spread evenly over the batch, for less variance"""
    time_density: Literal["uniform", "reciprocal"] = "uniform"
    """uniform: as in the paper; reciprocal: as 1 / t, each time weighted by t, so that the mean loss is the same, but more
    of the work goes to texts with little noise, from which context is learnt"""
    vocabulary_draws: Count | None = None
    """tokens, drawn anew each step, from which the loss's sum over the vocabulary is estimated without bias (absorb only);
    null: the whole sum, as in the paper"""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """of the network's arithmetic; auto: bfloat16 on a GPU, float32 on a CPU"""
    compile: bool = False
    """whether torch.compile is applied to the network"""
    checkpoint_every: Count = 10_000
    """steps between checkpoints; the last step has one too"""
    save_every: Count = 1000
    """steps between states to resume from after a crash; a stop that is asked for saves one of its own"""
    keep_last: Count = 2
    """states to resume from that are kept, with the optimiser, beside all checkpoints, without it"""
    log_every: Count = 50
    """steps between two lines of metrics"""
    validate_every: Count = 1000
    """steps between two validations; the last step has one too"""
    validation_sequences: Count = 1024
    """sequences of the fixed validation set, each with its own fixed time"""


# Keys that change what is seen of the training, and no weight.
OBSERVING = frozenset(
    {
        "checkpoint_every",
        "save_every",
        "keep_last",
        "log_every",
        "validate_every",
        "validation_sequences",
    }
)


def parts_per_device(accum: int, num_devices: int) -> int:
    """Parts that each device works off, one after the other: no part is larger than on one device."""
    return -(-accum // num_devices)


def indivisible_batch(batch_size: int, accum: int, num_devices: int) -> str | None:
    """What is wrong with a batch that cannot be dealt out evenly, or None."""
    parts = parts_per_device(accum, num_devices) * num_devices
    if batch_size % parts == 0:
        return None
    below = batch_size // parts * parts
    near = " or ".join(str(size) for size in (below, below + parts) if size)
    by = f"training.accum {accum}"
    if num_devices > 1:
        by += f" shared by {num_devices} devices, {parts} parts"
    return f"must divide evenly by {by}, e.g. {near}; got {batch_size}"


def _at_most_steps(value: int, steps: int) -> str | None:
    return f"must be at most training.steps, {steps}; got {value}" if value > steps else None


TRAINING_RULES = (
    Rule(("training.batch_size", "training.accum"), lambda b, a: indivisible_batch(b, a, 1)),
    Rule(("training.warmup_steps", "training.steps"), _at_most_steps),
    Rule(("training.checkpoint_every", "training.steps"), _at_most_steps),
)

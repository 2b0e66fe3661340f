"""Section `training`. The defaults are those of the paper's code."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sedd.config.base import ConfigModel, Rule
from sedd.config.sections.objective import unused_by_autoregressive
from sedd.config.values import MAX_STEPS, Count, Fraction, StepCount, Text, TimeEps
from sedd.registry import GRAPHS, OBJECTIVES

MAX_CHECKPOINTS = 100_000
Decay = Annotated[float, Field(ge=0, lt=1)]


class Training(ConfigModel):
    """AdamW with warm-up, gradient clipping and an exponential moving average (EMA) of the
    weights."""

    steps: StepCount = 400_000
    """optimizer steps"""
    batch_size: Count = 512
    """sequences per optimizer step, over all devices and micro-batches"""
    accum: Count = 1
    """gradient-accumulation micro-batches per optimizer step, over all devices (at least one per
    device)"""
    lr: Annotated[float, Field(gt=0)] = 0.0003
    """learning rate after warm-up"""
    beta1: Decay = 0.9
    """AdamW's decay rate of the first moment"""
    beta2: Decay = 0.999
    """AdamW's decay rate of the second moment"""
    eps: Annotated[float, Field(gt=0)] = 1e-8
    """AdamW's epsilon, added to the denominator"""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """AdamW's weight decay"""
    warmup_steps: Annotated[int, Field(ge=0, le=MAX_STEPS)] = 2500
    """steps of linear learning-rate warm-up"""
    decay_fraction: Fraction = 0.0
    """fraction of the steps, at the end, in which the learning rate decays linearly to zero; 0: no
    decay, as in the paper"""
    grad_clip: Annotated[float, Field(gt=0)] = 1.0
    """maximum gradient norm; larger gradients are scaled down to it"""
    skip_nonfinite: Annotated[int, Field(ge=0, le=MAX_STEPS)] = 0
    """number of steps with a loss or gradient that is not finite to skip, without an update, before the
    training stops; 0: stop at the first"""
    ema_decay: Decay = 0.9999
    """decay rate of the EMA of the weights; after n steps at most (1 + n) / (10 + n)"""
    time_eps: TimeEps = 0.001
    """smallest training time: times are drawn from [time_eps, 1]"""
    time_sampling: Literal["independent", "stratified"] = "independent"
    """independent: one independent time per sequence, as in the paper; stratified: one time per
    equal part of the range, for less variance"""
    time_density: Literal["uniform", "reciprocal"] = "uniform"
    """uniform: as in the paper; reciprocal: density proportional to 1 / t with the loss weighted by
    t: the same expected loss, but more training on sequences with little noise"""
    vocabulary_draws: Count | None = None
    """tokens drawn at each step, beside the batch's own, for an unbiased estimate of the sum over the
    vocabulary in the loss of score_entropy; null: full sum, as in the paper"""
    output_init: Literal["zero", "unigram", "equal"] = "zero"
    """first weights of the vocabulary layer, without `init`; zero: as in the paper, which keeps a
    short training at the frequencies of the tokens for long; unigram: random, as those of other
    layers, and the bias is the log frequencies of the tokens (not for scores of the uniform graph);
    equal: one random row for all tokens, so that a uniform graph with `vocabulary_draws` soon learns
    how high all scores are, also of tokens that it has not drawn"""
    init: Text | None = None
    """model whose weights the training begins with: an experiment, a run, a checkpoint's file, or a
    published model's folder or hub id; null: random weights"""
    init_weights: Literal["average", "last"] = "average"
    """average: begin with the averaged weights of the source, as it is measured; last: with its
    newest weights, and continue its average"""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """precision of the network's arithmetic; auto: bfloat16 on a GPU, float32 on a CPU"""
    compile: bool = False
    """whether to apply torch.compile to the network"""
    checkpoint_every: StepCount = 10_000
    """steps between checkpoints; the last step always has one"""
    save_every: StepCount = 1000
    """steps between saved training states, from which a run resumes after a crash; a requested stop
    saves one too"""
    keep_last: Count = 2
    """number of saved training states (with optimizer) to keep; checkpoints (without optimizer) are
    all kept"""
    log_every: StepCount = 50
    """steps between log entries"""
    validate_every: StepCount = 1000
    """steps between validations; the last step always has one"""
    validation_sequences: Count = 1024
    """size of the fixed validation set; each sequence has a fixed time"""


def micro_batches_per_device(accum: int, num_devices: int) -> int:
    """Micro-batches per device in one optimizer step.

    Rounded up, so that a micro-batch is never larger than with a single device.
    """
    return -(-accum // num_devices)


def indivisible_batch(batch_size: int, accum: int, num_devices: int) -> str | None:
    """Message for a batch that cannot be split into equal micro-batches, or None."""
    parts = micro_batches_per_device(accum, num_devices) * num_devices
    if batch_size % parts == 0:
        return None
    below = batch_size // parts * parts
    near = " or ".join(str(size) for size in (below, below + parts) if size)
    by = f"training.accum {accum}"
    if num_devices > 1:
        by += f" on {num_devices} devices, {parts} micro-batches"
    return f"must be divisible by {by}, e.g. {near}; got {batch_size}"


def _at_most_steps(value: int, steps: int) -> str | None:
    return f"must be at most training.steps, {steps}; got {value}" if value > steps else None


def _few_checkpoints(every: int, steps: int) -> str | None:
    if steps <= MAX_CHECKPOINTS * every:
        return None
    least = -(-steps // MAX_CHECKPOINTS)
    return f"must be at least {least}, for at most {MAX_CHECKPOINTS:,} checkpoints; got {every}"


def _estimates_scores_only(vocabulary_draws: int | None, objective: str) -> str | None:
    if vocabulary_draws is None or OBJECTIVES[objective].predicts_scores:
        return None
    return (
        f"must be null with objective.type {objective}, whose loss needs the full sum; "
        f"got {vocabulary_draws}"
    )


def _begins_with_frequencies(output_init: str, graph: str, objective: str) -> str | None:
    if output_init != "unigram" or GRAPHS[graph].has_mask:
        return None
    if not OBJECTIVES[objective].predicts_scores:
        return None
    return (
        f"must be zero or equal with graph.type {graph}: its scores are ratios to the present token, not "
        "frequencies; got unigram"
    )


def _first_step_is_trained(time_eps: float, num_steps: int) -> str | None:
    if time_eps < 1 / num_steps:
        return None
    return (
        f"must be below 1 / objective.num_steps, {1 / num_steps:g}, so that the first step is "
        f"trained; got {time_eps:g}"
    )


def _chooses_weights(weights: str, init: str | None) -> str | None:
    if weights == Training().init_weights or init is not None:
        return None
    return f"has no effect without training.init; leave it out; got {weights}"


RULES = (
    Rule(
        ("training.output_init", "graph.type", "objective.type"),
        _begins_with_frequencies,
    ),
    Rule(("training.init_weights", "training.init"), _chooses_weights),
    Rule(("training.batch_size", "training.accum"), lambda b, a: indivisible_batch(b, a, 1)),
    Rule(("training.warmup_steps", "training.steps"), _at_most_steps),
    Rule(("training.checkpoint_every", "training.steps"), _at_most_steps),
    Rule(("training.checkpoint_every", "training.steps"), _few_checkpoints),
    Rule(("training.vocabulary_draws", "objective.type"), _estimates_scores_only),
    Rule(("training.time_eps", "objective.num_steps"), _first_step_is_trained),
    *unused_by_autoregressive("training", Training(), "time_eps", "time_sampling", "time_density"),
)

"""The least memory of a training, estimated from its settings before anything is allocated."""

from __future__ import annotations

import torch

from sedd.checkpoints.build import parameters_of
from sedd.config import Experiment
from sedd.errors import ConfigError, Problem
from sedd.runtime.memory import gibibytes, total_memory

WEIGHTS = 4  # bytes of a parameter, float32
TRAINING = 5 * WEIGHTS  # weights, gradient, two moments of AdamW, moving average
SAVING = 4 * WEIGHTS  # the copy in host memory that is written: all but the gradient


def check_memory(experiment: Experiment, vocab_size: int, device: torch.device) -> None:
    """Raise ConfigError if a network, its optimizer and its average cannot fit into memory.

    The estimate is a lower bound: it leaves out activations, which depend on the batch.
    """
    count = parameters_of(experiment, vocab_size)
    cpu = torch.device("cpu")
    needs = {cpu: SAVING} if device.type == "cuda" else {cpu: TRAINING + SAVING}
    if device.type == "cuda":
        needs[device] = TRAINING
    problems = []
    for where, size in needs.items():
        needed, there = count * size, total_memory(where)
        if needed > there:
            kind = "the GPU" if where.type == "cuda" else "this machine"
            what = (
                f"needs at least {gibibytes(needed)} of memory, without activations: {count:,} parameters "
                f"of {size} bytes, for weights, optimizer, average and saving; {kind} has "
                f"{gibibytes(there)}; lower hidden_size or n_blocks"
            )
            problems.append(Problem("model", what))
    if problems:
        raise ConfigError(experiment.name, problems)

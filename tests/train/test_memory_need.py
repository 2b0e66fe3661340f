"""Memory that cannot be had is told before anything is allocated."""

import pytest
import torch
from helpers.project import invoke

from sedd.config import load_experiment
from sedd.errors import ConfigError
from sedd.runtime.memory import out_of_memory, total_memory
from sedd.train import memory_need
from sedd.train.memory_need import SAVING, TRAINING, check_memory
from sedd.train.state import TrainState

CPU = torch.device("cpu")
PEOPLE = ["model.hidden_size=1000000", "model.n_heads=10000", "data.dataset=corpus"]


def test_a_network_that_no_machine_holds_is_refused_with_what_it_needs(corpus):
    result = invoke("train", "smoke_absorb", *PEOPLE, "--name", "huge", check=False)
    assert result.returncode == 2
    line = result.stderr.splitlines()[-1]
    assert "model: needs at least 80" in line  # 24e12 parameters of 36 bytes are 805,000 GiB
    assert "24,0" in line
    assert f"{total_memory(CPU) / 2**30:,.1f} GiB; lower hidden_size or n_blocks" in line


def test_the_estimate_counts_what_a_training_allocates(monkeypatch, project):
    experiment = load_experiment("smoke_absorb")
    state = TrainState.fresh(experiment, 27, CPU)
    for parameter in state.model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    state.optimizer.step()
    weights = [*state.model.parameters()]
    moments = [part for one in state.optimizer.state.values() for part in one.values()]
    held = [*weights, *(one.grad for one in weights), *state.ema.shadow.values(), *moments]
    scalars = sum(one.numel() == 1 and one.dim() == 0 for one in moments) * 4
    expected = sum(one.numel() * one.element_size() for one in held) - scalars
    count = sum(one.numel() for one in weights)
    assert count * TRAINING == expected
    for there, fits in (
        (count * (TRAINING + SAVING), True),
        (count * (TRAINING + SAVING) - 1, False),
    ):
        monkeypatch.setattr(memory_need, "total_memory", lambda _, there=there: there)
        if fits:
            check_memory(experiment, 27, CPU)
        else:
            with pytest.raises(ConfigError, match="needs at least 0"):
                check_memory(experiment, 27, CPU)


def test_errors_that_lack_memory_are_recognized():
    import numpy as np

    for allocate in (
        lambda: torch.empty(2**50),
        lambda: torch.empty(2**62, 8),
        lambda: np.ones(2**55),
        lambda: bytearray(2**60),
    ):
        with pytest.raises((RuntimeError, MemoryError)) as caught:
            allocate()
        assert "not enough memory" in (out_of_memory(caught.value) or ""), caught.value
    assert "2.50 GiB more" in out_of_memory(
        torch.OutOfMemoryError("CUDA: Tried to allocate 2.50 GiB.")
    )
    assert out_of_memory(RuntimeError("shapes differ")) is None


def test_a_batch_that_no_machine_holds_is_one_line(project):
    from helpers.untrained_run import untrained_run

    untrained_run("smoke_absorb")
    huge = ["--batch-size", "10000000", "--count", "10000000", "--length", "32", "--steps", "1"]
    result = invoke("sample", "smoke_absorb", *huge, "--option", "length=10000000", check=False)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr

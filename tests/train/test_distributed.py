"""Training with several ranks gives the result of training with one."""

import json
import signal
import time

import pytest
import torch
from helpers.processes import finish, start
from test_resume import OVERRIDES, assert_same, experiment, state

from sedd.paths import checkpoint_file, metrics_file, train_dir
from sedd.runtime.distributed import World
from sedd.train import train
from sedd.train.saver import state_steps

# 24 sequences divide evenly over 1, 2, 3 and 4 ranks; dropout is on, as in the preset
LOOK = ["training.log_every=1", "training.batch_size=24", "training.accum=4"]


def words(name: str, *more: str) -> list[str]:
    return ["train", "smoke_absorb", *OVERRIDES, *LOOK, *more, "--name", name]


def curve(name: str, kind: str = "train", value: str = "loss_nats_per_token") -> torch.Tensor:
    lines = map(json.loads, metrics_file(name).read_text().splitlines())
    return torch.tensor(
        [line[value] for line in lines if line["kind"] == kind], dtype=torch.float64
    )


def wait_for_steps(name: str, count: int, processes) -> None:
    """Wait until the run has logged more than `count` training steps."""
    path, deadline = metrics_file(name), time.monotonic() + 120
    while not (path.exists() and path.read_text().count('"kind": "train"') > count):
        assert time.monotonic() < deadline, "the run did not start"
        assert all(process.runs() for process in processes), "the run ended early"
        time.sleep(0.005)


def test_the_loss_curve_does_not_depend_on_the_number_of_processes(corpus):
    train(experiment("alone", *LOOK))
    assert [code for code, _ in finish(start(4, *words("many")))] == [0] * 4
    for kind, value in (
        ("train", "loss_nats_per_token"),
        ("train", "grad_norm"),
        ("validation", "loss_nats_per_token"),
    ):
        alone, many = curve("alone", kind, value), curve("many", kind, value)
        assert len(alone) == {"train": 60, "validation": 2}[kind]
        # float32 sums have a relative error of 6e-8, which AdamW's first steps amplify by dividing
        # by small second moments
        torch.testing.assert_close(many, alone, rtol=2e-4, atol=0)
    # the comparison can tell runs apart: another seed gives another curve
    train(experiment("other", *LOOK, "seed=2"))
    assert (curve("other") / curve("alone") - 1).abs().max() > 0.05


SLOW = ["training.steps=120", "training.checkpoint_every=60", "training.save_every=10"]


def test_three_ranks_resume_after_a_signal_to_one_and_after_a_kill_with_the_same_weights(corpus):
    # three ranks: a sum of three depends on its order, which DistributedDataParallel changes after
    # the first backward pass
    assert [code for code, _ in finish(start(3, *words("whole", *SLOW)))] == [0, 0, 0]
    processes = start(3, *words("stopped", *SLOW))
    wait_for_steps("stopped", 25, processes)
    processes[1].send_signal(signal.SIGUSR2)
    for code, stderr in finish(processes):
        assert code == 128 + signal.SIGUSR2
        assert "the state is saved" in stderr
    stopped_at = max(state_steps(train_dir("stopped")))
    assert 25 <= stopped_at < 120

    processes = start(3, *words("stopped", *SLOW))
    wait_for_steps("stopped", 80, processes)
    processes[1].send_signal(signal.SIGKILL)
    codes, told = zip(*finish(processes), strict=True)
    assert codes[1] == -signal.SIGKILL
    assert 0 not in (codes[0], codes[2])
    assert "no longer bit-for-bit equal" not in told[0]
    assert not checkpoint_file("stopped", 120).exists()

    assert [code for code, _ in finish(start(3, *words("stopped", *SLOW)))] == [0, 0, 0]
    assert_same(state("whole", 120), state("stopped", 120))


def test_resuming_with_another_number_of_ranks_warns_about_rounding(corpus):
    train(experiment("alone", *LOOK))
    train(experiment("grown", *LOOK), until=30)
    outputs = [stderr for _, stderr in finish(start(2, *words("grown")))]
    assert "resuming from step 30 with 2 processes instead of 1" in outputs[0]
    assert "no longer bit-for-bit equal" in outputs[0]
    assert "resuming" not in outputs[1]
    torch.testing.assert_close(curve("grown"), curve("alone"), rtol=2e-4, atol=0)


@pytest.mark.parametrize(("count", "size"), [(24, 3), (7, 3), (2, 4), (0, 2)])
def test_local_rows_are_in_rank_order_disjoint_and_complete(count, size):
    cpu = torch.device("cpu")
    parts = [range(count)[World(cpu, rank, size).local_rows(count)] for rank in range(size)]
    assert [row for part in parts for row in part] == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1

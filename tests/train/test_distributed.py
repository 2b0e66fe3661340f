"""Several processes train what one would have trained."""

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

# 24 sequences, so that 1, 2, 3 and 4 processes have equal shares; dropout is on, as in the preset
LOOK = ["training.log_every=1", "training.batch_size=24", "training.accum=4"]


def words(name: str, *more: str) -> list[str]:
    return ["train", "smoke_absorb", *OVERRIDES, *LOOK, *more, "--name", name]


def curve(name: str, kind: str = "train", value: str = "loss_nats_per_token") -> torch.Tensor:
    lines = map(json.loads, metrics_file(name).read_text().splitlines())
    return torch.tensor(
        [line[value] for line in lines if line["kind"] == kind], dtype=torch.float64
    )


def wait_for_steps(name: str, count: int, processes) -> None:
    """Until a run has logged more than `count` steps; its file has lines of other kinds, too."""
    path, deadline = metrics_file(name), time.monotonic() + 120
    while not (path.exists() and path.read_text().count('"kind": "train"') > count):
        assert time.monotonic() < deadline, "the run did not get going"
        assert all(process.poll() is None for process in processes), "the run ended early"
        time.sleep(0.005)


@pytest.mark.parametrize("size", [2, 4])
def test_the_loss_curve_does_not_depend_on_the_number_of_processes(corpus, size):
    train(experiment("alone", *LOOK))
    assert [code for code, _ in finish(start(size, *words("many")))] == [0] * size
    for kind, value in (
        ("train", "loss_nats_per_token"),
        ("train", "grad_norm"),
        ("validation", "loss_nats_per_token"),
    ):
        alone, many = curve("alone", kind, value), curve("many", kind, value)
        assert len(alone) == {"train": 60, "validation": 2}[kind]
        # float32 rounds each sum to 6e-8; AdamW's first steps divide by small numbers and enlarge that
        torch.testing.assert_close(many, alone, rtol=2e-4, atol=0)
    # and the equality is not that of curves that cannot tell runs apart
    train(experiment("other", *LOOK, "seed=2"))
    assert (curve("other") / curve("alone") - 1).abs().max() > 0.05


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGTERM])
def test_a_signal_to_one_process_stops_all_and_they_go_on_to_the_same_weights(corpus, number):
    # three processes: sums of three depend on their order, which DistributedDataParallel changes after its first
    slow = ["training.steps=120", "training.checkpoint_every=60"]
    assert [code for code, _ in finish(start(3, *words("whole", *slow)))] == [0, 0, 0]
    processes = start(3, *words("stopped", *slow))
    wait_for_steps("stopped", 50, processes)
    processes[1].send_signal(number)
    for code, said in finish(processes):
        assert code == 128 + number
        assert "the state is saved" in said
    assert not checkpoint_file("stopped", 120).exists()
    (stopped_at,) = [step for step in state_steps(train_dir("stopped")) if step % 60]
    for _, said in finish(start(3, *words("stopped", *slow))):
        assert "no longer equal" not in said
    assert 50 <= stopped_at < 120
    assert_same(state("whole", 120), state("stopped", 120))


def test_a_killed_process_takes_the_others_along_and_the_run_goes_on(corpus):
    slow = ["training.steps=120", "training.checkpoint_every=60", "training.save_every=10"]
    assert [code for code, _ in finish(start(2, *words("whole", *slow)))] == [0, 0]
    processes = start(2, *words("killed", *slow))
    wait_for_steps("killed", 50, processes)
    processes[1].kill()
    codes = [code for code, _ in finish(processes)]
    assert codes[0] != 0
    assert codes[1] == -signal.SIGKILL
    assert [code for code, _ in finish(start(2, *words("killed", *slow)))] == [0, 0]
    assert_same(state("whole", 120), state("killed", 120))


def test_another_number_of_processes_goes_on_and_says_that_rounding_differs(corpus):
    train(experiment("alone", *LOOK))
    train(experiment("grown", *LOOK), until=30)
    said = [text for _, text in finish(start(2, *words("grown")))]
    assert "goes on at step 30 in 2 processes, after 1" in said[0]
    assert "goes on" not in said[1]
    torch.testing.assert_close(curve("grown"), curve("alone"), rtol=2e-4, atol=0)


@pytest.mark.parametrize(("count", "size"), [(24, 3), (7, 3), (2, 4), (0, 2)])
def test_shares_are_in_order_disjoint_and_complete(count, size):
    shares = [range(count)[World(torch.device("cpu"), r, size).share(count)] for r in range(size)]
    assert [row for share in shares for row in share] == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1

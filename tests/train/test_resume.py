"""A run that was stopped, killed or moved goes on as if nothing had happened."""

import json
import signal
import subprocess
import time

import pytest
import torch
from project import BIN

from sedd import checkpoint
from sedd.checkpoint import steps_present
from sedd.config import load_experiment
from sedd.errors import ConfigError, DataError
from sedd.paths import checkpoint_file, metrics_file, run_dir, train_dir
from sedd.train import train

OVERRIDES = ["data.dataset=corpus", "evaluation.datasets=[corpus]", "training.decay_fraction=0.3"]


def experiment(name: str, *more: str):
    return load_experiment("smoke_absorb", [*OVERRIDES, *more], rename=name)


def state(name: str, step: int) -> dict:
    content = checkpoint.load(checkpoint_file(name, step))
    return {key: content[key] for key in ("step", "model", "ema", "optimizer")}


def assert_same(a, b) -> None:
    """Equality to the last bit, through nested dictionaries and lists."""
    assert type(a) is type(b)
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for left, right in zip(a, b, strict=True):
            assert_same(left, right)
    else:
        assert a == b


def test_a_run_in_two_parts_equals_a_run_in_one(corpus):
    train(experiment("whole"))
    train(experiment("parts"), until=30)
    assert not checkpoint_file("parts", 60).exists()
    train(experiment("parts"))
    assert_same(state("whole", 60), state("parts", 60))
    # and the equality is not that of two untrained networks
    first, last = state("whole", 30), state("whole", 60)
    assert not torch.equal(
        first["model"]["output_layer.linear.weight"], last["model"]["output_layer.linear.weight"]
    )


def test_another_seed_gives_another_run(corpus):
    train(experiment("one"), until=30)
    train(experiment("two", "seed=2"), until=30)
    one, two = (state(name, 30)["model"]["output_layer.linear.weight"] for name in ("one", "two"))
    assert not torch.equal(one, two)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_stopped_process_goes_on_to_the_same_weights(corpus, number):
    slow = ["training.log_every=1", "training.steps=120", "training.checkpoint_every=40"]
    train(experiment("whole", *slow))
    words = [BIN / "sedd", "train", "smoke_absorb", *OVERRIDES, *slow, "--name", "stopped"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    metrics = metrics_file("stopped")
    deadline = time.monotonic() + 120
    while not (metrics.exists() and metrics.read_text().count("\n") > 50):
        assert time.monotonic() < deadline, "the run did not get going"
        assert process.poll() is None, "the run ended before it was stopped"
        time.sleep(0.005)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    if number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 128 + number
        assert "the state is saved" in said
    assert not checkpoint_file("stopped", 120).exists()

    subprocess.run(words, check=True, capture_output=True)
    assert_same(state("whole", 120), state("stopped", 120))
    kept = sorted(path.name for path in train_dir("stopped").glob("step_*.pt"))
    assert kept == ["step_120.pt", "step_40.pt", "step_80.pt"]


def test_a_finished_run_is_not_trained_again(corpus):
    train(experiment("done"))
    before = checkpoint_file("done", 60).stat()
    train(experiment("done"))
    after = checkpoint_file("done", 60).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_lost_public_checkpoint_comes_back_without_training(corpus):
    train(experiment("lost"))
    lines = metrics_file("lost").read_text()
    checkpoint_file("lost", 60).unlink()
    train(experiment("lost"), until=60)
    assert checkpoint_file("lost", 60).exists()
    assert metrics_file("lost").read_text() == lines


def test_a_damaged_state_is_named_and_the_one_before_is_taken(corpus, capsys):
    train(experiment("whole"))
    train(experiment("damaged"))
    whole = (train_dir("damaged") / "step_60.pt").read_bytes()
    (train_dir("damaged") / "step_60.pt").unlink()
    checkpoint_file("damaged", 60).unlink()
    (train_dir("damaged") / "step_45.pt").write_bytes(whole[: len(whole) // 2])
    train(experiment("damaged"))
    assert "step_45.pt" in capsys.readouterr().err
    assert_same(state("whole", 60), state("damaged", 60))


def test_other_settings_train_anew_and_the_old_states_come_back_with_theirs(corpus, capsys):
    train(experiment("run"))
    first = state("run", 30)
    changed = experiment("run").model_copy(update={"seed": 7})
    train(changed, until=30)
    assert "trains anew" in capsys.readouterr().err
    # checkpoints of the old settings are no longer public: the newest one is that of the new settings
    assert steps_present(run_dir("run")) == [30]
    assert not torch.equal(
        first["model"]["output_layer.linear.weight"],
        state("run", 30)["model"]["output_layer.linear.weight"],
    )
    train(experiment("run"), until=30)
    assert_same(first, state("run", 30))


def test_two_trainers_never_write_into_one_folder(corpus):
    words = [BIN / "sedd", "train", "smoke_absorb", *OVERRIDES, "--name", "shared"]
    both = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("is training it; waiting" in text for text in said) == 1
    train(experiment("alone"))
    assert_same(state("alone", 60), state("shared", 60))
    steps = [
        line["step"]
        for line in map(json.loads, metrics_file("shared").read_text().splitlines())
        if line["kind"] == "train"
    ]
    assert steps == sorted(set(steps))


def test_the_run_records_its_resolved_settings(corpus):
    train(experiment("recorded"), until=30)
    assert "data.dataset=corpus" in (run_dir("recorded") / "config.yaml").read_text()
    assert load_experiment("recorded") == experiment("recorded")


def test_a_text_too_short_for_a_block_is_told_before_training(corpus):
    with pytest.raises(DataError, match="too few for one block"):
        train(experiment("long", "data.length=1000000"))
    assert not run_dir("long").exists()


def test_a_step_that_is_no_checkpoint_is_told_with_those_that_are(corpus):
    for until in (10, 45):
        with pytest.raises(
            ConfigError, match=f"must be the step of a checkpoint: 30, 60; got {until}"
        ):
            train(experiment("between"), until=until)

"""A run that was stopped, killed or damaged resumes with the weights of an uninterrupted run."""

import json
import os
import resource
import shutil
import signal
import subprocess
import time

import pytest
import torch
from helpers.programs import Program
from helpers.project import command

from sedd import load_model
from sedd.checkpoints import run_checkpoint as checkpoint
from sedd.checkpoints.run_folder import steps_present
from sedd.config import load_experiment
from sedd.errors import CheckpointError, ConfigError, DataError
from sedd.paths import checkpoint_file, metrics_file, run_dir, train_dir
from sedd.train import train
from sedd.train.saver import state_file, state_steps

OVERRIDES = ["data.dataset=corpus", "evaluation.datasets=[corpus]", "training.decay_fraction=0.3"]


def experiment(name: str, *more: str):
    return load_experiment("smoke_absorb", [*OVERRIDES, *more], rename=name)


def state(name: str, step: int) -> dict:
    """Weights of the checkpoint at `step`, with the optimizer if its state is still kept."""
    content = checkpoint.load(checkpoint_file(name, step))
    weights = {key: content[key] for key in ("step", "model", "ema")}
    path = state_file(train_dir(name), step)
    return weights | ({"optimizer": checkpoint.load(path)["optimizer"]} if path.exists() else {})


def assert_same(a, b) -> None:
    """Assert bitwise equality of nested dictionaries, lists and tensors."""
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


def test_a_resumed_run_equals_an_uninterrupted_run(corpus):
    train(experiment("whole"))
    train(experiment("parts"), until=30)
    assert not checkpoint_file("parts", 60).exists()
    train(experiment("parts"))
    assert_same(state("whole", 60), state("parts", 60))
    # the comparison is not between untrained networks: the weights changed
    first, last = state("whole", 30), state("whole", 60)
    assert not torch.equal(
        first["model"]["output_layer.linear.weight"], last["model"]["output_layer.linear.weight"]
    )


def test_a_resumed_run_writes_the_bytes_of_an_uninterrupted_one(corpus):
    few = ["training.steps=8", "training.checkpoint_every=4", "training.warmup_steps=2"]

    def trained(*until: int | None) -> dict[str, bytes]:
        for step in until:
            train(experiment("run", *few), until=step)
        written = {path.name: path.read_bytes() for path in train_dir("run").glob("*.pt")}
        shutil.rmtree(run_dir("run"))
        return written

    whole = trained(None)
    assert sorted(whole) == ["state_4.pt", "state_8.pt", "step_4.pt", "step_8.pt"]
    assert trained(4, None) == whole


def test_another_seed_gives_other_weights(corpus):
    train(experiment("one"), until=30)
    train(experiment("two", "seed=2"), until=30)
    one, two = (state(name, 30)["model"]["output_layer.linear.weight"] for name in ("one", "two"))
    assert not torch.equal(one, two)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_stopped_process_resumes_and_ends_with_the_same_weights(corpus, number):
    slow = ["training.log_every=1", "training.steps=120", "training.checkpoint_every=40"]
    train(experiment("whole", *slow))
    words = ["sedd", "train", "smoke_absorb", *OVERRIDES, *slow, "--name", "stopped"]
    process = Program(*words, folder=corpus, environment={**os.environ})
    metrics = metrics_file("stopped")
    deadline = time.monotonic() + 120
    while not (metrics.exists() and metrics.read_text().count("\n") > 50):
        assert time.monotonic() < deadline, "the run did not start"
        assert process.runs(), "the run ended before it was stopped"
        time.sleep(0.005)
    process.send_signal(number)
    stopped = process.finish()
    if number == signal.SIGKILL:
        assert stopped.returncode == -signal.SIGKILL
    else:
        assert stopped.returncode == 128 + number
        assert "the state is saved" in stopped.stderr
    assert not checkpoint_file("stopped", 120).exists()

    command(corpus, *words)
    assert_same(state("whole", 120), state("stopped", 120))
    kept = sorted(path.name for path in train_dir("stopped").glob("step_*.pt"))
    assert kept == ["step_120.pt", "step_40.pt", "step_80.pt"]


def test_a_finished_run_is_not_trained_again(corpus):
    train(experiment("done"))
    before = checkpoint_file("done", 60).stat()
    train(experiment("done"))
    after = checkpoint_file("done", 60).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_lost_public_checkpoint_is_restored_without_training(corpus):
    train(experiment("lost"))
    lines = metrics_file("lost").read_text()
    checkpoint_file("lost", 60).unlink()
    train(experiment("lost"), until=60)
    assert checkpoint_file("lost", 60).exists()
    assert metrics_file("lost").read_text() == lines


def cut_short(content: bytes) -> bytes:
    return content[: len(content) // 2]


def one_bit_flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [cut_short, one_bit_flipped])
def test_a_damaged_state_is_reported_and_the_previous_one_is_used(corpus, capsys, damage):
    train(experiment("whole"))
    train(experiment("damaged"))
    last = state_file(train_dir("damaged"), 60)
    last.write_bytes(damage(last.read_bytes()))
    for path in (train_dir("damaged") / "step_60.pt", checkpoint_file("damaged", 60)):
        path.unlink()
    capsys.readouterr()
    train(experiment("damaged"))
    stderr = capsys.readouterr().err
    assert f"{last}: damaged" in stderr
    assert "damaged: resuming from step 30\n" in stderr
    assert "50% 30/60" in stderr
    assert_same(state("whole", 60), state("damaged", 60))


def test_a_damaged_checkpoint_is_not_used(corpus):
    train(experiment("damaged"))
    path = checkpoint_file("damaged", 60)
    content = one_bit_flipped(path.read_bytes())
    path.unlink()  # a hard link: the trainer's own file stays intact
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"step_60\.pt: damaged: its SHA-256 is"):
        load_model("damaged")
    train(experiment("damaged"))
    load_model("damaged")


def test_the_hash_file_of_a_checkpoint_is_readable_by_sha256sum(corpus):
    train(experiment("hashed"))
    command = ["sha256sum", "--check", "step_30.pt.sha256", "step_60.pt.sha256"]
    subprocess.run(command, cwd=checkpoint_file("hashed", 60).parent, check=True)


def test_only_the_last_states_are_kept_and_checkpoints_have_no_optimizer(corpus):
    train(experiment("kept", "training.save_every=10", "training.keep_last=3"))
    assert state_steps(train_dir("kept")) == [40, 50, 60]
    assert steps_present(run_dir("kept")) == [30, 60]
    assert "optimizer" not in checkpoint.load(checkpoint_file("kept", 60))
    left = {path.name for path in train_dir("kept").iterdir()}
    assert {name for name in left if name.endswith(".sha256")} == {
        f"{name}.pt.sha256" for name in ("state_40", "state_50", "state_60", "step_30", "step_60")
    }


def test_a_lost_checkpoint_is_restored_from_its_state(corpus):
    train(experiment("lost"))
    lines = metrics_file("lost").read_text()
    for path in (train_dir("lost") / "step_60.pt", checkpoint_file("lost", 60)):
        path.unlink()
    before = state("lost", 30)
    train(experiment("lost"))
    assert_same(state("lost", 60)["ema"], checkpoint.load(state_file(train_dir("lost"), 60))["ema"])
    assert_same(before, state("lost", 30))
    assert [line for line in lines.splitlines() if '"train"' in line] == [
        line for line in metrics_file("lost").read_text().splitlines() if '"train"' in line
    ]


def test_a_write_failure_is_reported_and_loses_nothing(corpus):
    """Uses the process's limit on file size; tests/slurm has a test with a full disk."""
    train(experiment("whole"))
    train(experiment("full"), until=30)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(CheckpointError, match=r"cannot be saved: File too large"):
            train(experiment("full"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert steps_present(run_dir("full")) == [30]
    assert not list(train_dir("full").glob(".*"))
    train(experiment("full"))
    assert_same(state("whole", 60), state("full", 60))


def test_changed_settings_train_from_the_beginning_and_old_states_return_with_old_settings(
    corpus, capsys
):
    train(experiment("run"))
    first = state("run", 30)
    changed = experiment("run").model_copy(update={"seed": 7})
    train(changed, until=30)
    assert "training from the beginning" in capsys.readouterr().err
    # checkpoints with the old settings are no longer public
    assert steps_present(run_dir("run")) == [30]
    assert not torch.equal(
        first["model"]["output_layer.linear.weight"],
        state("run", 30)["model"]["output_layer.linear.weight"],
    )
    train(experiment("run"), until=30)
    assert_same(first, state("run", 30))


def test_two_trainers_never_write_into_one_folder(corpus):
    words = ["sedd", "train", "smoke_absorb", *OVERRIDES, "--name", "shared"]
    both = [Program(*words, folder=corpus, environment={**os.environ}) for _ in range(2)]
    results = [process.finish() for process in both]
    assert [result.returncode for result in results] == [0, 0]
    assert sum("is training this run; waiting" in result.stderr for result in results) == 1
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


def test_a_text_too_short_for_a_block_is_rejected_before_training(corpus):
    with pytest.raises(DataError, match="too few for one block"):
        train(experiment("long", "data.length=1000000"))
    assert not run_dir("long").exists()


def test_a_step_without_a_checkpoint_is_rejected_with_the_allowed_steps(corpus):
    for until in (10, 45):
        with pytest.raises(
            ConfigError, match=f"must be the step of a checkpoint: 30, 60; got {until}"
        ):
            train(experiment("between"), until=until)

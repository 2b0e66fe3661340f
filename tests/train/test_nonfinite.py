"""A loss or gradient that is not finite is never applied, saved or logged as a number."""

import json
import os
import re

import pytest
import torch
from helpers.processes import finish, start
from helpers.project import invoke
from test_resume import OVERRIDES, assert_same, experiment, state

from sedd import cli
from sedd.checkpoints import run_checkpoint
from sedd.checkpoints.run_folder import steps_present
from sedd.errors import TrainingError
from sedd.objective import ScoreEntropy
from sedd.paths import checkpoint_file, metrics_file, run_dir, train_dir
from sedd.train import gradient_check, step, train
from sedd.train.saver import state_file, state_steps

OFTEN = ["training.log_every=1", "training.save_every=5"]


def poison(monkeypatch, *calls: int, value: float = float("inf")) -> None:
    """Add `value` to the training loss of one sequence in these calls (two a step, counted from 0);
    the gradient of the sum stays finite."""
    loss, count = ScoreEntropy.loss, iter(range(10**6))

    def poisoned(self, model, batch, draws):
        nats = loss(self, model, batch, draws)
        if model.training and next(count) in calls:
            nats = nats + torch.tensor([value] + [0.0] * (len(nats) - 1))
        return nats

    monkeypatch.setattr(ScoreEntropy, "loss", poisoned)


def refuse(text: str):
    raise ValueError(f"{text} is not JSON")


def lines(name: str) -> list[dict]:
    """The metrics of a run; NaN and Infinity are refused."""
    texts = metrics_file(name).read_text().splitlines()
    return [json.loads(text, parse_constant=refuse) for text in texts]


@pytest.mark.parametrize(
    ("overrides", "bad_step"),
    [
        (["training.lr=1e30", "training.warmup_steps=0"], 2),
        (["training.lr=1e30"], 2),
        (["training.lr=1e200", "training.warmup_steps=0"], 2),  # the weights themselves overflow
    ],
)
def test_a_blow_up_stops_the_training_before_anything_is_saved(corpus, overrides, bad_step):
    words = ["train", "smoke_absorb", *OVERRIDES, *overrides, "--name", "bad"]
    result = invoke(*words, check=False)
    assert result.returncode == 2
    assert f"bad: step {bad_step}: the loss or its gradient is not finite" in result.stderr
    assert re.search(r"learning rate \de\+", result.stderr)
    assert "newest good state: none yet" in result.stderr
    assert "gradient norms of the steps before: " in result.stderr
    assert not steps_present(run_dir("bad"))
    assert not state_steps(train_dir("bad"))
    assert [line["kind"] for line in lines("bad")] == ["start"]


def test_weights_that_overflow_in_the_step_of_a_checkpoint_are_not_published(corpus):
    bad = ["training.lr=1e200", "training.warmup_steps=0", "training.checkpoint_every=1"]
    with pytest.raises(
        TrainingError, match=r"bad: step 1: .* is not finite, so step 1 was not saved"
    ):
        train(experiment("bad", *bad), until=1)
    assert not steps_present(run_dir("bad"))
    assert not state_steps(train_dir("bad"))


def test_the_message_names_the_newest_good_state_and_the_training_resumes_from_it(
    corpus, monkeypatch
):
    train(experiment("whole", *OFTEN))
    with monkeypatch.context() as patch:
        poison(patch, 2 * 13, value=float("nan"))
        with pytest.raises(TrainingError, match=r"step 14: .*newest good state: step 10"):
            train(experiment("bad", *OFTEN))
    assert all(line["step"] < 14 for line in lines("bad"))
    train(experiment("bad", *OFTEN))  # the disturbance was none of the settings
    assert_same(state("whole", 60), state("bad", 60))


def test_skipped_steps_change_nothing_and_are_counted_across_a_resumption(corpus, monkeypatch):
    skips = [*OFTEN, "training.skip_nonfinite=2"]
    with monkeypatch.context() as patch:
        poison(patch, 2 * 4, 2 * 9 + 1)  # steps 5 (which is saved) and 10
        train(experiment("whole", *skips))
    with monkeypatch.context() as patch:
        poison(patch, 2 * 4, 2 * 9 + 1, 2 * 30)
        with pytest.raises(TrainingError, match=r"step 31: .*after 2 steps that were skipped"):
            train(experiment("parts", *skips))
    assert checkpoint_content("parts", 30)["num_skipped"] == 2
    with monkeypatch.context() as patch:
        poison(patch, 0)
        with pytest.raises(TrainingError, match="after 2 steps that were skipped"):
            train(experiment("parts", *skips))
    train(experiment("parts", *skips))
    assert_same(state("whole", 60), state("parts", 60))
    skipped = [line for line in lines("whole") if line["kind"] == "skipped"]
    assert [(line["step"], line["num_skipped"]) for line in skipped] == [(5, 1), (10, 2)]
    (logged,) = [one for one in lines("whole") if one["kind"] == "train" and one["step"] == 5]
    assert logged["loss_nats_per_token"] is logged["grad_norm"] is None
    assert invoke("status", "whole").returncode == 0  # null in the log is no traceback


def checkpoint_content(name: str, at: int) -> dict:
    return run_checkpoint.load(state_file(train_dir(name), at))


def test_a_skipped_step_leaves_weights_average_and_optimizer_as_they_are(corpus, monkeypatch):
    from test_step import ALONE, batch, prepared

    settings, own, objective, loss = prepared(
        "training.skip_nonfinite=5", "training.warmup_steps=0"
    )
    step.train_step(own, settings, objective, loss, batch(), ALONE)
    before = own.to_host(settings, "", 1)
    poison(monkeypatch, 0)
    step.train_step(own, settings, objective, loss, batch(), ALONE)
    after = own.to_host(settings, "", 1)
    assert (after.pop("step"), after.pop("num_skipped")) == (2, 1)
    assert before.pop("step") == 1
    assert_same(before, after)


def test_where_norms_are_read_late_as_on_a_gpu_no_bad_step_is_saved_or_logged(corpus, monkeypatch):
    monkeypatch.setattr(step, "reads_every_norm", lambda *_: False)
    due = property(lambda self: len(self._unread) >= gradient_check.INTERVAL)
    monkeypatch.setattr(gradient_check.GradientCheck, "is_due", due)
    train(experiment("good"))
    poison(monkeypatch, 2 * 23)
    with pytest.raises(TrainingError, match=r"step 24: .*newest good state: step 15"):
        train(experiment("bad", "training.save_every=15", "training.log_every=20"))
    assert state_steps(train_dir("bad")) == [15]
    assert max(line["step"] for line in lines("bad")) == 20


def train_with_one_bad_rank() -> None:
    """`sedd` with losses that are not finite on rank 1."""
    loss, count = ScoreEntropy.loss, iter(range(10**6))

    def poisoned(self, model, batch, draws):
        nats = loss(self, model, batch, draws)
        bad = model.training and next(count) in (11, 21) and os.environ["RANK"] == "1"
        return nats + torch.tensor([float("inf")] + [0.0] * (len(nats) - 1)) if bad else nats

    ScoreEntropy.loss = poisoned
    cli.main()


def test_all_ranks_agree_on_a_step_that_is_bad_on_one(corpus):
    words = ["train", "smoke_absorb", *OVERRIDES, *OFTEN, "training.skip_nonfinite=1"]
    outputs = finish(start(2, *words, "--name", "ranks", main=train_with_one_bad_rank))
    assert [code for code, _ in outputs] == [2, 2], outputs
    assert (
        "step 12: the loss or its gradient is not finite; skipped (1 of at most 1)" in outputs[0][1]
    )
    for _, text in outputs:
        assert "step 22: the loss or its gradient is not finite" in text
    assert state_steps(train_dir("ranks")) == [15, 20]


def test_a_state_that_is_not_finite_is_left_out(corpus, capsys):
    train(experiment("whole"))
    train(experiment("bad"))
    path = state_file(train_dir("bad"), 60)
    content = run_checkpoint.load(path)
    next(iter(content["model"].values())).view(-1)[0] = float("nan")
    run_checkpoint.save(content, path)
    for lost in (train_dir("bad") / "step_60.pt", checkpoint_file("bad", 60)):
        lost.unlink()
    train(experiment("bad"))
    assert "holds numbers that are not finite" in capsys.readouterr().err
    assert_same(state("whole", 60), state("bad", 60))

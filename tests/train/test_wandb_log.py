"""Metrics for Weights & Biases: kept in the run's folder when offline, and told plainly when they cannot be sent."""

from pathlib import Path

import pytest
from helpers.project import command

from sedd.config import load_experiment, training_identity
from sedd.paths import checkpoint_file, train_dir

pytest.importorskip("wandb")
OVERRIDES = ["data.dataset=corpus", "evaluation.datasets=[corpus]"]
WATCHED = [*OVERRIDES, "logging.wandb=tests"]


def trained(*, check: bool):
    words = ["sedd", "train", "smoke_absorb", *WATCHED, "--name", "watched", "--until", "30"]
    return command(Path.cwd(), *words, check=check)


def test_an_offline_run_keeps_its_metrics(corpus, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    trained(check=True)
    (kept,) = (train_dir("watched") / "wandb").glob("offline-run-*/*.wandb")
    content = kept.read_bytes()
    assert b"train/loss_nats_per_token" in content
    assert b"validation/standard_error" in content


def test_without_an_account_the_way_out_is_told_before_anything_is_trained(corpus, monkeypatch):
    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(corpus))  # holds no login
    result = trained(check=False)
    assert result.returncode == 2
    assert "logging.wandb: 'tests' is set, but Weights & Biases refuses: " in result.stderr
    assert "WANDB_MODE=offline" in result.stderr
    assert "Traceback" not in result.stderr
    assert not checkpoint_file("watched", 30).exists()


def test_who_watches_changes_nothing_that_is_trained(corpus):
    watched = load_experiment("smoke_absorb", WATCHED, rename="watched")
    plain = load_experiment("smoke_absorb", OVERRIDES, rename="plain")
    assert training_identity(watched) == training_identity(plain)

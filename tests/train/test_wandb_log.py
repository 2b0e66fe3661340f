"""Metrics for Weights & Biases: stored in the run's folder when offline, else a clear error."""

import socket
from pathlib import Path

import pytest
from helpers.project import command

from sedd.config import load_experiment, training_identity
from sedd.paths import checkpoint_file, train_dir

pytest.importorskip("wandb")
OVERRIDES = ["data.dataset=corpus", "evaluation.datasets=[corpus]"]
LOGGED = [*OVERRIDES, "logging.wandb=tests"]


def trained(*, check: bool):
    words = ["sedd", "train", "smoke_absorb", *LOGGED, "--name", "logged", "--until", "30"]
    return command(Path.cwd(), *words, check=check)


def test_an_offline_run_stores_its_metrics(corpus, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    trained(check=True)
    (file,) = (train_dir("logged") / "wandb").glob("offline-run-*/*.wandb")
    content = file.read_bytes()
    assert b"train/loss_nats_per_token" in content
    assert b"validation/standard_error" in content


def test_a_server_that_cannot_be_reached_costs_seconds_and_no_metrics(corpus, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = free.getsockname()[1]
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{closed}")
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "3")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    stderr = trained(check=True).stderr
    assert "Weights & Biases cannot be reached (" in stderr
    assert "wandb sync uploads them" in stderr
    assert checkpoint_file("logged", 30).exists()
    (file,) = (train_dir("logged") / "wandb").glob("offline-run-*/*.wandb")
    assert b"validation/standard_error" in file.read_bytes()


def test_without_an_account_the_error_says_what_to_do_before_training(corpus, monkeypatch):
    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(corpus))  # holds no login
    result = trained(check=False)
    assert result.returncode == 2
    assert "logging.wandb: 'tests' is set, but Weights & Biases cannot start: " in result.stderr
    assert "WANDB_MODE=offline" in result.stderr
    assert "Traceback" not in result.stderr
    assert not checkpoint_file("logged", 30).exists()


def test_the_training_identity_does_not_depend_on_logging(corpus):
    logged = load_experiment("smoke_absorb", LOGGED, rename="logged")
    plain = load_experiment("smoke_absorb", OVERRIDES, rename="plain")
    assert training_identity(logged) == training_identity(plain)

"""Fine-tuning: a training that begins with the weights of another model."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from helpers.corpus import tokenize_corpus
from helpers.project import copy_project, invoke
from helpers.published_model import published_model

from sedd.checkpoints import run_checkpoint as checkpoint
from sedd.checkpoints.initial import init_sha256, initial_weights
from sedd.config import load_experiment
from sedd.errors import CheckpointError, ConfigError
from sedd.paths import checkpoint_file, identity_file, metrics_file
from sedd.runtime.provenance import file_sha256
from sedd.train import train

CORPUS = ["data.dataset=corpus", "evaluation.datasets=[corpus]"]
FEW = ["training.steps=20", "training.checkpoint_every=10", "training.validate_every=10"]
STILL = ["training.lr=1e-30", "model.dropout=0.0"]  # one step leaves the weights as they are


def experiment(name: str, *changes: str, of: str = "smoke_absorb"):
    return load_experiment(of, [*CORPUS, *changes], rename=name)


def validation(name: str) -> dict[int, float]:
    lines = map(json.loads, metrics_file(name).read_text().splitlines())
    return {
        line["step"]: line["loss_nats_per_token"] for line in lines if line["kind"] == "validation"
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a trained score network, `source`, of 60 steps."""
    folder = copy_project(tmp_path_factory.mktemp("trained") / "project")
    with contextlib.chdir(folder):
        tokenize_corpus()
        train(experiment("source"))
    return folder


@pytest.fixture
def source(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project `trained`. It becomes the current folder."""
    folder = tmp_path / "project"
    shutil.copytree(trained, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.usefixtures("source")
def test_the_validation_loss_at_step_0_is_that_of_the_source():
    train(experiment("tuned", *FEW, "training.init=source"))
    assert validation("tuned")[0] == pytest.approx(validation("source")[60], rel=1e-6)
    assert 0 not in validation("source")
    settings = json.loads(identity_file("tuned").read_text())["settings"]
    assert settings["training.init"] == "source"
    assert settings["init_sha256"] == file_sha256(checkpoint_file("source", 60))


@pytest.mark.usefixtures("source")
def test_average_begins_with_the_averaged_weights_and_last_with_both():
    kept = checkpoint.load(checkpoint_file("source", 60))
    for which, network in (("average", kept["ema"]["shadow"]), ("last", kept["model"])):
        one = experiment(
            which, "training.init=source", f"training.init_weights={which}", *FEW, *STILL
        )
        train(one, until=10)
        made = checkpoint.load(checkpoint_file(which, 10))
        for name, value in made["ema"]["shadow"].items():
            torch.testing.assert_close(made["model"][name], network[name])
            if which == "average":
                torch.testing.assert_close(value, network[name])
    assert made["ema"]["num_updates"] == kept["ema"]["num_updates"] + 10


@pytest.mark.usefixtures("source")
def test_a_tuned_run_resumes_bit_for_bit():
    settings = [*FEW, "training.init=source"]
    train(experiment("whole", *settings))
    train(experiment("parts", *settings), until=10)
    train(experiment("parts", *settings))
    whole, parts = (checkpoint.load(checkpoint_file(name, 20)) for name in ("whole", "parts"))
    assert all(torch.equal(value, parts["model"][key]) for key, value in whole["model"].items())
    train(experiment("random", *FEW))
    random = checkpoint.load(checkpoint_file("random", 20))
    assert not torch.equal(
        random["model"]["output_layer.linear.weight"], whole["model"]["output_layer.linear.weight"]
    )


@pytest.mark.usefixtures("source")
def test_scores_start_a_denoiser_whose_bound_is_not_above_theirs():
    """With c(x) the sum of a position's scores over that of the true ones, the score entropy is above
    the denoising cross entropy by (c - 1 - log c) / (e^sigma - 1), which is at least 0."""
    denoiser = ["objective={type: lambda_dce, time_conditioning: true}", "training.init=source"]
    train(experiment("denoiser", *FEW, *denoiser))
    scores, clean = validation("source")[60], validation("denoiser")[0]
    assert scores - 0.1 < clean <= scores + 1e-6


@pytest.mark.usefixtures("source")
def test_a_denoiser_starts_scores_with_the_bound_that_its_sums_allow():
    denoiser = ["objective={type: lambda_dce, time_conditioning: true}"]
    train(experiment("denoiser", *denoiser))
    train(experiment("scores", *FEW, "training.init=denoiser"))
    clean, scores = validation("denoiser")[60], validation("scores")[0]
    assert clean - 1e-6 <= scores < clean + 0.1


@pytest.mark.usefixtures("corpus")
def test_a_network_with_noise_input_begins_from_one_without():
    train(load_experiment("smoke_lambda_dce", CORPUS, rename="timeless"))
    timed = ["objective={type: lambda_dce, time_conditioning: true}", "training.init=timeless"]
    train(experiment("timed", *FEW, *timed, of="smoke_lambda_dce"))
    assert validation("timed")[0] == pytest.approx(validation("timeless")[60], rel=1e-6)
    with pytest.raises(ConfigError, match=r"objective\.time_conditioning: must be true"):
        train(experiment("back", "training.init=timed", of="smoke_lambda_dce"))


@pytest.mark.usefixtures("project")
def test_a_published_model_is_tuned():
    folder = published_model(Path("models/golden"))
    tokenize_corpus(str(folder))
    sizes = json.loads((folder / "config.json").read_text())["model"]
    fitting = [
        f"model.{key}={sizes[key]}" for key in ("hidden_size", "n_blocks", "n_heads", "cond_dim")
    ]
    settings = [f"training.init={folder}", f"data.tokenizer={folder}"]
    train(experiment("tuned", *FEW, *settings, *fitting), until=10)
    begun = initial_weights(experiment("tuned", *FEW, *settings, *fitting))
    assert begun.sha256 == file_sha256(folder / "model.safetensors")
    bias = checkpoint.load(checkpoint_file("tuned", 10))["model"]["output_layer.linear.bias"]
    torch.testing.assert_close(bias, begun.weights["output_layer.linear.bias"], atol=0.05, rtol=0)
    with pytest.raises(ConfigError) as error:
        initial_weights(experiment("last", *settings[:1], "training.init_weights=last"))
    assert "training.init_weights: must be average" in str(error.value)
    assert "data.tokenizer: must be the vocabulary of the source" in str(error.value)
    assert "model.n_heads: must be 4, as in the source; got 2" in str(error.value)


@pytest.mark.usefixtures("source")
def test_everything_that_does_not_fit_is_told_at_once_with_what_would():
    other = ["model.hidden_size=64", "model.n_blocks=1", "training.init=source"]
    with pytest.raises(ConfigError) as error:
        initial_weights(experiment("wide", *other))
    assert "model.hidden_size: must be 32, as in the source; got 64" in str(error.value)
    assert "model.n_blocks: must be 2, as in the source; got 1" in str(error.value)
    with pytest.raises(ConfigError, match=r"graph\.type: must be a graph with a mask state"):
        initial_weights(experiment("uniform", "training.init=source", of="smoke_uniform"))
    with pytest.raises(ConfigError, match=r"objective\.type: must be .*score_entropy"):
        initial_weights(experiment("causal", "training.init=source", of="smoke_autoregressive"))
    with pytest.raises(ConfigError, match=r"scale_by_sigma: must be true"):
        initial_weights(experiment("raw", "training.init=source", "model.scale_by_sigma=false"))
    with pytest.raises(CheckpointError, match="'nothing' is not a model"):
        init_sha256(experiment("lost", "training.init=nothing"))
    with pytest.raises(ConfigError, match="must be another model than the experiment itself"):
        experiment("itself", "training.init=itself")


@pytest.mark.usefixtures("source")
def test_a_job_is_not_submitted_with_weights_that_do_not_fit():
    words = ["train", "smoke_absorb", *CORPUS, "model.n_blocks=1", "training.init=source"]
    result = invoke(*words, "--name", "wrong", "--cluster", "local", check=False)
    assert result.returncode == 2
    assert "model.n_blocks: must be 2" in result.stderr
    assert not Path("results/runs/wrong/jobs/job.json").exists()


@pytest.mark.usefixtures("source")
def test_a_source_that_was_trained_anew_is_another_start():
    settings = [*FEW, "training.init=source"]
    train(experiment("tuned", *settings), until=10)
    before = json.loads(identity_file("tuned").read_text())["identity"]
    shutil.rmtree("results/runs/source")
    train(experiment("source", "seed=2"))
    train(experiment("tuned", *settings), until=10)
    assert json.loads(identity_file("tuned").read_text())["identity"] != before


@pytest.mark.usefixtures("source")
def test_a_continued_run_equals_one_long_training():
    longer = experiment("longer", "training.steps=90")
    train(longer)
    words = ["train", "source", "training.steps=90", "--name", "continued", "--continue"]
    result = invoke(*words)
    assert "resuming from step 60" in result.stderr
    for step in (30, 60, 90):
        one, other = (
            checkpoint.load(checkpoint_file(name, step)) for name in ("longer", "continued")
        )
        assert all(torch.equal(value, other["model"][key]) for key, value in one["model"].items())
    curves = [
        pd.DataFrame(validation(name).items()).to_numpy().tolist()
        for name in ("longer", "continued")
    ]
    assert curves[0] == curves[1]
    logged = metrics_file("source").read_bytes()
    for content in (None, b"\xff\n", b"[" * 9999 + b"\n", b'{"step": "1"}\n', b"{}\n"):
        metrics_file("source").unlink(missing_ok=True)
        if content is not None:
            metrics_file("source").write_bytes(content)
        damaged = invoke(*words[:4], "damaged", "--continue", check=False)
        assert damaged.returncode == 2
        assert f"sedd: {metrics_file('source')}" in damaged.stderr
        assert len(damaged.stderr.splitlines()) == 1
    metrics_file("source").write_bytes(logged)
    changed = invoke(*words[:2], "training.lr=0.1", *words[2:4], "other", "--continue", check=False)
    assert changed.returncode == 2
    assert "training.lr: 0.002 -> 0.1" in changed.stderr
    assert "training.init=source" in changed.stderr
    short = invoke(
        "train", "source", "training.steps=60", "--name", "same", "--continue", check=False
    )
    assert short.returncode == 2
    nameless = invoke("train", "source", "--continue", check=False)
    assert nameless.returncode == 2
    assert "--name" in nameless.stderr

"""`load_model` on every form that a model comes in, published ones against their stored outputs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hub import serve
from safetensors.torch import load_file

from sedd import load_model
from sedd.config import load_experiment
from sedd.diffusion import Absorb, Uniform, sample
from sedd.errors import CheckpointError
from sedd.evaluate import open_run
from sedd.train import train

GOLDEN = Path(__file__).parent / "data" / "golden"
KINDS = {"absorb": Absorb, "uniform": Uniform}


def assert_log_score(loaded, kind: str, name: str = "log_score") -> None:
    model, graph, noise = loaded
    vectors = load_file(GOLDEN / kind / "vectors.safetensors")
    assert type(graph) is KINDS[kind]
    sigma, dsigma = noise(vectors["t"])
    torch.testing.assert_close(sigma, vectors["sigma"], rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(dsigma, vectors["dsigma"], rtol=1e-5, atol=1e-7)
    expected = vectors[name]
    atol = 2e-6 * expected.abs().max().item()  # logits near zero are sums of larger terms
    torch.testing.assert_close(
        model(vectors["xt"], vectors["sigma"]), expected, rtol=1e-5, atol=atol
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_published_folder_gives_the_stored_log_scores(kind):
    assert_log_score(load_model(GOLDEN / kind / "hub"), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_an_official_experiment_gives_the_log_scores_of_its_averaged_weights(kind):
    assert_log_score(load_model(GOLDEN / kind / "experiment"), kind, "ema.log_score")


@pytest.mark.parametrize("kind", KINDS)
def test_the_older_form_with_pytorch_model_bin_loads_too(kind, tmp_path):
    (tmp_path / "config.json").write_text((GOLDEN / kind / "hub/config.json").read_text())
    torch.save(load_file(GOLDEN / kind / "hub/model.safetensors"), tmp_path / "pytorch_model.bin")
    assert_log_score(load_model(tmp_path), kind)


def test_a_hub_repository_is_fetched_and_used_in_three_lines(tmp_path):
    repository = tmp_path / "root" / "models" / "someone" / "sedd-golden"
    repository.mkdir(parents=True)
    for file in (GOLDEN / "absorb" / "hub").iterdir():
        (repository / file.name).write_bytes(file.read_bytes())
    (repository / "optimizer.bin").write_bytes(b"large, and not needed")
    program = (
        "import torch; from sedd import load_model; from sedd.diffusion import sample\n"
        "model, graph, noise = load_model('someone/sedd-golden', device='cpu')\n"
        "x = sample(model, graph, noise, (2, 24), 4, generator=torch.Generator().manual_seed(1))\n"
        "print(int(x.max()) < graph.vocab_size, tuple(x.shape))\n"
    )
    with serve(tmp_path / "root") as url:
        home = tmp_path / "home"
        result = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "HF_ENDPOINT": url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0"},
            capture_output=True,
            text=True,
        )
    assert result.stdout.strip() == "True (2, 24)", result.stderr
    fetched = {path.name for path in home.rglob("snapshots/*/*")}
    assert fetched == {"config.json", "model.safetensors"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_published_model_samples_around_a_given_prefix_and_suffix(kind):
    model, graph, noise = load_model(GOLDEN / kind / "hub")
    tokens = torch.arange(24)
    given = (tokens < 3) | (tokens >= 20)
    x = sample(
        model,
        graph,
        noise,
        (2, 24),
        4,
        clamp=(tokens, given),
        generator=torch.Generator().manual_seed(1),
    )
    assert torch.equal(x[:, given], tokens[given].expand(2, -1))
    assert int(x.max()) < graph.vocab_size


def test_a_run_loads_by_name_folder_and_checkpoint_alike(corpus):
    overrides = ["data.dataset=corpus", "evaluation.datasets=[corpus]"]
    experiment = load_experiment("smoke_absorb", overrides, rename="mine")
    train(experiment)
    run = open_run(experiment, device="cpu")
    x, sigma = torch.full((1, 5), 27), torch.tensor([0.5])
    wanted = run.model(x, sigma)
    for source in ("mine", "results/runs/mine", "results/runs/mine/checkpoints/step_60.pt"):
        model, graph, _ = load_model(source)
        assert torch.equal(model(x, sigma), wanted)
        assert graph.vocab_size == 27
    earlier, *_ = load_model("mine", step=30)
    assert not torch.equal(earlier(x, sigma), wanted)


def test_anything_else_gets_one_error_that_says_what_was_tried(project, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(
        CheckpointError, match=r"no run under results/runs.*config\.json.*hub has none"
    ):
        load_model("no/such-model")


def test_a_file_that_would_run_code_when_unpickled_is_refused(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    torch.save({"model": Trap()}, tmp_path / "trap.pt")
    (tmp_path / "config.json").write_text((GOLDEN / "absorb/hub/config.json").read_text())
    torch.save({"weight": Trap()}, tmp_path / "pytorch_model.bin")
    for source in (tmp_path / "trap.pt", tmp_path):
        with pytest.raises(CheckpointError, match="cannot be read"):
            load_model(source)
    assert not (tmp_path / "sprung").exists()


def test_weights_that_do_not_fit_are_told_by_name_and_shape(tmp_path):
    settings = json.loads((GOLDEN / "absorb/hub/config.json").read_text())
    settings["model"]["hidden_size"] = 64
    (tmp_path / "config.json").write_text(json.dumps(settings))
    (tmp_path / "model.safetensors").write_bytes(
        (GOLDEN / "absorb/hub/model.safetensors").read_bytes()
    )
    with pytest.raises(CheckpointError, match=r"blocks\.0\..*wants .*found"):
        load_model(tmp_path)


def test_a_folder_with_a_foreign_configuration_is_told(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match="'tokens' is missing or not known"):
        load_model(tmp_path)
    (tmp_path / "config.json").write_text((GOLDEN / "absorb/hub/config.json").read_text())
    with pytest.raises(CheckpointError, match=r"model\.safetensors: cannot be read as weights"):
        load_model(tmp_path)

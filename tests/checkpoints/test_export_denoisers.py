"""Masked diffusion exported in the form of RADD and MDLM, and opened again."""

import json
from pathlib import Path

import pytest
import torch
from helpers.golden_model import FOLDER
from helpers.untrained_run import untrained_run
from safetensors.torch import load_file

import sedd
from sedd.checkpoints import run_checkpoint
from sedd.checkpoints.export import export
from sedd.checkpoints.formats.radd_format import with_modulation
from sedd.config import load_experiment
from sedd.diffusion import denoising_cross_entropy
from sedd.errors import CheckpointError
from sedd.objective import LambdaDCE

TIME = "objective.time_conditioning=true"


def denoiser_run(*overrides: str, seed: int = 0) -> Path:
    """A run `mine` of masked diffusion with random weights, among them all modulations."""
    untrained_run("smoke_lambda_dce", rename="mine", overrides=overrides, seed=seed)
    return Path("results/runs/mine/checkpoints/step_7.pt")


def keys(settings, prefix: str = "") -> set[str]:
    if not isinstance(settings, dict):
        return {prefix}
    return {key for name in settings for key in keys(settings[name], f"{prefix}.{name}")}


def masked_log_probabilities(source) -> torch.Tensor:
    """Of every token at every masked position of a few texts, at two noise levels."""
    model = sedd.open_model(source, device="cpu")
    network, graph = model.network, model.graph
    x = torch.arange(48).view(4, 12) % 27
    x[:, ::3] = graph.mask
    sigma = torch.tensor([0.2, 0.2, 3.0, 3.0])
    with torch.no_grad():
        weight, bias = network.vocabulary_layer()
        logits = (network.features(x, sigma) @ weight.T + bias).unflatten(0, x.shape)
    return logits[..., :-1].log_softmax(-1)[x == graph.mask]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("overrides", [(), (TIME,)])
def test_an_export_opens_with_the_log_probabilities_of_the_run(overrides):
    path = denoiser_run(*overrides)
    export("mine", Path("out"))
    before, after = masked_log_probabilities(str(path)), masked_log_probabilities("out")
    assert float(before.std()) > 0.1
    # RADD's form has no scales and gates: they are multiplied into the weights, in float32
    torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-5)
    if overrides:
        assert torch.equal(after, before)
    denoiser_run(*overrides, seed=5)
    assert float((masked_log_probabilities(str(path)) - before).abs().max()) > 0.1


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("overrides", [(), (TIME,)])
def test_an_export_is_the_same_objective_with_the_same_loss(overrides):
    path = denoiser_run(*overrides)
    export("mine", Path("out"))
    models = [sedd.open_model(source, device="cpu") for source in (str(path), "out")]
    x0 = torch.arange(24).view(2, 12)
    xt, sigma = torch.where(torch.arange(12) % 2 == 0, 27, x0), torch.tensor([0.5, 2.0])
    losses = []
    for model in models:
        objective = model.language_model.objective
        assert isinstance(objective, LambdaDCE)
        assert objective.time_conditioning == bool(overrides)
        assert (model.tokenizer.name, model.length) == ("text8", 32)
        with torch.no_grad():
            losses.append(
                denoising_cross_entropy(
                    model.network, objective.graph, sigma, torch.ones(2), xt, x0
                )
            )
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-5, atol=0)
    assert models[0].noise == models[1].noise


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("kind", "overrides"), [("radd", ()), ("mdlm_time", (TIME,))])
def test_names_of_files_keys_and_parameters_are_the_published_ones(kind, overrides):
    denoiser_run(*overrides)
    export("mine", Path("out"))
    assert {path.name for path in Path("out").iterdir()} == {
        "README.md",
        "config.json",
        "model.safetensors",
    }
    golden = FOLDER / kind / "hub"
    found, wanted = (
        json.loads((folder / "config.json").read_text()) for folder in (Path("out"), golden)
    )
    # folders of their machine, and the version and the code of a library
    theirs = {".gpt_dir", ".outdir", ".transformers_version"}
    theirs |= {key for key in keys(wanted) if key.startswith(".auto_map")}
    assert keys(found) == keys(wanted) - theirs

    def names(folder: Path) -> set[str]:
        tensors = load_file(folder / "model.safetensors")
        return {name for name in tensors if "blocks" not in name or "blocks.0." in name}

    assert names(Path("out")) == names(golden)
    card = Path("out/README.md").read_text()
    assert ("RADD" if kind == "radd" else "MDLM") in card
    assert "score entropy" not in card.split("## Training")[0]


@pytest.mark.usefixtures("project")
def test_published_weights_of_radd_come_out_as_they_were_published():
    """Gates are one and scales zero there, so not even a rounding is left."""
    published = load_file(FOLDER / "radd/hub/model.safetensors")
    overrides = (
        "model={hidden_size: 48, n_blocks: 3, n_heads: 4, dropout: 0.02}",
        "data.length=40",
    )
    experiment = load_experiment("smoke_lambda_dce", overrides, rename="mine")
    average = with_modulation(
        {name: value for name, value in published.items() if "inv_freq" not in name}, 3
    )
    content = {
        "format": run_checkpoint.FORMAT,
        "step": 7,
        "identity": "0" * 64,
        "experiment": experiment.model_dump(mode="json"),
        "vocab_size": 61,
        "model": {**average, "rotary_emb.inv_freq": published["rotary_emb.inv_freq"]},
        "ema": {"decay": 0.9, "num_updates": 7, "shadow": average},
    }
    run_checkpoint.save(content, Path("results/runs/mine/checkpoints/step_7.pt"))
    export("mine", Path("out"))
    found = load_file("out/model.safetensors")
    assert found.keys() == published.keys()
    assert all(torch.equal(found[name], published[name]) for name in published)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("smoke_d3pm_absorb", (), r"this model has objective d3pm"),
        ("smoke_autoregressive", (), r"this model has objective autoregressive"),
        ("smoke_lambda_dce", ("noise.eps=0.01",), r"no key for noise\.eps"),
        ("smoke_lambda_dce", (TIME, "noise={type: geometric}"), r"whose noise is log-linear"),
    ],
)
def test_a_model_without_a_published_form_is_refused(name, overrides, message):
    untrained_run(name, rename="mine", overrides=overrides)
    with pytest.raises(CheckpointError, match=message):
        export("mine", Path("out"))
    assert not Path("out").exists()

"""RADD and MDLM: stored outputs of their own networks, and the conversion of their weights."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from helpers.golden_model import FOLDER
from helpers.project import invoke
from helpers.published_model import published_model
from safetensors.torch import load_file, save_file

import sedd
from sedd.checkpoints.formats.mdlm_format import at_zero_noise
from sedd.checkpoints.formats.radd_format import with_modulation, without_modulation
from sedd.checkpoints.official import load_official
from sedd.diffusion import denoising_cross_entropy
from sedd.errors import CheckpointError
from sedd.model import DiffusionTransformer
from sedd.objective import LambdaDCE

KINDS = ("radd", "mdlm", "mdlm_time")
each_kind = pytest.mark.parametrize("kind", KINDS)
OF_LARGEST = 1e-5  # float32: ours and theirs sum in another order


def assert_agrees(found: torch.Tensor, expected: torch.Tensor) -> None:
    atol = OF_LARGEST * float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=0, atol=atol)


def outputs(model, stored):
    """Logits (B, L, V + 1), log probabilities (B, L, V) and lambda-DCE (B,)."""
    x, level = stored["xt"], stored["lambda_"].double()
    sigma = -torch.log1p(-level)
    with torch.no_grad():
        weight, bias = model.network.vocabulary_layer()
        features = model.network.features(x, stored.get("sigma", sigma).float())
        logits = (features @ weight.T + bias).unflatten(0, x.shape)
        loss = denoising_cross_entropy(
            model.network, model.objective.graph, sigma, torch.expm1(sigma) / level, x, stored["x0"]
        )
    return logits, logits[..., :-1].log_softmax(-1), loss


@each_kind
def test_logits_log_probabilities_and_the_loss_are_those_of_the_published_network(kind):
    model = load_official(FOLDER / kind / "hub", "cpu")
    stored = load_file(FOLDER / kind / "vectors.safetensors")
    logits, log_prob, loss = outputs(model, stored)
    assert_agrees(logits, stored["logits"])
    masked = stored["xt"] == 61
    assert_agrees(log_prob[masked], stored["log_prob"][masked])
    assert_agrees(loss, stored["lambda_dce"].to(loss))


@each_kind
def test_a_wrong_weight_would_be_seen(kind):
    model = load_official(FOLDER / kind / "hub", "cpu")
    stored = load_file(FOLDER / kind / "vectors.safetensors")
    with torch.no_grad():
        model.network.blocks[0].norm1.weight[3] += 1e-2
    with pytest.raises(AssertionError):
        assert_agrees(outputs(model, stored)[0], stored["logits"])


@each_kind
def test_only_time_conditioning_makes_the_noise_level_an_input(kind):
    model = load_official(FOLDER / kind / "hub", "cpu")
    assert isinstance(model.objective, LambdaDCE)
    assert model.objective.time_conditioning == (kind == "mdlm_time")
    x = load_file(FOLDER / kind / "vectors.safetensors")["xt"]
    with torch.no_grad():
        low, high = (model.network.features(x, torch.full((6,), sigma)) for sigma in (0.1, 3.0))
    assert torch.equal(low, high) == (kind != "mdlm_time")


@each_kind
def test_scores_are_the_conditional_probabilities_over_e_to_the_sigma_minus_one(kind):
    network, graph, _ = sedd.load_model(FOLDER / kind / "hub", device="cpu")
    stored = load_file(FOLDER / kind / "vectors.safetensors")
    x, sigma = stored["xt"], -torch.log1p(-stored["lambda_"])
    with torch.no_grad():
        log_score = network(x, sigma)
    masked = x == graph.mask
    expected = stored["log_prob"] - torch.expm1(sigma).log()[:, None, None]
    assert_agrees(log_score[..., :-1][masked], expected[masked])


@each_kind
def test_texts_are_sampled_and_scored_as_those_of_a_run(kind, tmp_path):
    folder = published_model(tmp_path / kind, kind=kind)
    model = sedd.open_model(folder, device="cpu")
    assert (model.length, model.is_exact, model.graph.vocab_size) == (40, False, 61)
    texts = model.sample(prefix="w3 w4", count=2, sampler="first_hitting")
    assert [text.split()[:2] for text in texts] == [["w3", "w4"]] * 2
    assert len(model.sample(steps=3, length=8)[0].split()) == 8
    assert model.nll(["w3 w4 w5"], num_draws=3)[0] > 0


@each_kind
@pytest.mark.usefixtures("project")
def test_verbs_take_them_by_their_folder_and_as_a_pretrained_experiment(kind):
    published_model(Path("models") / kind, kind=kind)
    words = "--steps", "2", "--prefix", "w3 w4"
    assert "w3 w4 " in invoke("sample", f"models/{kind}", *words).stdout
    Path("config/experiments/theirs.yaml").write_text(
        f"""description: a denoiser that others trained
pretrained: models/{kind}
data: {{tokenizer: models/{kind}, length: 40}}
sampling: {{sampler: first_hitting, count: 2, batch_size: 2}}
"""
    )
    assert invoke("sample", "theirs", "--prefix", "w3 w4").stdout.count("w3 w4 ") == 2


def test_the_bound_is_that_of_the_stored_log_probabilities():
    """Every pattern of masks of a text of 4 tokens, against the estimate of `nll`."""
    model = load_official(FOLDER / "radd" / "hub", "cpu")
    x0 = torch.tensor([[5, 6, 7, 8]])
    masks = torch.cartesian_prod(*[torch.tensor([False, True])] * 4)
    x = torch.where(masks, 61, x0)
    with torch.no_grad():
        weight, bias = model.network.vocabulary_layer()
        logits = (model.network.features(x, None) @ weight.T + bias).unflatten(0, x.shape)
    nats = -logits[..., :-1].log_softmax(-1).gather(-1, x0.expand_as(x)[..., None])[..., 0]
    cost, count = (nats * masks).sum(1).double(), masks.sum(1)
    # the integral of l^(k - 1) (1 - l)^(4 - k) over l in [0, 1] is 1 / (k binomial(4, k))
    binomial = torch.tensor([1, 4, 6, 4, 1])[count]
    exact = float((cost / (count.clamp(min=1) * binomial))[count > 0].sum())
    from sedd.objective import Estimate

    estimate = Estimate(num_draws=4000, estimator="stratified", time_eps=1e-5)
    draws = torch.Generator().manual_seed(1)
    found = model.objective.negative_log_likelihood(model.network, x0, estimate, draws)
    # times in [time_eps, 1 - 1e-3]: 0.1 % less; the standard error of 4000 draws is below 0.5 %
    assert float(found) == pytest.approx(exact, rel=0.02)


def random_network(seed: int = 0) -> DiffusionTransformer:
    """A network without noise input whose modulations are far from RADD's."""
    network = DiffusionTransformer(11, True, 8, 2, 2, cond_dim=None, scale_by_sigma=False)
    draws = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draws) / 2)
    return network.double().eval()


def test_scales_and_gates_multiplied_into_the_weights_change_no_feature():
    network, x = random_network(), torch.arange(10).view(2, 5)
    folded = with_modulation(without_modulation(network), 2)
    other = random_network(1)
    other.load_state_dict({**dict(other.named_buffers()), **folded})
    assert float(folded["blocks.0.adaLN_modulation.bias"][8:16].abs().max()) == 0  # scales
    with torch.no_grad():
        torch.testing.assert_close(other.features(x, None), network.features(x, None))


def test_the_network_without_noise_input_is_mdlms_at_sigma_zero():
    weights = load_file(FOLDER / "mdlm/hub/model.safetensors")
    own = {name.removeprefix("backbone."): value for name, value in weights.items()}
    full = DiffusionTransformer(61, True, 48, 3, 4, cond_dim=24, scale_by_sigma=False).eval()
    full.load_state_dict(own)
    constant = load_official(FOLDER / "mdlm/hub", "cpu").network
    x = load_file(FOLDER / "mdlm/vectors.safetensors")["xt"]
    with torch.no_grad():
        found, at_zero, later = (
            constant.features(x, None),
            full.features(x, torch.zeros(1)),
            full.features(x, torch.ones(1)),
        )
    assert_agrees(found, at_zero)
    assert float((found - later).abs().max()) > 100 * float((found - at_zero).abs().max())
    assert not [name for name in at_zero_noise(own, 24) if "sigma_map" in name]


def experiment_folder(folder: Path, *, state_dict_last: bool = False) -> Path:
    """RADD's golden model as its training code stores it, with the weights in the average only."""
    config = json.loads((FOLDER / "radd/hub/config.json").read_text())
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra/config.yaml").write_text(json.dumps(config))
    tensors = load_file(FOLDER / "radd/hub/model.safetensors")
    names = sorted(tensors, reverse=state_dict_last)  # any order: the average follows it
    content = {
        "optimizer": {},
        "model": {name: torch.zeros_like(tensors[name]) for name in names},
        "ema": {
            "decay": 0.99,
            "num_updates": 3,
            "shadow_params": [tensors[name] for name in names if name != "rotary_emb.inv_freq"],
        },
        "step": 3,
    }
    (folder / "checkpoints-meta").mkdir()
    torch.save(content, folder / "checkpoints-meta/checkpoint.pth")
    return folder


@pytest.mark.parametrize("state_dict_last", [False, True])
def test_an_experiment_folder_of_radd_gives_its_averaged_weights(tmp_path, state_dict_last):
    folder = experiment_folder(tmp_path / "exp", state_dict_last=state_dict_last)
    stored = load_file(FOLDER / "radd/vectors.safetensors")
    assert_agrees(outputs(load_official(folder, "cpu"), stored)[0], stored["logits"])


def changed(kind: str, folder: Path, **changes) -> Path:
    shutil.copytree(FOLDER / kind / "hub", folder)
    config = json.loads((folder / "config.json").read_text())
    for key, value in changes.items():
        *sections, last = key.split("__")
        target = config
        for section in sections:
            target = target[section]
        if value is None:
            del target[last]
        else:
            target[last] = value
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_all_problems_of_a_configuration_are_reported_at_once(tmp_path):
    folder = changed(
        "mdlm", tmp_path / "x", n_heads=5, dropout="0.1", time_conditioning=None, cond_dim=0
    )
    with pytest.raises(CheckpointError) as raised:
        load_official(folder, "cpu")
    text = str(raised.value)
    assert "MDLM" in text
    assert "4 problems" in text
    assert "n_heads: must divide" in text
    assert "dropout: must be a number, got the text '0.1'" in text
    assert "time_conditioning: missing" in text
    assert "cond_dim: must be at least 1" in text


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("radd", {"training__loss_type": "mse"}, r"loss_type: must be t_DCE, lambda_DCE"),
        ("radd", {"noise__type": "cosine"}, r"noise\.type: must be loglinear or geometric"),
        ("radd", {"model": 3}, r"model: must be a mapping"),
        ("radd", {"model__n_blocks": 4}, r"3 blocks, but the configuration says 4"),
        ("mdlm", {"n_blocks": 2**23}, r"3 blocks, but the configuration says 8388608"),
        ("mdlm", {"hidden_dim": 2**23}, r"vocab_embed\.embedding: expected \(62, 8388608\)"),
        ("mdlm", {"hidden_dim": 2**62}, r"hidden_dim: must be at most 16777216"),
        ("mdlm", {"vocab_size": 61}, r"expected \(61, 48\), found \(62, 48\)"),
        ("mdlm", {"vocab_size": 62.5}, r"vocab_size: must be a whole number"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(tmp_path, kind, changes, message):
    folder = changed(kind, tmp_path / "x", **changes)
    with pytest.raises(CheckpointError, match=message):
        load_official(folder, "cpu")


def test_a_tensor_that_the_network_would_ignore_is_refused(tmp_path):
    folder = changed("radd", tmp_path / "x")
    tensors = load_file(folder / "model.safetensors")
    save_file({**tensors, "blocks.0.gate": torch.ones(2)}, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"blocks\.0\.gate: RADD has no such tensor"):
        load_official(folder, "cpu")


def test_a_tensor_that_claims_more_numbers_than_the_file_holds_is_refused(tmp_path):
    folder = changed("radd", tmp_path / "x", tokens=2**24, model__hidden_size=48)
    tensors = load_file(folder / "model.safetensors")
    for name in ("vocab_embed.embedding", "output_layer.linear.weight"):
        tensors[name] = torch.zeros(1).expand(2**24 + 1, 48)
    tensors["output_layer.linear.bias"] = torch.zeros(1).expand(2**24 + 1)
    torch.save(tensors, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"vocab_embed\.embedding: claims more numbers"):
        load_official(folder, "cpu")


def test_a_causal_model_stays_one(tmp_path):
    pytest.importorskip("transformers")
    from helpers.causal_model import causal_model

    folder = causal_model(tmp_path / "causal")
    assert sedd.open_model(folder, device="cpu").is_exact
    with pytest.raises(CheckpointError, match="does not describe a diffusion model"):
        sedd.load_model(folder, device="cpu")


@pytest.mark.parametrize(
    ("model_type", "reason"), [("Duo", "a denoiser of uniform"), ("bd3lm", "block diffusion")]
)
def test_diffusions_of_another_kind_are_refused_with_the_reason(tmp_path, model_type, reason):
    folder = changed("mdlm", tmp_path / "x", model_type=model_type)
    for opened in (sedd.open_model, sedd.load_model):
        with pytest.raises(CheckpointError, match=f"config.json: cannot be opened: .* is {reason}"):
            opened(folder, device="cpu")

"""The Python interface: samples and likelihoods of a model that `sedd.open_model` opens."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.causal_model import LETTERS, causal_model
from helpers.untrained_run import untrained_run

import sedd
from sedd.api import Model
from sedd.diffusion import Absorb, LogLinear, likelihood_bound
from sedd.errors import ConfigError, DataError
from sedd.runtime.seeds import generator
from sedd.sampling.draw import draw_samples

LAW = torch.log_softmax(torch.linspace(2, -3, len(LETTERS)), 0).tolist()
TEXTS = ["the old town", "", "lies on its bank", "of the river"]


def opened(name: str) -> Model:
    untrained_run(name)
    return sedd.open_model(name, device="cpu")


def test_importing_the_package_does_not_import_torch():
    program = (
        "import sedd, sys; assert 'torch' not in sys.modules; assert callable(sedd.open_model)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.usefixtures("project")
def test_a_diffusion_samples_around_the_given_text():
    model = opened("smoke_absorb")
    assert isinstance(model.graph, Absorb)
    assert isinstance(model.noise, LogLinear)
    assert isinstance(model.network, torch.nn.Module)
    assert not model.is_exact
    assert "smoke_absorb, step 7" in repr(model)
    texts = model.sample("the ", " end", {10: "abc"}, count=3, steps=4, seed=5)
    assert len(set(texts)) == 3
    for text in texts:
        assert len(text) == model.length == 32
        assert (text[:4], text[-4:], text[10:13]) == ("the ", " end", "abc")
    assert model.sample("the ", " end", {10: "abc"}, count=3, steps=4, seed=5) == texts
    assert len(model.sample(steps=2, length=12)[0]) == 12


@pytest.mark.usefixtures("project")
def test_samples_are_those_of_the_experiment_by_default():
    model = opened("smoke_absorb")
    inner = model.language_model
    expected = [text["text"] for text in draw_samples(inner, seed=inner.experiment.seed)]
    assert model.sample(count=inner.experiment.sampling.count) == expected


@pytest.mark.usefixtures("project")
def test_the_bound_of_a_diffusion_is_that_of_the_same_draws():
    model = opened("smoke_absorb")
    nats = model.nll(TEXTS, num_draws=6, seed=3)
    settings = model.language_model.experiment.evaluation
    for index, (text, found) in enumerate(zip(TEXTS, nats, strict=True)):
        if not text:
            assert found == 0
            continue
        expected = likelihood_bound(
            model.network,
            model.graph,
            model.noise,
            torch.tensor(model.tokenizer.encode_batch([text])),
            6,
            estimator=settings.estimator,
            time_eps=settings.time_eps,
            generator=generator(3, "nll", index),
        )
        assert found == float(expected)
    assert model.nll(TEXTS[:1], num_draws=6, seed=3) == nats[:1]


@pytest.mark.usefixtures("project")
def test_the_likelihood_of_an_autoregressive_model_is_the_sum_over_its_tokens():
    model = opened("smoke_autoregressive")
    assert model.is_exact
    assert model.graph is None
    network = model.language_model.network
    weight, bias = (part[:27] for part in network.vocabulary_layer())
    found = model.nll([*TEXTS, "a text as long as the old one"])
    for text, nats in zip(TEXTS, found, strict=False):
        tokens, total = model.tokenizer.encode_batch([text])[0], 0.0
        for position, token in enumerate(tokens):
            read = torch.tensor([[27, *tokens[:position]]])
            with torch.no_grad():
                logits = network.features(read, None)[-1].double() @ weight.double().T + bias
            total -= float(logits.log_softmax(-1)[token])
        assert nats == pytest.approx(total, rel=1e-5, abs=1e-5)
    assert model.nll(TEXTS, num_draws=3) == found[:4]  # an exact model makes no draws


@pytest.mark.usefixtures("project")
def test_the_likelihood_of_a_causal_model_follows_its_law():
    pytest.importorskip("transformers")
    model = sedd.open_model(causal_model(Path("models/known"), LAW), device="cpu")
    for text, nats in zip(TEXTS, model.nll(TEXTS), strict=True):
        tokens = model.tokenizer.encode_batch([text])[0]
        assert nats == pytest.approx(-sum(LAW[token] for token in tokens), rel=1e-5, abs=1e-9)
    texts = model.sample("the ", count=2, seed=1)
    assert all(text.startswith("the ") for text in texts)
    with pytest.raises(DataError, match="it takes a prefix"):
        model.sample(suffix="end")


@pytest.mark.usefixtures("project")
def test_what_does_not_fit_is_an_error_with_the_way_out():
    model = opened("smoke_autoregressive")
    with pytest.raises(DataError, match="text 1 has 33 tokens, more than the 32"):
        model.nll(["a", "a" * 33])
    with pytest.raises(TypeError, match="must be a list"):
        model.nll("a text")
    with pytest.raises(ConfigError, match="must be ancestral"):
        model.sample(sampler="analytic")
    with pytest.raises(DataError, match="it takes a prefix"):
        model.sample(suffix="end")


@pytest.mark.usefixtures("project")
def test_sample_text_takes_tokenizer_and_length_from_the_loaded_model():
    untrained_run("smoke_absorb")
    loaded = sedd.load_model("smoke_absorb", device="cpu")
    network, graph, noise = loaded
    texts = sedd.sample_text(loaded, prefix="the ", suffix=" end", count=2, steps=3)
    assert all(text[:4] == "the " and text[-4:] == " end" and len(text) == 32 for text in texts)
    plain = sedd.sample_text((network, graph, noise), tokenizer="text8", length=32, steps=3, seed=4)
    assert sedd.sample_text(loaded, steps=3, seed=4) == plain
    with pytest.raises(DataError, match=r"'gpt2' \(50,257 tokens\) .* the model \(27 tokens\)"):
        sedd.sample_text((network, graph, noise))
    duplicate = copy.copy(loaded)
    assert (duplicate.tokenizer_name, duplicate.length) == ("text8", 32)

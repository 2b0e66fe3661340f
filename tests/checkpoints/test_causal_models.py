"""Causal models that others trained, as runs: exact likelihoods, texts, and refusals."""

import json
import math
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.causal_model import LETTERS, causal_model
from helpers.corpus import tokenize_corpus
from helpers.project import invoke
from scipy import stats

from sedd.checkpoints.causal import cache_argument
from sedd.config import load_experiment, load_subject
from sedd.data.token_folder import open_tokens
from sedd.errors import CheckpointError, ConfigError, DataError
from sedd.evaluate import draw_samples, measure, open_language_model, with_sampling
from sedd.paths import evaluation_file, tokens_dir

pytest.importorskip("transformers")
LAW = torch.log_softmax(torch.linspace(2, -3, len(LETTERS)), 0).tolist()
EXPERIMENT = """
description: a model that others trained
pretrained: models/known
data: {tokenizer: models/known, length: 32}
sampling: {sampler: ancestral, steps: 32, count: 3, batch_size: 2}
evaluation: {datasets: [corpus], batch_size: 4}
"""


@pytest.fixture
def known(project: Path) -> Path:
    """A model whose next token has the law LAW, in the project, with a text in its vocabulary."""
    causal_model(project / "models/known", LAW)
    Path("config/experiments/known.yaml").write_text(EXPERIMENT)
    tokenize_corpus("models/known")
    return project


def draw(run, count: int, seed: int, prefix: str = "", suffix: str = "", **asked):
    experiment = with_sampling(run.experiment, count=count, **asked)
    return draw_samples(
        replace(run, experiment=experiment), prefix=prefix, suffix=suffix, seed=seed
    )


def opened(*overrides: str):
    return open_language_model(load_subject("known", overrides, writes=False), device="cpu")


def test_the_perplexity_of_a_model_with_a_known_law_is_what_counting_gives(known):
    result = measure(opened(), "corpus")
    tokens, _ = open_tokens(tokens_dir("corpus", "models/known", "test"))
    whole = np.asarray(tokens)[: len(tokens) // 32 * 32]
    nats = -np.array(LAW)[whole].reshape(-1, 32)
    assert result.nats_per_token == pytest.approx(nats.mean(), rel=1e-6)
    assert result.perplexity == pytest.approx(math.exp(nats.mean()), rel=1e-6)
    groups = np.array([group.sum() for group in np.array_split(nats, 10)])
    sizes = np.array([group.size for group in np.array_split(nats, 10)])
    spread = (groups - nats.mean() * sizes).std(ddof=1) * math.sqrt(10) / sizes.sum()
    error = spread * stats.t.ppf(0.97725, 9) / 2  # Student's factor for ten groups of neighbors
    assert result.standard_error == pytest.approx(error, rel=1e-3)
    assert (result.bound, result.estimator, result.num_tokens) == (
        False,
        "exact",
        whole.size,
    )


def test_the_likelihood_is_that_of_the_librarys_own_loss(known):
    causal_model(known / "models/known")
    run = opened()
    x0 = torch.randint(0, 27, (5, 32), generator=torch.Generator().manual_seed(1))
    read = torch.cat([torch.full((5, 1), len(LETTERS) - 1), x0[:, :-1]], 1)
    logits = run.network.network(input_ids=read).logits.double()
    wanted = torch.nn.functional.cross_entropy(logits.transpose(1, 2), x0, reduction="none").sum(1)
    torch.testing.assert_close(
        run.negative_log_likelihood(x0, torch.Generator()), wanted, rtol=1e-6, atol=1e-5
    )


def test_logits_of_a_few_rows_at_a_time_give_the_same(known, monkeypatch):
    causal_model(known / "models/known")
    run = opened()
    x0 = torch.randint(0, 27, (5, 32), generator=torch.Generator().manual_seed(1))
    at_once = run.negative_log_likelihood(x0, torch.Generator())
    monkeypatch.setattr("sedd.diffusion.fast.row_chunks.TABLE_ELEMENTS", 3 * len(LETTERS))
    torch.testing.assert_close(
        run.negative_log_likelihood(x0, torch.Generator()), at_once, rtol=1e-6, atol=1e-5
    )


def test_texts_have_the_models_law_and_begin_as_they_are_told(known):
    texts = draw(opened(), count=64, prefix="the ", seed=3)
    assert all(text["text"].startswith("the ") for text in texts)
    drawn = np.array([text["tokens"][4:] for text in texts])
    share = np.bincount(drawn.ravel(), minlength=len(LETTERS)) / drawn.size
    # 1792 draws: five standard errors are below 0.06
    assert np.abs(share - np.exp(LAW)).max() < 0.06


def test_a_cache_of_what_was_read_does_not_change_what_is_written(known):
    causal_model(known / "models/known")
    run = opened()
    (text,) = draw(run, count=1, seed=3)
    # the chance of each token under the whole text before it
    nats = run.negative_log_likelihood(torch.tensor([text["tokens"]]), torch.Generator())
    assert float(nats) / 32 < 1.5 * math.log(len(LETTERS))
    again = draw(run, count=1, seed=3)
    assert again[0]["tokens"] == text["tokens"]


def test_sampling_uses_no_deprecated_argument_of_the_library(known):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(opened(), count=1, seed=3)


def test_the_keys_and_values_of_earlier_tokens_have_two_names_in_the_library():
    class Old:
        def forward(self, input_ids, past_key_values=None): ...

    class New:
        def forward(self, input_ids, cache=None): ...

    assert [cache_argument(kind()) for kind in (Old, New)] == ["past_key_values", "cache"]


def test_a_nucleus_keeps_the_likeliest_tokens(known):
    run = opened("sampling.top_p=0.3")
    kept = {int(np.argmax(LAW)), int(np.argsort(LAW)[-2])}
    for text in draw(run, count=4, seed=1):
        assert set(text["tokens"]) <= kept


def test_what_does_not_fit_is_told(known):
    with pytest.raises(DataError, match="it takes a prefix"):
        draw(opened(), count=1, suffix="end", seed=1)
    with pytest.raises(DataError, match="must be ancestral"):
        draw(opened(), count=1, sampler="analytic", seed=1)
    with pytest.raises(CheckpointError, match="reads another vocabulary"):
        opened("data.tokenizer=text8")
    with pytest.raises(CheckpointError, match="reads 32 tokens at once"):
        opened("data.length=64")
    with pytest.raises(CheckpointError, match="no checkpoint of step 7"):
        open_language_model(load_subject("known"), 7, "cpu")
    with pytest.raises(ConfigError, match="is a pretrained model"):
        load_experiment("known")


def test_weights_that_cannot_be_read_are_told_in_one_line(known):
    (known / "models/known/model.safetensors").write_bytes(b"not weights")
    result = invoke("perplexity", "known", check=False)
    assert result.returncode == 2
    assert "cannot be loaded as a causal language model" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_published_diffusion_is_measured_as_a_run_is(corpus):
    golden = Path(__file__).parents[1] / "golden/absorb/hub"
    shutil.copytree(golden, "models/golden")
    size = json.loads((golden / "config.json").read_text())["tokens"]
    text = EXPERIMENT.replace("models/known", "models/golden", 1).replace("models/known", "text8")
    text = text.replace("ancestral, steps: 32", "analytic, steps: 4")
    Path("config/experiments/golden.yaml").write_text(text + "  \n")
    experiment = load_subject("golden", ["evaluation.num_draws=2"], writes=False)
    if size != 27:
        with pytest.raises(CheckpointError, match=f"its network has {size} tokens"):
            open_language_model(experiment, device="cpu")
        return
    result = measure(open_language_model(experiment, device="cpu"), "corpus")
    assert result.bound is True


def test_the_verb_measures_a_pretrained_model_with_its_provenance(known):
    invoke("perplexity", "known")
    written = json.loads(evaluation_file("known", 0, "corpus").read_text())
    assert len(written["provenance"]["checkpoint_sha256"]) == 64
    assert written["unigram"]["train_nats_per_token"] is None


@pytest.mark.parametrize("model_type", ["gpt2", "unheard_of"])
def test_code_in_a_folder_is_neither_run_nor_asked_about(known, monkeypatch, model_type):
    folder = known / "models/known"
    config = json.loads((folder / "config.json").read_text())
    auto_map = {"AutoConfig": "theirs.Config", "AutoModelForCausalLM": "theirs.Model"}
    (folder / "config.json").write_text(
        json.dumps(config | {"model_type": model_type, "auto_map": auto_map})
    )
    (folder / "theirs.py").write_text("open('ran', 'w').close()")
    monkeypatch.setattr("builtins.input", lambda *words: pytest.fail(f"asked: {words}"))
    if model_type == "gpt2":  # a class of the library
        opened()
    else:
        with pytest.raises(CheckpointError, match=r"models/known.* cannot be loaded"):
            opened()
    assert not Path("ran").exists()

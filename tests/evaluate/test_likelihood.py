"""The bound of a run, against networks whose bound is known."""

import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.processes import finish, start
from helpers.project import invoke

from sedd.config import load_experiment
from sedd.data import verified
from sedd.data.dataset import TokenBlocks
from sedd.data.token_folder import token_counts
from sedd.errors import CheckpointError, DataError
from sedd.evaluate import measure, open_language_model
from sedd.paths import evaluation_file, run_dir, tokens_dir
from sedd.runtime.resumable import partial_folder
from sedd.train import train

OVERRIDES = ["data.dataset=corpus", "evaluation.datasets=[corpus]", "evaluation.max_sequences=null"]


@pytest.fixture
def run(corpus):
    experiment = load_experiment(
        "smoke_absorb", [*OVERRIDES, "evaluation.num_draws=40"], rename="measured"
    )
    train(experiment, until=30)
    return open_language_model(experiment, device="cpu")


def test_training_and_measuring_read_no_tokens_to_count_or_verify_them(corpus, monkeypatch):
    monkeypatch.setattr(verified, "hashlib", None)  # fails where a file would be read
    experiment = load_experiment("smoke_absorb", OVERRIDES, rename="measured")
    train(experiment, until=30)
    measure(open_language_model(experiment, device="cpu"), "corpus")
    verified.record_file(tokens_dir("corpus", "text8", "train") / "tokens.bin").unlink()
    with pytest.raises(AttributeError):
        token_counts(tokens_dir("corpus", "text8", "train"))


class UnigramScore:
    """A network that knows only how often each token occurs: its bound is the cross entropy of that."""

    def __init__(self, probabilities: torch.Tensor):
        self.log_probabilities = probabilities.log()

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        log_score = self.log_probabilities - torch.log(torch.expm1(sigma.double()))[:, None, None]
        log_score = torch.cat([log_score.expand(*x.shape, -1), torch.zeros(*x.shape, 1)], -1)
        return log_score.scatter(-1, x[..., None], 0.0)


@pytest.mark.parametrize("estimator", ["paper", "stratified"])
def test_the_bound_of_a_unigram_model_is_its_cross_entropy(run, estimator):
    counts = token_counts(tokens_dir("corpus", "text8", "train")) + 1.0
    evaluation = run.experiment.evaluation.model_copy(update={"estimator": estimator})
    unigram = replace(
        run,
        network=UnigramScore(torch.from_numpy(counts / counts.sum())),
        experiment=run.experiment.model_copy(update={"evaluation": evaluation}),
    )
    result = measure(unigram, "corpus")
    wanted = result.unigram.train_nats_per_token
    # five standard errors: a false alarm once in two million; what the bound leaves out (t < 1e-5, and the 0.1 % that
    # no noise reaches) is below 0.2 %
    assert abs(result.nats_per_token - wanted) < 5 * result.standard_error + 0.002 * wanted
    assert result.standard_error < 0.1 * wanted


def test_units_agree_with_one_another(run):
    result = measure(run, "corpus")
    assert result.perplexity == math.exp(result.nats_per_token)
    bits = result.nats_per_token / math.log(2) * result.num_tokens / result.num_characters
    assert result.bits_per_character == pytest.approx(bits, rel=1e-12)
    # 27 symbols: a token is a character
    assert result.num_characters == result.num_tokens
    blocks = TokenBlocks(tokens_dir("corpus", "text8", "test"), 32)
    assert result.num_sequences == len(blocks)


def test_unigram_baselines_are_entropy_and_cross_entropy(run):
    result = measure(run, "corpus").unigram
    blocks = TokenBlocks(tokens_dir("corpus", "text8", "test"), 32)
    share = np.bincount(blocks[np.arange(len(blocks))].numpy().ravel(), minlength=27)
    share = share / share.sum()
    own = -sum(p * math.log2(p) for p in share if p)
    assert result.text_bits_per_character == pytest.approx(own)
    assert result.train_bits_per_character > own


def seeded(run, seed):
    return replace(run, experiment=run.experiment.model_copy(update={"seed": seed}))


def test_the_seed_decides_the_number(run):
    first, again, other = (measure(seeded(run, seed), "corpus") for seed in (1, 1, 2))
    assert first.nats_per_token == again.nats_per_token != other.nats_per_token


def test_the_averaged_weights_are_measured(run):
    content = torch.load("results/runs/measured/checkpoints/step_30.pt", weights_only=True)
    name = "output_layer.linear.weight"
    assert torch.equal(dict(run.network.named_parameters())[name], content["ema"]["shadow"][name])
    assert not torch.equal(content["model"][name], content["ema"]["shadow"][name])


def test_the_verb_writes_what_it_measured_with_its_provenance(run):
    invoke("perplexity", "measured")
    written = json.loads(evaluation_file("measured", 30, "corpus").read_text())
    assert written["nats_per_token"] == pytest.approx(
        measure(run, "corpus").nats_per_token, rel=1e-6
    )
    provenance = written["provenance"]
    assert provenance["seed"] == 1
    assert len(provenance["checkpoint_sha256"]) == len(provenance["config_sha256"]) == 64
    assert provenance["seconds"] > 0


def test_another_seed_or_another_training_is_another_experiment(run):
    refused = invoke("perplexity", "measured", "--seed", "5", check=False)
    assert (refused.returncode, "--name" in refused.stderr) == (2, True)
    invoke("perplexity", "measured", "--seed", "5", "--name", "again")
    assert json.loads(evaluation_file("again", 30, "corpus").read_text())["provenance"]["seed"] == 5
    change = ["training.lr=0.5", "--name", "other"]
    refused = invoke("perplexity", "measured", *change, check=False)
    assert refused.returncode == 2
    assert "training.lr: 0.002 -> 0.5" in refused.stderr
    assert not run_dir("other").exists()


def test_a_text_that_is_not_tokenised_is_told(run):
    with pytest.raises(DataError, match="sedd tokenize"):
        measure(run, "kjv")


def test_a_checkpoint_of_another_network_is_told_before_it_is_used(run):
    other = run.experiment.model_copy(
        update={"model": run.experiment.model.model_copy(update={"n_blocks": 3})}
    )
    with pytest.raises(CheckpointError, match=r"model\.n_blocks: 2 -> 3"):
        open_language_model(other, device="cpu")


def test_a_missing_checkpoint_is_told_with_those_that_are_there(run):
    with pytest.raises(CheckpointError, match=r"no checkpoint of step 60; steps there: 30"):
        open_language_model(run.experiment, step=60, device="cpu")


def test_two_commands_at_once_measure_one_after_the_other(run):
    words = ["perplexity", "measured", "--dataset", "corpus"]
    both = [process for _ in range(2) for process in start(1, *words)]
    assert [(code, "Traceback" in said) for code, said in finish(both)] == [(0, False)] * 2
    path = evaluation_file("measured", 30, "corpus")
    assert json.loads(path.read_text())["nats_per_token"] == measure(run, "corpus").nats_per_token
    shutil.rmtree(partial_folder(path))  # of this process, which only measured
    assert list(path.parent.iterdir()) == [path]

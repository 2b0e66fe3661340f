"""Likelihoods of passages, by enumeration of every text of a length, and against exact laws."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
import torch
from helpers.exact import Data
from helpers.optimal import BestDenoiser
from helpers.untrained_run import untrained_run

from sedd.checkpoints.language_model import NetworkModel
from sedd.checkpoints.open import open_language_model
from sedd.config import with_changes
from sedd.data.tokenizers import load_tokenizer
from sedd.diffusion import Absorb, LogLinear
from sedd.errors import DataError
from sedd.evaluate.passages import Nats, Passage, length_batches, passage_nats, repeats_and_draws
from sedd.objective import LambdaDCE

PAIRS = list(itertools.product(range(27), repeat=2))


def opened(name: str, **evaluation) -> NetworkModel:
    untrained_run(name)
    model = open_language_model(name, device="cpu")
    assert isinstance(model, NetworkModel)
    changes = {f"evaluation.{key}": value for key, value in evaluation.items()}
    return replace(model, experiment=with_changes(model.experiment, changes))


def scored(model, passages, **options) -> list[Nats]:
    return passage_nats(model, passages, seed=3, title="score", **options)[0]


def sum_and_error(nats: list[Nats]) -> tuple[float, float]:
    """Sum of exp(-nats), and its standard error to first order.

    An estimate of error e has exp(-nats) too large by exp(e^2 / 2) on average.
    """
    masses = [math.exp(-one.nats - one.standard_error**2 / 2) for one in nats]
    errors = [mass * one.standard_error for mass, one in zip(masses, nats, strict=True)]
    return sum(masses), math.hypot(*errors)


@pytest.mark.usefixtures("project")
def test_all_texts_of_an_autoregressive_model_sum_to_one():
    model = opened("smoke_autoregressive")
    nats = scored(model, [Passage(pair) for pair in PAIRS])
    assert sum_and_error(nats) == (pytest.approx(1, abs=1e-5), 0)
    # after each first token too, and the parts add up to the whole
    rest = scored(model, [Passage(pair, num_given=1) for pair in PAIRS])
    first = scored(model, [Passage([token]) for token in range(27)])
    for token in range(27):
        of_token = slice(27 * token, 27 * (token + 1))
        assert sum_and_error(rest[of_token])[0] == pytest.approx(1, abs=1e-5)
        for whole, part in zip(nats[of_token], rest[of_token], strict=True):
            assert whole.nats == pytest.approx(first[token].nats + part.nats, rel=1e-5)


@pytest.mark.usefixtures("project")
def test_one_token_of_a_diffusion_sums_to_one_after_a_prefix():
    """A single token has no order in which it is predicted, so its bound is tight."""
    model = opened("smoke_lambda_dce", num_draws=100, estimator="stratified")
    after = [Passage((7, 12, token), num_given=2) for token in range(27)]
    total, error = sum_and_error(scored(model, after))
    assert error < 0.05
    assert abs(total - 1) < 4 * error + 0.01  # 0.001 of each integral is left out


@pytest.fixture(scope="module")
def data() -> Data:
    return Data.random(Absorb(3), 3, seed=0)


@pytest.fixture
def exact(project, data) -> NetworkModel:
    """A model with exact predictions for three tokens."""
    model = opened("smoke_lambda_dce", num_draws=200, estimator="stratified")
    return replace(
        model,
        tokenizer=load_tokenizer("text8"),
        network=BestDenoiser(data),
        objective=LambdaDCE(data.graph, LogLinear(1e-4)),
    )


def test_exact_predictions_give_the_law_of_the_data(exact, data):
    texts = data.support.tolist()
    nats = scored(exact, [Passage(text, draws=index) for index, text in enumerate(texts)])
    truth = (-data.probability.log()).tolist()
    deviations = [
        (one.nats - true) / (one.standard_error + 1e-3)
        for one, true in zip(nats, truth, strict=True)
    ]
    # 27 comparisons with t of 19 degrees of freedom: a false alarm once in 1,000
    assert max(map(abs, deviations)) < 5.5
    assert max(one.standard_error for one in nats) < 0.25
    assert math.hypot(*deviations) / math.sqrt(27) == pytest.approx(1, abs=0.5)
    total, error = sum_and_error(nats)
    assert abs(total - 1) < 4 * error + 1e-3
    assert error < 0.02


def test_exact_predictions_give_the_law_of_the_rest_after_a_prefix(exact, data):
    texts = data.support.tolist()
    nats = scored(exact, [Passage(text, 1, index) for index, text in enumerate(texts)])
    for token in range(3):
        of_token = data.support[:, 0] == token
        law = data.probability[of_token] / data.probability[of_token].sum()
        estimates = [one for one, inside in zip(nats, of_token.tolist(), strict=True) if inside]
        for one, true in zip(estimates, (-law.log()).tolist(), strict=True):
            assert abs(one.nats - true) < 5.5 * one.standard_error + 1e-3
        total, error = sum_and_error(estimates)
        assert abs(total - 1) < 4 * error + 1e-3


def test_worse_predictions_sum_to_less_than_one(exact, data):
    experiment = with_changes(exact.experiment, {"evaluation.num_draws": 2000})
    worse = replace(exact, network=BestDenoiser(data, blur=0.6), experiment=experiment)
    for num_given in (0, 1):
        texts = [text for text in data.support.tolist() if text[0] == 2 or not num_given]
        nats = scored(worse, [Passage(one, num_given, n) for n, one in enumerate(texts)])
        total, error = sum_and_error(nats)
        assert 0.7 < total < 1 - 3 * error


@pytest.mark.usefixtures("project")
def test_the_standard_error_is_that_of_the_estimates():
    """Spread over seeds, against the reported error; both estimators."""
    for estimator in ("paper", "stratified"):
        model = opened("smoke_lambda_dce", num_draws=30, estimator=estimator, time_eps=0.01)
        nats = scored(model, [Passage([5, 1, 8, 3, 2, 9], draws=seed) for seed in range(100)])
        spread = torch.tensor([one.nats for one in nats]).std().item()
        reported = math.sqrt(sum(one.standard_error**2 for one in nats) / 100)
        assert reported == pytest.approx(spread, rel=0.35)


@pytest.mark.usefixtures("project")
def test_a_passage_does_not_depend_on_the_others():
    passages = [Passage([3, 1, 4], draws=0), Passage([], draws=1), Passage([1, 5, 9, 2], 2, 2)]
    for name in ("smoke_absorb", "smoke_autoregressive"):
        model = opened(name)
        nats = scored(model, passages)
        assert nats[1] == (0, 0)
        assert scored(model, passages[:1]) == nats[:1]
        assert scored(model, passages[2:])[0].nats == pytest.approx(nats[2].nats)
    assert scored(model, [Passage([3, 1], num_given=2)]) == [(0, 0)]


@pytest.mark.usefixtures("project")
def test_finished_passages_are_kept_and_read_again(tmp_path):
    model, passages = opened("smoke_absorb"), [Passage([n, n], draws=n) for n in range(4)]
    nats = scored(model, passages, folder=tmp_path / "parts")
    (kept,) = (tmp_path / "parts").glob("*/*.jsonl")
    lines = kept.read_text().splitlines()
    kept.write_text("\n".join(lines[:2]) + "\n" + lines[2][:9])  # killed in the third
    stopped = replace(model, network=None)  # whatever is computed again needs a network
    with pytest.raises(TypeError):
        scored(stopped, passages, folder=tmp_path / "parts")
    assert scored(model, passages, folder=tmp_path / "parts") == nats


@pytest.mark.usefixtures("project")
def test_a_uniform_model_takes_no_given_tokens():
    with pytest.raises(DataError, match="needs a graph with a mask"):
        scored(opened("smoke_uniform"), [Passage([1, 2], num_given=1)])


def test_batches_hold_one_length_and_leave_out_the_empty():
    assert list(length_batches([2, 0, 1, 2, 2], 2)) == [[2], [0, 3], [4]]


def test_the_draws_are_divided_among_repeats():
    assert [repeats_and_draws(n) for n in (1, 2, 20, 30, 1000)] == [
        (2, 1),
        (2, 1),
        (20, 1),
        (20, 2),
        (20, 50),
    ]

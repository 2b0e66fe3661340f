"""Every objective on the smoke corpus, from training to sampling."""

import json
from pathlib import Path

import pytest
import torch
from helpers.processes import finish, start
from helpers.project import invoke
from test_resume import assert_same, state

from sedd import load_model
from sedd.checkpoints.export import export
from sedd.config import load_experiment
from sedd.errors import CheckpointError, DataError
from sedd.evaluate import draw_samples, measure, open_language_model
from sedd.paths import checkpoint_file, evaluation_file, metrics_file
from sedd.results.standard_error import STUDENT
from sedd.train import train

CORPUS = ["data.dataset=corpus", "evaluation.datasets=[corpus]", "training.decay_fraction=0.3"]
OBJECTIVES = {
    "d3pm_absorb": ("smoke_d3pm_absorb", []),
    "d3pm_uniform": ("smoke_d3pm_uniform", []),
    "lambda_dce": ("smoke_lambda_dce", []),
    "lambda_dce_with_time": ("smoke_lambda_dce", ["objective.time_conditioning=true"]),
    "autoregressive": ("smoke_autoregressive", []),
}


def experiment(kind: str, name: str, *more: str):
    base, words = OBJECTIVES[kind]
    return load_experiment(base, [*CORPUS, *words, "sampling.count=3", *more], rename=name)


def losses(name: str, kind: str) -> torch.Tensor:
    lines = map(json.loads, metrics_file(name).read_text().splitlines())
    return torch.tensor([line["loss_nats_per_token"] for line in lines if line["kind"] == kind])


def draw(run, **options):
    return draw_samples(run, seed=1, **options)


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_it_learns_resumes_bit_for_bit_is_evaluated_and_samples(corpus, kind):
    train(experiment(kind, "whole"))
    train(experiment(kind, "parts"), until=30)
    train(experiment(kind, "parts"))
    assert_same(state("whole", 60), state("parts", 60))

    run = open_language_model(experiment(kind, "whole"), device="cpu")
    result = measure(run, "corpus")
    exact = kind == "autoregressive"
    assert (result.bound, result.num_draws) == (not exact, 1 if exact else 2)
    # the error of few groups is wider by Student's factor
    error = result.standard_error / STUDENT[len(result.group_nats_per_token) - 2]
    assert 0 < error < 0.2 * result.nats_per_token
    assert losses("whole", "validation")[-1] < losses("whole", "validation")[0]

    first, again = draw(run), draw(run)
    assert [text["tokens"] for text in first] == [text["tokens"] for text in again]
    assert len({tuple(text["tokens"]) for text in first}) == 3
    assert all(0 <= token < 27 for text in first for token in text["tokens"])
    for text in draw(run, prefix="the old "):
        assert text["text"].startswith("the old ")
    if exact:
        with pytest.raises(DataError, match="it takes a prefix, but no suffix"):
            draw(run, prefix="the ", suffix=" north")
    else:
        assert all(text["text"].endswith(" north") for text in draw(run, suffix=" north"))


@pytest.mark.parametrize("kind", ["lambda_dce", "autoregressive"])
def test_two_ranks_learn_what_one_rank_learns(corpus, kind):
    look = ["training.log_every=1", "training.batch_size=24", "training.accum=4"]
    train(experiment(kind, "alone", *look))
    base, words = OBJECTIVES[kind]
    ended = finish(start(2, "train", base, *CORPUS, *words, *look, "--name", "many"))
    assert [code for code, _ in ended] == [0, 0]
    for line in ("train", "validation"):
        torch.testing.assert_close(losses("many", line), losses("alone", line), rtol=2e-4, atol=0)


def test_the_exact_likelihood_depends_on_no_random_draw(corpus):
    train(experiment("autoregressive", "reader"), until=30)
    run = open_language_model(load_experiment("reader"), device="cpu")
    numbers = set()
    for seed in (1, 2):
        settings = run.experiment.model_copy(update={"seed": seed})
        object.__setattr__(run, "experiment", settings)
        numbers.add(measure(run, "corpus").nats_per_token)
    assert len(numbers) == 1
    output = invoke("perplexity", "reader").stdout
    assert "perplexity <=" not in output
    assert "perplexity " in output
    assert json.loads(evaluation_file("reader", 30, "corpus").read_text())["bound"] is False
    words = ["--prefix", "the ", "--count", "1"]
    assert "the " in invoke("sample", "reader", *words).stdout
    refused = invoke("sample", "reader", "--suffix", "x", check=False)
    assert (refused.returncode, "takes a prefix" in refused.stderr) == (2, True)
    refused = invoke("sample", "reader", "--steps", "3", check=False)
    assert (refused.returncode, "ancestral takes one step per token, 32" in refused.stderr) == (
        2,
        True,
    )

    cold = ["--temperature", "0.01", "--count", "2", "--out", "cold.jsonl"]
    invoke("sample", "reader", *cold)
    texts = [json.loads(line)["text"] for line in Path("cold.jsonl").read_text().splitlines()]
    assert texts[0] == texts[1]

    with pytest.raises(CheckpointError, match="so no graph, no noise and no scores"):
        load_model("reader")
    with pytest.raises(CheckpointError, match="there are published forms for score entropy"):
        export("reader", Path("exported"))


def test_a_denoiser_is_loaded_as_the_scores_that_it_implies(corpus):
    train(experiment("lambda_dce", "masks"), until=30)
    model, graph, noise = load_model("masks")
    x = torch.full((2, 5), graph.mask)
    sigma = noise(torch.tensor([0.3, 0.9]))[0]
    total = model(x, sigma).exp()[..., : graph.vocab_size].sum(-1)
    torch.testing.assert_close(total, (1 / torch.expm1(sigma))[:, None].expand(2, 5))


def test_a_run_with_another_objective_is_rejected(corpus):
    train(experiment("lambda_dce", "masks"), until=30)
    other = load_experiment(
        "masks", ["objective.type=d3pm", "objective.num_steps=50"], writes=False
    )
    with pytest.raises(CheckpointError, match=r"objective\.type: lambda_dce -> d3pm"):
        open_language_model(other.model_copy(update={"name": "masks"}), device="cpu")
    assert checkpoint_file("masks", 30).exists()

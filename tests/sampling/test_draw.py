"""Texts drawn from a run, in Python and from the command line."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.project import invoke

import sedd.runtime.seeds
from sedd.config import load_experiment
from sedd.errors import ConfigError, DataError
from sedd.evaluate import draw_samples, open_language_model, with_sampling
from sedd.paths import run_dir, samples_file
from sedd.sampling.prompt import Prompt
from sedd.train import train


@pytest.fixture(params=["smoke_absorb", "smoke_uniform"])
def run(corpus, request):
    experiment = load_experiment(
        request.param, ["data.dataset=corpus", "evaluation.datasets=[corpus]"], rename="drawn"
    )
    train(experiment, until=30)
    return open_language_model(experiment, device="cpu")


def draw(run, count=4, seed=1, prefix="", suffix="", **asked):
    asked = {"sampler": "analytic", "steps": 4, **asked}
    experiment = with_sampling(run.experiment, count=count, **asked)
    return draw_samples(
        replace(run, experiment=experiment), prefix=prefix, suffix=suffix, seed=seed
    )


def test_samples_are_whole_texts_of_the_vocabulary(run):
    texts = draw(run, count=3)
    assert [text["index"] for text in texts] == [0, 1, 2]
    for text in texts:
        assert len(text["tokens"]) == 32
        assert all(0 <= token < 27 for token in text["tokens"])  # no mask is left
        assert text["text"] == run.tokenizer.decode(text["tokens"])
        assert 1 <= text["network_calls"] <= 5  # four steps, and one that removes all noise
        assert text["provenance"]["seconds"] > 0  # for all texts


def test_prefix_and_suffix_stay_as_they_were_given(run):
    for text in draw(run, prefix="the old ", suffix=" north"):
        assert text["text"].startswith("the old ")
        assert text["text"].endswith(" north")
        assert (text["prefix_tokens"], text["suffix_tokens"]) == (8, 6)


def test_the_seed_decides_the_texts_and_batches_differ(run):
    first, again, other = (draw(run, seed=seed) for seed in (1, 1, 2))
    assert [t["tokens"] for t in first] == [t["tokens"] for t in again]
    assert [t["tokens"] for t in first] != [t["tokens"] for t in other]
    assert len({tuple(t["tokens"]) for t in first}) == 4  # two batches of two


@pytest.mark.parametrize(("precision", "place"), [("float64", "cpu"), ("float32", "meta")])
def test_a_run_draws_where_its_precision_asks_for(run, precision, place, monkeypatch):
    asked = []
    monkeypatch.setattr(sedd.runtime.seeds, "generator", lambda *name, device: asked.append(device))
    experiment = with_sampling(run.experiment, precision=precision)
    run = replace(run, experiment=experiment, device=torch.device("meta"))
    run.generator(1, "sample", 0)
    assert [torch.device(device).type for device in asked] == [place]


def test_nothing_left_to_draw_is_told(run):
    with pytest.raises(DataError, match="none is left to draw"):
        draw(run, prefix="a" * 20, suffix="b" * 12)


def test_first_hitting_fills_one_token_a_step(run):
    if run.objective.graph.mask is None:
        with pytest.raises(ConfigError, match=r"trapezoidal or gibbs with graph\.type uni"):
            draw(run, sampler="first_hitting", steps=None)
        return
    texts = draw(run, sampler="first_hitting", steps=None, prefix="the old ")
    assert len({tuple(text["tokens"]) for text in texts}) == 4
    for text in texts:
        assert text["text"].startswith("the old ")
        assert text["settings"]["sampler"] == "first_hitting"
        assert text["settings"]["steps"] == 32  # one a token of a whole text
        assert text["network_calls"] == 24
    again = draw(run, sampler="first_hitting", steps=32, prefix="the old ")
    assert [text["tokens"] for text in again] == [text["tokens"] for text in texts]
    with pytest.raises(ConfigError, match="--steps: first_hitting takes one step per token, 32"):
        draw(run, sampler="first_hitting", steps=4)


def test_top_p_makes_texts_of_likelier_tokens(run):
    if run.objective.graph.mask is None:
        with pytest.raises(ConfigError, match=r"sampling\.top_p: must be null with graph\.type"):
            draw(run, top_p=0.5)
        return
    whole, likely = (
        draw(run, count=8, sampler="first_hitting", steps=None, top_p=top_p)
        for top_p in (None, 0.3)
    )
    assert likely[0]["settings"]["top_p"] == 0.3

    def kinds(texts):
        return len({token for text in texts for token in text["tokens"]})

    assert kinds(likely) < kinds(whole)


def test_given_tokens_stand_at_both_ends():
    tokens, given = Prompt([1, 2], [3]).clamp(5)
    assert tokens.tolist() == [1, 2, 0, 0, 3]
    assert given.tolist() == [True, True, False, False, True]
    assert Prompt().clamp(5) is None


def test_the_verb_prints_texts_or_writes_them_with_their_settings(run):
    words = ("sample", "drawn", "--count", "2", "--steps", "3", "--seed", "9", "--prefix", "the ")
    written = invoke(*words, "--out", "out/texts.jsonl")
    lines = [json.loads(line) for line in Path("out/texts.jsonl").read_text().splitlines()]
    assert len(lines) == 2
    assert written.stdout == "out/texts.jsonl\n"
    printed = invoke(*words).stdout
    for line in lines:
        assert line["text"] in printed
        assert line["seed"] == 9
        assert line["settings"]["steps"] == 3
        assert line["settings"]["prefix"] == "the "


def test_a_changed_sampling_under_a_new_name_uses_the_checkpoint_it_derives_from(run):
    change = ["sampling.steps=5", "--name", "quick"]
    invoke("sample", "drawn", *change)
    assert samples_file("quick", 30, run.experiment.sampling.sampler, 5).exists()
    assert "sampling.steps=5" in (run_dir("quick") / "config.yaml").read_text()
    refused = invoke("sample", "drawn", "data.length=5", check=False)
    assert refused.returncode == 2
    assert "--name" in refused.stderr


def test_a_key_of_sampling_is_an_option_of_one_call(run):
    words = ("sample", "drawn", "--count", "2")
    once = invoke(*words, "sampling.steps=5", "sampling.precision=float64").stdout
    assert once == invoke(*words, "--steps", "5").stdout
    twice = invoke(*words, "sampling.count=3", check=False)
    assert "sampling.count is given twice" in twice.stderr
    unknown = invoke(*words, "sampling.stepps=3", check=False)
    assert (unknown.returncode, "did you mean 'steps'" in unknown.stderr) == (2, True)

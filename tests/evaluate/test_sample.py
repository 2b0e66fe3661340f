"""Texts drawn from a run, in Python and from the command line."""

import json
from pathlib import Path

import pytest
from project import command

from sedd.config import load_experiment
from sedd.errors import DataError
from sedd.evaluate import draw_samples, open_run
from sedd.evaluate.sample import clamped
from sedd.paths import run_dir, samples_file
from sedd.train import train


@pytest.fixture(params=["smoke_absorb", "smoke_uniform"])
def run(corpus, request):
    experiment = load_experiment(
        request.param, ["data.dataset=corpus", "evaluation.datasets=[corpus]"], rename="drawn"
    )
    train(experiment, until=30)
    return open_run(experiment, device="cpu")


def draw(run, count=4, seed=1, **given):
    return draw_samples(run, count=count, sampler="analytic", steps=4, seed=seed, **given)


def test_samples_are_whole_texts_of_the_vocabulary(run):
    texts = draw(run, count=3)
    assert [text["index"] for text in texts] == [0, 1, 2]
    for text in texts:
        assert len(text["tokens"]) == 32
        assert all(0 <= token < 27 for token in text["tokens"])  # no mask is left
        assert text["text"] == run.tokenizer.decode(text["tokens"])


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


def test_nothing_left_to_draw_is_told(run):
    with pytest.raises(DataError, match="none is left to draw"):
        draw(run, prefix="a" * 20, suffix="b" * 12)


def test_given_tokens_stand_at_both_ends():
    tokens, given = clamped([1, 2], [3], 5)
    assert tokens.tolist() == [1, 2, 0, 0, 3]
    assert given.tolist() == [True, True, False, False, True]
    assert clamped([], [], 5) is None


def test_the_verb_prints_texts_and_writes_them_with_their_settings(run):
    words = [
        "--count",
        "2",
        "--steps",
        "3",
        "--seed",
        "9",
        "--prefix",
        "the ",
        "--out",
        "out/texts.jsonl",
    ]
    said = command(Path.cwd(), "sedd", "sample", "drawn", *words).stdout
    lines = [json.loads(line) for line in Path("out/texts.jsonl").read_text().splitlines()]
    assert len(lines) == 2
    for line in lines:
        assert line["text"] in said
        assert line["seed"] == 9
        assert line["settings"]["steps"] == 3
        assert line["settings"]["prefix"] == "the "


def test_a_changed_sampling_under_a_new_name_uses_the_checkpoint_it_derives_from(run):
    change = ["sampling.steps=5", "--name", "quick"]
    command(Path.cwd(), "sedd", "sample", "drawn", *change)
    assert samples_file("quick", 30, run.experiment.sampling.sampler, 5).exists()
    assert "sampling.steps=5" in (run_dir("quick") / "config.yaml").read_text()
    refused = command(Path.cwd(), "sedd", "sample", "drawn", "sampling.steps=5", check=False)
    assert refused.returncode == 2
    assert "--name" in refused.stderr

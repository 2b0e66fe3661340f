"""MAUVE of texts written around real ones, with an autoregressive run that reads them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.project import command

from sedd.config import load_experiment
from sedd.errors import DataError
from sedd.evaluate import open_run
from sedd.evaluate.judge import open_judge
from sedd.evaluate.mauve import given_positions, measure_mauve, real_texts, score
from sedd.paths import mauve_file
from sedd.train import train

pytest.importorskip("mauve")
CPU = torch.device("cpu")


def test_what_is_given_is_the_papers():
    standard, infill = (given_positions(task, 100) for task in ("standard", "infill"))
    assert standard.nonzero()[:, 0].tolist() == list(range(50))
    assert infill.nonzero()[:, 0].tolist() == [*range(25), *range(75, 100)]


def test_alike_features_score_near_one_and_others_lower():
    rng = np.random.default_rng(0)
    real, same = rng.normal(size=(2, 200, 8)).astype(np.float32)
    assert score(real, same, 10, seed=1) > 0.9
    assert score(real, same + 4, 10, seed=1) < 0.1


@pytest.fixture
def run(corpus):
    changes = ["data.dataset=corpus", "evaluation.datasets=[corpus]", "generative.steps=[]"]
    mauve = ["mauve.featurizer=reader", "mauve.references=12", "mauve.buckets=3"]
    plain = ["mauve.tasks=[]"]
    train(load_experiment("smoke_autoregressive", [*changes, *plain], rename="reader"))
    experiment = load_experiment("smoke_absorb", [*changes, *mauve], rename="writer")
    train(experiment)
    return open_run(experiment, device="cpu")


def test_texts_keep_what_is_given_and_are_compared_with_their_errors(run):
    here = Path.cwd()
    said = command(here, "sedd", "mauve", "writer", "--task", "infill").stdout
    result = json.loads(mauve_file("writer", 60, "infill").read_text())
    assert f"MAUVE {result['mauve']:.3f}" in said
    assert 0 <= result["mauve"] <= 1
    assert (result["num_references"], result["samples_per_reference"]) == (12, 2)
    assert (len(result["mauve_of_each"]), result["num_given"]) == (2, 16)
    assert result["featurizer_sha256"] == open_judge("reader", CPU).sha256
    assert not list(mauve_file("writer", 60, "infill").parent.glob(".*"))
    again = measure_mauve(run, "infill", open_judge("reader", CPU))
    assert again.mauve == pytest.approx(result["mauve"], rel=1e-4)


def test_too_few_real_texts_are_told_before_anything_is_written(run):
    mauve = run.experiment.mauve.model_copy(update={"references": 10_000})
    with pytest.raises(DataError, match="lower it, or choose another"):
        real_texts(run.experiment.model_copy(update={"mauve": mauve}))

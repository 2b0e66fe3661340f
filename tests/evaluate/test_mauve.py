"""MAUVE of texts written around real ones, with an autoregressive run that reads them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.corpus import tokenize_corpus
from helpers.project import invoke

from sedd.config import draw_settings, load_experiment, with_changes
from sedd.errors import ConfigError, DataError
from sedd.evaluate import draw_samples, open_language_model, with_sampling, write_samples
from sedd.evaluate.grid import RealTexts, judge_file, judge_grid
from sedd.evaluate.judge import open_judge
from sedd.evaluate.mauve import given_positions, measure_mauve
from sedd.evaluate.mauve_score import mauve_score
from sedd.evaluate.measured_text import open_real_texts
from sedd.paths import mauve_file, samples_file
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
    assert mauve_score(real, same, 10, seed=1) > 0.9
    assert mauve_score(real, same + 4, 10, seed=1) < 0.1


@pytest.fixture
def run(corpus):
    changes = ["data.dataset=corpus", "evaluation.datasets=[corpus]", "generative.steps=[]"]
    mauve = ["mauve.featurizer=reader", "mauve.references=12", "mauve.buckets=3"]
    plain = ["mauve.tasks=[]"]
    train(load_experiment("smoke_autoregressive", [*changes, *plain], rename="reader"))
    experiment = load_experiment("smoke_absorb", [*changes, *mauve], rename="writer")
    train(experiment)
    return open_language_model(experiment, device="cpu")


def test_texts_keep_what_is_given_and_are_compared_with_their_errors(run):
    said = invoke("mauve", "writer", "--task", "infill").stdout
    result = json.loads(mauve_file("writer", 60, "infill").read_text())
    assert "MAUVE is not shown: 12 real texts, fewer than 200 texts" in said
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
        measure_mauve(
            replace(run, experiment=run.experiment.model_copy(update={"mauve": mauve})),
            "infill",
            open_judge("reader", CPU),
        )
    assert not mauve_file("writer", 60, "infill").parent.exists()


def test_judged_texts_are_compared_with_real_ones_if_that_is_asked(project):
    """Other real texts in the place of the drawn ones are near, and those of one letter are far."""
    tokenize_corpus(documents=1000)
    changes = ["data.dataset=corpus", "evaluation.datasets=[corpus]", "mauve.tasks=[]"]
    train(
        load_experiment("smoke_autoregressive", [*changes, "generative.steps=[]"], rename="reader")
    )
    grid = ["generative.judge=reader", "generative.samplers=[analytic]", "generative.steps=[2]"]
    grid += ["generative.precisions=[float64]"]
    asked = ["generative.mauve={references: 200, split: train}", "sampling.count=200"]
    experiment = load_experiment("smoke_absorb", [*changes, *grid, *asked], rename="writer")
    train(experiment)
    run, judge, (point,) = (
        open_language_model(experiment, device="cpu"),
        open_judge("reader", CPU),
        draw_settings(experiment),
    )
    path = samples_file("writer", 60, *point)
    drawn = draw_samples(replace(run, experiment=with_sampling(experiment, steps=2)), seed=1)
    write_samples(drawn, path)
    ((_, result),) = judge_grid(experiment, 60, judge)
    assert result.references_sha256 is not None
    assert result.mauve is not None

    def mauve_of(rows):
        texts = [{**one, "tokens": row} for one, row in zip(drawn, rows, strict=True)]
        write_samples(texts, Path("other.jsonl"))
        real = RealTexts.open(experiment)
        return judge_file(experiment, 60, judge, point, Path("other.jsonl"), real).mauve

    real = open_real_texts("corpus", "text8", "validation", 32, 200, key="generative.mauve")
    assert mauve_of(real.tolist()) > 0.8
    assert mauve_of([[7] * 32] * 200) < 0.2

    # other real texts: judged anew; none asked for: no score
    changed = with_changes(experiment, {"generative.mauve.references": 220})
    ((_, again),) = judge_grid(changed, 60, judge)
    assert again.references_sha256 != result.references_sha256
    ((_, plain),) = judge_grid(with_changes(experiment, {"generative.mauve": None}), 60, judge)
    assert (plain.mauve, plain.references_sha256) == (None, None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["generative.mauve={references: 199}", "sampling.count=200"], "must be at least 200"),
        (
            ["generative.mauve={references: 200}", "sampling.count=20"],
            "sampling.count of 200 at least",
        ),
        (
            ["generative.mauve={references: 200, dataset: nowhere}", "sampling.count=200"],
            "nowhere",
        ),
    ],
)
def test_a_comparison_of_too_few_texts_or_with_none_is_refused(project, changes, said):
    with pytest.raises(ConfigError, match=said):
        load_experiment("smoke_absorb", changes)

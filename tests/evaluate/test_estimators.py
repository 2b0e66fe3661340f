"""Both estimators of the bound on one run, at equal cost."""

import json
from pathlib import Path

import pytest
from helpers.project import invoke

from sedd.config import load_experiment
from sedd.evaluate import compare_estimators, estimators_table, open_language_model
from sedd.train import train


@pytest.fixture
def run(corpus):
    overrides = ["data.dataset=corpus", "evaluation.datasets=[corpus]"]
    experiment = load_experiment("smoke_absorb", overrides, rename="measured")
    train(experiment, until=30)
    return open_language_model(experiment, device="cpu")


def test_they_agree_and_the_stratified_one_scatters_less(run):
    found = compare_estimators(run, "corpus", sequences=12, draws=6, repeats=40, seed=1)
    paper, stratified = (found["estimators"][name] for name in ("paper", "stratified"))
    difference = abs(paper["nats_per_token"] - stratified["nats_per_token"])
    error = (paper["mean_error"] ** 2 + stratified["mean_error"] ** 2) ** 0.5
    assert difference < 5 * error  # false alarm: 6e-7
    assert error < 0.05 * paper["nats_per_token"]
    assert found["variance_ratio"] > 1.5
    assert stratified["standard_error_of_draws"] < paper["standard_error_of_draws"]
    for one in (paper, stratified):
        # what the draws add is part of the whole
        assert one["standard_error_of_draws"] < 1.2 * one["standard_error"]
    assert f"variance ratio {found['variance_ratio']:.2f}" in str(estimators_table(found).caption)


def test_the_verb_prints_the_comparison_and_writes_the_same(run):
    words = ["--sequences", "4", "--draws", "2", "--repeats", "3", "--json", "both.json"]
    said = invoke("estimators", "measured", *words).stdout
    found = json.loads(Path("both.json").read_text())
    assert f"{found['estimators']['paper']['nats_per_token']:.4f}" in said
    assert f"variance ratio {found['variance_ratio']:.2f}" in said
    assert (found["num_sequences"], found["num_draws"], found["num_repeats"]) == (4, 2, 3)

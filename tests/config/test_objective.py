"""Section `objective`: rules with other sections, and identity of runs older than the section."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.experiment_file import GOOD
from pydantic import ValidationError

from sedd.config import Experiment, load_experiment, scales_by_sigma, training_identity

Problems = Callable[..., list[str]]

AUTOREGRESSIVE = """\
description: for a test
objective: {type: autoregressive}
model: {hidden_size: 32, n_blocks: 2, n_heads: 2}
data: {dataset: wiki, tokenizer: text8, length: 32}
training: {steps: 100, warmup_steps: 10, checkpoint_every: 50}
sampling: {sampler: ancestral}
"""


def with_objective(text: str) -> str:
    return GOOD.replace("model:", f"objective: {text}\nmodel:")


def test_every_objective_has_a_valid_file(problems: Problems) -> None:
    assert problems(AUTOREGRESSIVE) == []
    assert problems(with_objective("{type: lambda_dce, time_conditioning: true}")) == []
    steps = with_objective("{type: d3pm, num_steps: 100, cross_entropy: 0.01}")
    assert problems(steps) == []
    assert problems(steps.replace("absorb", "uniform")) == []


@pytest.mark.parametrize(
    ("objective", "old", "new", "message"),
    [
        (
            "{type: lambda_dce}",
            "absorb",
            "uniform",
            "objective.type: lambda_dce is defined for masked tokens",
        ),
        ("{type: lambda_dce}", "graph: {type: absorb}\n", "", "graph: missing; give type: absorb"),
        (
            "{type: lambda_dce}",
            "steps: 100",
            "steps: 100, vocabulary_draws: 5",
            "training.vocabulary_draws: must be null with objective.type lambda_dce",
        ),
        (
            "{type: d3pm, num_steps: 1000}",
            "warmup_steps: 10",
            "warmup_steps: 10, time_eps: 0.001",
            "training.time_eps: must be below 1 / objective.num_steps, 0.001",
        ),
        (
            "{type: d3pm, num_steps: 10}",
            "n_heads: 2",
            "n_heads: 2, scale_by_sigma: true",
            "model.scale_by_sigma: must be false or null with objective.type d3pm",
        ),
        (
            "{type: score_entropy, num_steps: 10}",
            "steps: 100",
            "steps: 100",
            "objective.num_steps: unknown key; allowed: type",
        ),
        (
            "{type: lambda_cde}",
            "steps: 100",
            "steps: 100",
            "objective.type: must be score_entropy, d3pm, lambda_dce or autoregressive",
        ),
        (
            "{type: lambda_dce}",
            "training:",
            "sampling: {temperature: 0.5, precision: float32}\ntraining:",
            "sampling.temperature: must be 1 with sampling.precision float32",
        ),
        (
            "{type: score_entropy}",
            "training:",
            "sampling: {sampler: ancestral}\ntraining:",
            "sampling.sampler: ancestral samples from left to right",
        ),
    ],
)
def test_contradictions_between_objective_and_other_sections_are_reported(
    problems: Problems, objective: str, old: str, new: str, message: str
) -> None:
    text = with_objective(objective)
    assert old in text
    lines = problems(text.replace(old, new))
    assert len(lines) == 1
    assert lines[0].startswith(message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("data:", "graph: {type: absorb}\ndata:", "graph: must be left out, or null"),
        ("data:", "noise: {type: loglinear}\ndata:", "noise: must be left out, or null"),
        ("steps: 100", "steps: 100, time_sampling: stratified", "training.time_sampling: has no"),
        ("ancestral}", "ancestral, denoise: false}", "sampling.denoise: has no effect"),
        ("sampling:", "evaluation: {num_draws: 3}\nsampling:", "evaluation.num_draws: has no"),
        ("sampler: ancestral", "sampler: euler", "sampling.sampler: must be ancestral"),
    ],
)
def test_keys_without_effect_on_an_autoregressive_model_are_reported(
    problems: Problems, old: str, new: str, message: str
) -> None:
    assert old in AUTOREGRESSIVE
    lines = problems(AUTOREGRESSIVE.replace(old, new))
    assert len(lines) == 1
    assert lines[0].startswith(message)


def test_all_sections_to_remove_for_an_autoregressive_model_are_reported(
    problems: Problems,
) -> None:
    lines = problems(GOOD, "objective.type=autoregressive")
    assert {line.split(":")[0] for line in lines} == {"graph", "noise", "sampling.sampler"}
    words = ["objective.type=autoregressive", "graph=null", "noise=null"]
    assert problems(GOOD, *words, "sampling.sampler=ancestral") == []


def test_rules_also_apply_to_an_autoregressive_model_created_in_code(here: Path) -> None:
    values = load_experiment("smoke_autoregressive").sections()
    assert Experiment.model_validate(values) == load_experiment("smoke_autoregressive")
    with pytest.raises(ValidationError, match="adds no noise"):
        Experiment.model_validate({**values, "graph": {"type": "absorb"}})


def test_a_run_without_the_section_has_score_entropy_and_keeps_its_identity(here: Path) -> None:
    old = load_experiment("tiny_absorb")
    assert old.objective.type == "score_entropy"
    assert "objective" not in training_identity(old)
    explicit = load_experiment("tiny_absorb", ["objective.type=score_entropy"], writes=False)
    assert training_identity(explicit) == training_identity(old)
    values = old.sections()
    del values["objective"]
    assert Experiment.model_validate(values) == old


def test_another_objective_gives_another_identity(here: Path) -> None:
    identities = [
        training_identity(load_experiment("tiny_absorb", words, writes=False))
        for words in (
            [],
            ["objective.type=lambda_dce"],
            ["objective.type=lambda_dce", "objective.time_conditioning=true"],
            ["objective.type=d3pm", "objective.num_steps=8"],
            ["objective.type=d3pm", "objective.num_steps=9"],
        )
    ]
    assert all(a != b for i, a in enumerate(identities) for b in identities[:i])


@pytest.mark.parametrize(
    ("name", "scaled"),
    [("tiny_absorb", True), ("tiny_uniform", False), ("tiny_lambda_dce", False)],
)
def test_only_scores_with_masks_are_scaled_by_sigma(here: Path, name: str, scaled: bool) -> None:
    assert scales_by_sigma(load_experiment(name)) is scaled

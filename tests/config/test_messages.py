"""Messages: key, line, what was found, what is allowed; all problems together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.experiment_file import GOOD

from sedd.config import load_experiment
from sedd.errors import ConfigError

Problems = Callable[..., list[str]]

FIVE_PROBLEMS = """\
description: five kinds of problems
model: {preset: tiny, scale_by_sigma: true}
graph: {type: uniform}
noise: {type: loglinear}
data: {dataset: wiki, tokenizer: text8}
training:
  batch_sise: 32
  accum: -2
  steps: "3000"
"""


def test_a_valid_file_has_no_problem(problems: Problems) -> None:
    assert problems(GOOD) == []


def test_five_kinds_of_problems_are_reported_together_each_with_its_line(
    write: Callable[[str], None],
) -> None:
    write(FIVE_PROBLEMS)
    with pytest.raises(ConfigError) as caught:
        load_experiment("mine")
    assert str(caught.value).splitlines() == [
        "config/experiments/mine.yaml: 5 problems",
        "  model.scale_by_sigma: must be false or null with graph.type uniform, which has no such"
        " scaling; got true    [line 2]",
        "  data.length: missing; give tokens per sequence    [line 5]",
        "  training.batch_sise: unknown key; did you mean 'batch_size'?    [line 7]",
        "  training.accum: must be at least 1, got -2    [line 8]",
        "  training.steps: must be a whole number, got the text '3000'; write 3000, without quotes"
        "    [line 9]",
    ]


TRAINING = "training: {steps: 100, warmup_steps: 10, checkpoint_every: 50}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            TRAINING,
            'training: {lr: "3e-4"}',
            "training.lr: must be a number, got the text '3e-4'; write 0.0003, without quotes",
        ),
        (
            TRAINING,
            "training: {accum: true}",
            "training.accum: must be a whole number, got true",
        ),
        (
            TRAINING,
            "training: {steps: 5000.0}",
            "training.steps: must be a whole number, got 5000.0; write 5000",
        ),
        (TRAINING, "training: {compile: no}", "must be true or false, got the text 'no'"),
        (TRAINING, "training: {compile: 1}", "must be true or false, got 1"),
        (TRAINING, "training: {lr: .inf}", "must be a finite number, got inf"),
        (TRAINING, "training: {lr: 0}", "training.lr: must be above 0, got 0"),
        (TRAINING, "training: {beta1: 1}", "training.beta1: must be below 1, got 1"),
        (TRAINING, "training: {decay_fraction: 2}", "must be at most 1, got 2"),
        (
            TRAINING,
            "training: [1]",
            "training: must be a mapping, lines of `key: value`, got a list",
        ),
        (
            TRAINING,
            "training: {precision: float16}",
            "must be auto, float32 or bfloat16, got the text 'float16'; did you mean 'bfloat16'?",
        ),
        ("{type: absorb}", "absorb", "graph: must be a mapping"),
        ("{type: absorb}", "{type: absrob}", "did you mean 'absorb'?"),
        ("{type: loglinear}", "{eps: 0.1}", "noise.type: missing; give loglinear or geometric"),
        (
            "{type: loglinear}",
            "{type: cosine}",
            "noise.type: must be loglinear or geometric, got the text 'cosine'",
        ),
        (
            "{type: loglinear}",
            "{type: loglinear, sigma_max: 20}",
            "noise.sigma_max: unknown key; allowed: type, eps",
        ),
        ("for a test", "3", "description: must be text, got 3; put it in quotes"),
        ("for a test", '""', "description: must not be empty"),
        (
            "model: {hidden_size: 32, n_blocks: 2, n_heads: 2}",
            "model: smal",
            "model: there is no config/model/smal.yaml; did you mean 'small'?",
        ),
        (
            "model: {hidden_size: 32, n_blocks: 2, n_heads: 2}",
            "model: {preest: tiny}",
            "model.preest: unknown key; did you mean 'preset'?",
        ),
        ("dataset: wiki", "dataset: wikki", "there is no config/datasets/wikki.yaml; did you mean"),
        (
            "description: for a test",
            "evaluation: {datasets: [wiki, wikki]}\ndescription: for a test",
            "evaluation.datasets[1]: there is no config/datasets/wikki.yaml; did you mean 'wiki'?",
        ),
        (
            "description",
            "overrides: [x]\ndescription",
            "overrides: unknown key; it is set by overrides",
        ),
        ("description", "name: x\ndescription", "name: unknown key; the name is the file's own"),
    ],
)
def test_a_single_problem_is_reported_once_with_what_is_allowed(
    problems: Problems, old: str, new: str, message: str
) -> None:
    assert old in GOOD
    line = GOOD[: GOOD.index(old)].count("\n") + 1
    lines = problems(GOOD.replace(old, new))
    assert len(lines) == 1, lines
    assert message in lines[0]
    assert lines[0].endswith(f"[line {line}]")


def test_a_problem_of_a_preset_is_reported_with_its_file_and_line(
    here: Path, problems: Problems
) -> None:
    preset = here / "config/model/odd.yaml"
    preset.write_text("hidden_size: 32\nn_blocks: 0\nn_heads: 2\n")
    text = GOOD.replace("{hidden_size: 32, n_blocks: 2, n_heads: 2}", "odd")
    assert problems(text) == [
        "model: preset config/model/odd.yaml: n_blocks: must be at least 1, got 0    [line 2]"
        "    [line 2]"
    ]


def test_keys_next_to_an_unknown_preset_are_checked_too(problems: Problems) -> None:
    text = GOOD.replace("{hidden_size: 32, n_blocks: 2, n_heads: 2}", "{preset: x, dropout: 2}")
    assert [line.split(":")[0] for line in problems(text)] == ["model.dropout", "model.preset"]


@pytest.mark.parametrize("name", ["tiny_absrob", "tiny_absorb.yaml"])
def test_the_most_similar_name_is_suggested_for_an_unknown_experiment(
    here: Path, name: str
) -> None:
    with pytest.raises(ConfigError, match="did you mean 'tiny_absorb'"):
        load_experiment(name)

"""`base: NAME` in an experiment's file, and defaults that depend on other keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from helpers.experiment_file import GOOD

from sedd.config import load_experiment, load_subject
from sedd.config.definition import defining_files
from sedd.config.load_experiment import preset_of


def put(name: str, text: str) -> None:
    Path(f"config/experiments/{name}.yaml").write_text(text)


def test_a_file_takes_every_value_that_it_leaves_out_from_its_base(
    here: Path, write: Callable[[str], None]
) -> None:
    put("parent", GOOD)
    write("base: parent\nmodel: {dropout: 0.5}\ntraining: {lr: 0.25}\n")
    parent, mine = load_experiment("parent"), load_experiment("mine")
    changes = {
        "name": "mine",
        "model": parent.model.model_copy(update={"dropout": 0.5}),
        "training": parent.training.model_copy(update={"lr": 0.25}),
    }
    assert mine == parent.model_copy(update=changes)
    assert defining_files("mine") == [
        Path("config/experiments/mine.yaml"),
        Path("config/experiments/parent.yaml"),
    ]


def test_bases_make_a_chain_and_another_type_replaces_its_section(
    here: Path, write: Callable[[str], None]
) -> None:
    put("parent", GOOD.replace("{hidden_size: 32, n_blocks: 2, n_heads: 2}", "tiny"))
    put("between", "base: parent\nnoise: {type: geometric, sigma_min: 0.01}\nseed: 7\n")
    write("base: between\nnoise: {sigma_max: 5}\nmodel: {dropout: 0.5}\n")
    mine = load_experiment("mine")
    assert (mine.seed, mine.model.dropout) == (7, 0.5)
    assert mine.noise is not None
    assert mine.noise.model_dump() == {"type": "geometric", "sigma_min": 0.01, "sigma_max": 5}
    assert (preset_of(mine) or ("",))[0] == "tiny"


def test_a_file_may_change_a_published_model(here: Path, write: Callable[[str], None]) -> None:
    write("base: gpt2\nevaluation: {num_draws: 3}\n")
    assert load_subject("mine").evaluation.num_draws == 3


def test_the_stratified_estimator_is_the_default_but_for_the_papers_protocol(
    here: Path, write: Callable[[str], None]
) -> None:
    def estimator(evaluation: str) -> str:
        write(f"base: parent\nevaluation: {evaluation}\n")
        return load_experiment("mine").evaluation.estimator

    put("parent", GOOD)
    assert load_experiment("parent").evaluation.estimator == "stratified"
    assert estimator("{num_draws: 3}") == "stratified"
    assert estimator("{protocol: paper}") == "paper"
    assert estimator("{estimator: paper}") == "paper"
    assert load_experiment("tiny_autoregressive").evaluation.estimator == "paper"


def test_mistakes_in_a_base_are_told_with_both_files(
    problems: Callable[..., list[str]],
) -> None:
    [unknown] = problems("base: tiny_absorbs\n")
    assert "base: there is no config/experiments/tiny_absorbs.yaml; did you mean" in unknown
    [cycle] = problems("base: mine\n")
    assert "mine.yaml -> config/experiments/mine.yaml" in cycle
    put("other", "base: mine\n")
    [cycle] = problems("base: other\n")
    assert "other.yaml: base: each of these files is based on the next" in cycle
    assert "config/experiments/mine.yaml" in cycle
    put("other", "seed: 1\nseed: 2\n")
    [broken] = problems("base: other\n")
    assert "base: config/experiments/other.yaml: seed: duplicate key" in broken
    [wrong] = problems("base: tiny_absorb\ntraining: {lr: -1}\n")
    assert wrong == "training.lr: must be above 0, got -1    [line 2]"

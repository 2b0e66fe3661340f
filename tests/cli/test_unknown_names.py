"""A name that nothing has ends every verb with code 2 and the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.project import copy_project, invoke

from sedd.cli import app

WRONG, NEAREST = "smoke_absorbb", "smoke_absorb"
VERBS = {
    "cancel": ("ruun", "run"),
    "compare": (WRONG, NEAREST),
    "config show": (WRONG, NEAREST),
    "curves": (WRONG, NEAREST),
    "estimators": (WRONG, NEAREST),
    "evaluate": (WRONG, NEAREST),
    "export": (WRONG, NEAREST),
    "fetch": (WRONG, NEAREST),
    "figure": ("generative_step", "generative_steps"),
    "figures": (WRONG, NEAREST),
    "generative": (WRONG, NEAREST),
    "list": ("dataset", "datasets"),
    "mauve": (WRONG, NEAREST),
    "overview": (WRONG, NEAREST),
    "perplexity": (WRONG, NEAREST),
    "report": (WRONG, NEAREST),
    "sample": (WRONG, NEAREST),
    "score": (WRONG, NEAREST),
    "status": ("ruun", "run"),
    "table": ("text9", "text8"),
    "tokenize": (WRONG, NEAREST),
    "train": (WRONG, NEAREST),
    "vocabulary": ("wiki_bp", "wiki_bpe"),
}
NAMELESS = {"bench", "build", "dvc", "init"}
MORE = {"export": ["out"], "score": ["--file", "questions.jsonl"]}
OPTIONS = [
    (["build", "--sweep", "learning_rat"], "learning_rate"),
    (["compare", "--sweep", "learning_rat"], "learning_rate"),
    (["fetch", "--dataset", "wikii"], "wiki"),
    (["overview", "--table", "text9"], "text8"),
    (["perplexity", "smoke_absorb", "--dataset", "wikii"], "wiki"),
    (["sample", "smoke_absorb", "--sampler", "analytical"], "analytic"),
    (["tokenize", "--dataset", "wikii", "--tokenizer", "text8"], "wiki"),
    (["tokenize", "--dataset", "wiki", "--tokenizer", "wiki_bp"], "wiki_bpe"),
    (["train", "smoke_absorb", "--cluster", "slurmm"], "slurm"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a run. Read-only."""
    folder = copy_project(tmp_path_factory.mktemp("names") / "project")
    (folder / "results/runs/run/train").mkdir(parents=True)
    (folder / "questions.jsonl").write_text('{"context": "a", "choices": ["b"]}\n')
    return folder


def assert_refused(folder: Path, words: list[str], nearest: str) -> None:
    before = sorted(folder.rglob("*"))
    done = invoke(*words, check=False)
    assert done.returncode == 2, done.stdout
    assert f"did you mean '{nearest}'?" in done.stderr
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("verb", VERBS)
def test_an_unknown_name_is_refused_with_the_nearest_name(folder, monkeypatch, verb):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    name, nearest = VERBS[verb]
    assert_refused(folder, [*verb.split(), name, *MORE.get(verb, [])], nearest)


@pytest.mark.parametrize(("words", "nearest"), OPTIONS, ids=[" ".join(one) for one, _ in OPTIONS])
def test_an_unknown_name_of_an_option_is_refused_too(folder, monkeypatch, words, nearest):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert_refused(folder, words, nearest)


def test_these_are_all_verbs_with_names():
    verbs = {verb.name for verb in app.registered_commands}
    assert verbs - NAMELESS == {verb for verb in VERBS if verb != "config show"}


@pytest.mark.parametrize("verb", ["overview", "compare", "status", "cancel"])
def test_all_unknown_names_are_reported_at_once(folder, monkeypatch, verb):
    monkeypatch.chdir(folder)
    refused = invoke(verb, "none", "neither", check=False)
    assert refused.returncode == 2
    for name in ("none", "neither"):
        assert name in refused.stderr

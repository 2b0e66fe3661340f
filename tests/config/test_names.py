"""Names that become files and folders: none leads out of its folder, whoever takes it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.project import copy_project, invoke
from hypothesis import given, settings
from hypothesis import strategies as st

from sedd import paths
from sedd.config import load_cluster, load_dataset, load_subject, load_table, write_resolved
from sedd.config.values import RESERVED
from sedd.errors import ConfigError

HOSTILE = [
    *("", " ", ".", "..", "...", "/", "//", "~", "-", "--", "-x", ".hidden", "a b", "a/b", "a\\b"),
    *("../x", "../../x", "a/../../x", "/tmp/x", "./x", "x/", "x/.", "x/..", "x" * 300, "é" * 150),
    *("a\nb", "a\tb", "a\0b", "\x1b]0;t\x07", "\udcff", "\u202eabc", "a=b", "$HOME", "`id`", "a;b"),
    *("{x}", "*", "%s", "CON", "x.yaml/../../y"),
]
NAMES = st.sampled_from(HOSTILE) | st.text(max_size=12) | st.text("./x-", min_size=1, max_size=9)
NO_NAMES = {"folder_name", "name_of_folder", "part", "can_exist", "numbered_files", "fetched_file"}
FUNCTIONS = {
    name: function
    for name, function in inspect.getmembers(paths, inspect.isfunction)
    if function.__module__ == paths.__name__ and name not in NO_NAMES
}


def path_of(function: Callable[..., Path], key: str, value: str) -> Path:
    """The path with this value of one argument, and plain values of the others."""
    numbers = ("step", "steps", "rank")
    arguments = {
        one: 1 if one in numbers else "x" for one in inspect.signature(function).parameters
    }
    return function(**{**arguments, key: value})


@settings(max_examples=150, deadline=None)
@given(name=NAMES)
def test_no_name_leads_out_of_its_folder(name: str):
    for function in FUNCTIONS.values():
        for key, parameter in inspect.signature(function).parameters.items():
            if parameter.annotation != "str":
                continue
            plain = path_of(function, key, "x")
            try:
                path = path_of(function, key, name)
            except ConfigError:
                continue
            assert len(path.parts) == len(plain.parts)
            assert ".." not in path.parts
            assert path.parts[0] == plain.parts[0]
            assert all(0 < len(one.encode()) <= 255 for one in path.parts)


def test_every_function_of_paths_with_a_name_is_drawn():
    assert len(FUNCTIONS) > 25


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("names") / "project")


LOADERS: dict[str, Callable[[str], object]] = {
    "NAME": load_subject,
    "--name": lambda name: load_subject("tiny_absorb", ["seed=3"], rename=name),
    "--name of a table": lambda name: load_table("zero_shot", ["title=x"], rename=name),
    "table": load_table,
    "--dataset": load_dataset,
    "cluster": load_cluster,
}


@pytest.mark.parametrize("where", LOADERS)
@settings(max_examples=40, deadline=None)
@given(name=NAMES.filter(lambda name: not name.isascii() or not name.isalnum()))
def test_every_loader_refuses_what_is_no_name(folder: Path, where: str, name: str):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        try:
            LOADERS[where](name)
        except ConfigError:
            return
    # what is accepted is a plain name
    assert paths.part(name) == name
    assert name.isascii()
    assert name[0].isalnum()


VERBS = {
    "tokenize --tokenizer": ["tokenize", "--dataset", "kjv", "--tokenizer"],
    "tokenize --dataset": ["tokenize", "--dataset"],
    "tokenize --split": ["tokenize", "--dataset", "kjv", "--split"],
    "tokenize --prepare": ["tokenize", "--dataset", "kjv", "--split", "test", "--prepare"],
    "train --name": ["train", "tiny_absorb", "seed=3", "--name"],
    "sample NAME": ["sample"],
    "table --name": ["table", "zero_shot", "title=x", "--name"],
    "figure": ["figure"],
    "report": ["report"],
    "compare": ["compare"],
    "overview --table": ["overview", "--table"],
    "status": ["status"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses_hostile_names_in_a_few_lines_and_writes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, verb: str
):
    monkeypatch.chdir(folder)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    before = sorted(folder.parent.rglob("*"))
    for name in HOSTILE:
        if name in ("--", "CON"):  # the end of the options; a name
            continue
        refused = invoke(*VERBS[verb], name, check=False)
        assert refused.returncode == 2, (verb, name)
        assert refused.stderr.count("\n") < 12
        assert "\x1b" not in refused.stderr
    assert sorted(folder.parent.rglob("*")) == before


@pytest.mark.parametrize("name", RESERVED)
def test_names_of_pages_of_all_runs_are_refused_before_anything_is_trained(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.chdir(folder)
    for words in (["report", name], ["train", "tiny_absorb", "seed=3", "--name", name]):
        refused = invoke(*words, check=False)
        assert (refused.returncode, "is reserved" in refused.stderr) == (2, True)


def test_a_stray_folder_among_the_runs_is_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    run = load_subject("tiny_absorb", ["seed=3"], rename="good")
    for name in ("good", "stray\nname", "\x1b[31m", "x" * 220, "a b"):
        (Path("results/runs") / name / "checkpoints").mkdir(parents=True)
        write_resolved(run, Path("results/runs") / name / "config.yaml")
    for verb in ("status", "list", "overview"):
        words = [verb, "runs"] if verb == "list" else [verb]
        shown = invoke(*words).stdout
        assert "stray" not in shown
        assert ("good" in shown) == (verb != "overview")
    page = Path("results/reports/index.html").read_text(encoding="utf-8")
    assert ">good<" in page
    assert "stray" not in page

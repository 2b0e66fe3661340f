"""Options, arguments and settings with hostile values end in one message: never in a traceback.

The project holds no tokens and no model, so that an accepted value ends with what is missing. A value
that is used in a wrong way is a test of its own, beside the code that uses it.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest
import typer.main
from helpers.project import copy_project, invoke
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sedd import cli
from sedd.checkpoints.hub import weights_sha256
from sedd.config import load_experiment
from sedd.config.identity import leaves
from sedd.errors import CheckpointError

TITLE, LONG = "\x1b]0;taken over\x07", "9" * 5000
TEXTS = [
    *("", " ", "x", "-1", "0", "1.5", "1e309", "1e-300", "nan", "inf", "true", "null", "~", "."),
    *("../..", "/proc/x", "/dev/null", "a/b/c", "é" * 300, "\ud800", "a\nb", "１", "1_000", "0x10"),
    *(TITLE, LONG, "9" * 30, "=", "a=b", "=b", "1=a", "[]", "{}", "[" * 5000, "${x}", "%s", "{0}"),
]
YAML = [
    *("null", "x", "''", "-1", "0", "2", "1.5", ".nan", ".inf", "1e400", "9" * 30, LONG, "1e-300"),
    *("[]", "{}", "[null]", "{a: 1}", "true", "'../x'", "2001-01-01", "!!binary x", "[" * 3000),
    *('"\\e]0;x\\a"', "&a [*a]", "!!python/none", "\ud800", "é" * 300),
]
REQUIRED = {
    **{"name": ["smoke_absorb"], "run": ["smoke_absorb"], "runs": ["smoke_absorb"]},
    **{"folder": ["out"]},
}
NEEDED = {
    "tokenize": ["--dataset", "lm1b", "--tokenizer", "text8", "--split", "test"],
    "fetch": ["--dataset", "lm1b"],
    "score": ["--file", "none.jsonl", "--out", "scores"],
    "compare": ["smoke_absorb", "smoke_uniform"],
}
HEAVY = {"build", "bench", "config", "dvc"}  # they work, if the value is accepted
JOBS = {"--cluster", "--push"}


def places() -> list[tuple[list[str], list[str]]]:
    """Words before and after each value: of every option, and of every argument, of every verb."""
    found = []
    for verb, command in sorted(typer.main.get_command(cli.app).commands.items()):  # type: ignore[attr-defined]
        if verb in HEAVY:
            continue
        given = {one.name: REQUIRED[one.name] for one in command.params if one.name in REQUIRED}
        if verb in ("table", "figure"):
            given = {"name": ["generative_steps"]}
        for one in command.params:
            others = [word for name, words in given.items() if name != one.name for word in words]
            if one.param_type_name == "option" and not one.is_flag and one.opts[0] not in JOBS:
                found.append(([verb, *others, *NEEDED.get(verb, []), one.opts[0]], []))
            if one.param_type_name == "argument":
                before, after = (
                    (others, []) if one.name in ("overrides", "folder") else ([], others)
                )
                found.append(([verb, *before], [*after, *NEEDED.get(verb, [])]))
    return found


PLACES = places()
OBJECTIVES = ("smoke_absorb", "smoke_uniform", "smoke_d3pm_absorb", "smoke_autoregressive")


@functools.cache
def keys() -> list[tuple[str, str]]:
    return [(name, key) for name in OBJECTIVES for key, _, _ in leaves(load_experiment(name))]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("hostile") / "project")


@pytest.fixture(autouse=True)
def inside(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(empty)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def assert_clear(*words: str) -> None:
    done = invoke(*words, check=False)  # an error that is no user's leaves `invoke`
    said = done.stdout + done.stderr
    assert done.returncode in (0, 2), said
    assert done.returncode == 0 or done.stderr.strip(), "no message"
    assert not re.search(r"\x1b\]|Traceback", said), said


many = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@many
@given(place=st.sampled_from(PLACES), value=st.sampled_from(TEXTS) | st.text(max_size=9))
@example(place=(["sample"], []), value="\ud800")
@example(place=(["perplexity", "smoke_absorb", "--file"], []), value="\ud800")
@example(place=(["init"], []), value="/dev/null")
def test_an_option_or_argument_with_any_text_is_one_message(place, value):
    before, after = place
    assert_clear(*before, value, *after)


@many
@given(data=st.data())
def test_a_key_with_any_value_is_one_message(data):
    name, key = data.draw(st.sampled_from(keys()))
    assert_clear("config", "show", name, f"{key}={data.draw(st.sampled_from(YAML))}")


def test_a_link_to_itself_in_place_of_a_model_is_one_message(empty):
    (empty / "loop.pt").symlink_to("loop.pt")
    assert_clear("sample", "./loop.pt")
    assert_clear("report", "./loop.pt")


def test_a_model_whose_weights_are_a_link_that_leads_nowhere_is_one_message(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").symlink_to("nowhere")
    with pytest.raises(CheckpointError, match="holds no weights"):
        weights_sha256(tmp_path)


def test_every_verb_with_options_is_tried():
    assert len(PLACES) > 90
    assert len({before[0] for before, _ in PLACES}) > 15


def test_an_error_that_is_no_users_is_seen(monkeypatch):
    """A control of the tests above."""

    def fail(*_: object) -> None:
        raise ValueError("no user's error")

    monkeypatch.setattr("sedd.launch.run_statuses", fail)
    with pytest.raises(ValueError, match="no user's error"):
        assert_clear("status", "x")

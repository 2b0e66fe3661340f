"""Keys of the official code: the same here, or answered with what to use instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from helpers.experiment_file import GOOD
from pydantic import BaseModel

from sedd.config import Experiment, load_experiment
from sedd.config.official_keys import OFFICIAL_KEYS
from sedd.config.yaml.source import read_source
from sedd.errors import ConfigError

WRITTEN = Path(__file__).parents[1] / "golden/absorb/experiment/.hydra/config.yaml"


def official_keys(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from official_keys(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in models(inner)]


def is_ours(key: str) -> bool:
    """Whether an experiment can have the key, in one of the members of a union."""
    found = [Experiment]
    for part in key.split("."):
        fields = [model.model_fields[part] for model in found if part in model.model_fields]
        if not fields:
            return False
        found = [model for field in fields for model in models(field.annotation)]
    return True


OFFICIAL = list(official_keys(read_source(WRITTEN).values))


@pytest.mark.parametrize("key", OFFICIAL)
def test_a_key_of_the_official_code_is_ours_or_answered(key: str) -> None:
    assert is_ours(key) != (key in OFFICIAL_KEYS)


@pytest.mark.parametrize(("key", "text"), OFFICIAL_KEYS.items())
def test_an_answer_names_keys_that_exist(key: str, text: str) -> None:
    named = re.findall(r"^set ([a-z_.0-9]+)|\b(data\.\w+)", text)
    assert named or text.startswith("leave it out")
    for name in map("".join, named):
        assert name == "gpus_per_node" or is_ours(name), name


def test_official_keys_are_answered_in_a_file_and_on_the_command_line(
    problems: Callable[..., list[str]],
) -> None:
    official = "ngpus: 4\noptim: {lr: 0.1, nesterov: true}\n"
    answers = [
        "ngpus: unknown key, of the official code; here: set gpus_per_node in a file of "
        "config/cluster, and train with --cluster",
        "optim.lr: unknown key, of the official code; here: set training.lr",
        "optim.nesterov: unknown key",
    ]
    line = GOOD.count("\n") + 1
    assert problems(GOOD + official) == [
        f"{answers[0]}    [line {line}]",
        *(f"{answer}    [line {line + 1}]" for answer in answers[1:]),
    ]
    overrides = ["ngpus=4", "optim.lr=0.1", "optim.nesterov=true"]
    assert problems(GOOD, *overrides) == [f"{answer} (on the command line)" for answer in answers]


def test_an_override_in_place_of_a_name_asks_for_the_experiment(here: Path) -> None:
    with pytest.raises(ConfigError, match=r"NAME: missing before noise\.type=geometric: name the"):
        load_experiment("noise.type=geometric")

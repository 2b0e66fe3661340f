"""Sweep: one experiment under each combination of some settings, each with several seeds.
`config/sweeps/NAME.yaml`.

A member of a sweep is an experiment without a file of its own. Its name begins with that of the
sweep: lr-lr_0.001-seed_2.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from sedd.config.base import ConfigModel, Rule
from sedd.config.file_names import existing, stems
from sedd.config.values import MAX_COUNT, Name, Text, named_once
from sedd.config.yaml.overrides import KEY
from sedd.config.yaml.source import read_value
from sedd.config.yaml.validate import load_yaml_model
from sedd.errors import ConfigError
from sedd.paths import sweep_file
from sedd.runtime.json_text import json_text

MAX_MEMBERS = 200
NOT_SWEPT = {"name": "a sweep names its runs", "base": "give it beside `grid`"}
NOT_SWEPT |= {"seed": "list them in `seeds`", "description": "it names no setting"}


@dataclass(frozen=True)
class Member:
    """A run of a sweep. setting: its name without the seed. overrides: of the base, key=value."""

    name: str
    setting: str
    overrides: tuple[str, ...]


def _is_a_sweep(grid: Mapping[str, Sequence[Any]], seeds: Sequence[int]) -> str | None:
    return None if grid or seeds else "must name a setting to vary, or give several `seeds`"


def _few_members(grid: Mapping[str, Sequence[Any]], seeds: Sequence[int]) -> str | None:
    count = max(len(seeds), 1)
    for values in grid.values():
        count *= len(values)
    return f"must give at most {MAX_MEMBERS} runs; got {count:,}" if count > MAX_MEMBERS else None


def _known_form(grid: Mapping[str, Sequence[Any]]) -> str | None:
    problems = [
        f"{key} {NOT_SWEPT.get(key, 'is not a key, such as training.lr')}"
        for key in grid
        if key in NOT_SWEPT or not KEY.fullmatch(key)
    ]
    return "; ".join(problems) or None


class SweepConfig(ConfigModel):
    """One experiment under each combination of some settings, each with several seeds."""

    name: Name
    """file's stem; set by the loader"""
    description: Text
    """one line for pages and lists"""
    base: Name
    """experiment to vary, a file of config/experiments"""
    grid: dict[str, Annotated[tuple[Any, ...], Field(min_length=1, strict=False)]] = Field({})
    """values of each varied key, such as {training.lr: [0.001, 0.002]}; every combination is trained"""
    seeds: Annotated[
        tuple[Annotated[int, Field(ge=0, lt=2**63)], ...],
        Field(strict=False, max_length=MAX_COUNT),
    ] = ()
    """seeds of each combination; empty: the seed of the base alone"""

    rules = (
        Rule(("grid", "seeds"), _is_a_sweep),
        Rule(("grid", "seeds"), _few_members),
        Rule(("grid",), _known_form),
        Rule(("seeds",), named_once),
    )

    def points(self) -> list[tuple[str, dict[str, Any]]]:
        """The name and the values of each setting, a point of the grid."""
        points = []
        for values in itertools.product(*self.grid.values()):
            point = dict(zip(self.grid, values, strict=True))
            labels = [f"{self._short(key)}_{spelled(value)}" for key, value in point.items()]
            points.append(("-".join([self.name, *labels]), point))
        return points

    def members(self) -> list[Member]:
        """Every run, the seeds of a setting after each other."""
        members = []
        for setting, point in self.points():
            overrides = tuple(f"{key}={_word(value)}" for key, value in point.items())
            members += [
                Member(f"{setting}-seed_{seed}", setting, (*overrides, f"seed={seed}"))
                for seed in self.seeds
            ] or [Member(setting, setting, overrides)]
        return members

    def settings(self) -> dict[str, list[Member]]:
        """The members by their setting."""
        groups = itertools.groupby(self.members(), key=lambda member: member.setting)
        return {setting: list(group) for setting, group in groups}

    def _short(self, key: str) -> str:
        """The last part of a key, or all of it if another key ends alike."""
        ends = Counter(other.rpartition(".")[2] for other in self.grid)
        end = key.rpartition(".")[2]
        return end if ends[end] == 1 else key


def spelled(value: Any) -> str:
    """A value as part of a name: 0.001, null, absorb; a list or a mapping by its values."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "_".join(map(spelled, value))
    text = value if isinstance(value, str) else json_text(value)
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text)


def _word(value: Any) -> str:
    """A value as an override spells it: a text without quotes, if it then stays a text."""
    if isinstance(value, str):
        try:
            if read_value(value) == value:
                return value
        except ConfigError:
            pass
    return json_text(value, ensure_ascii=False)


def load_sweep(name: str) -> SweepConfig:
    """Read config/sweeps/NAME.yaml. Raises ConfigError."""
    return load_yaml_model(existing(sweep_file, name, "sweeps"), SweepConfig)


def sweep_with(name: str) -> SweepConfig | None:
    """The sweep that the experiment NAME is a member of; None for another name. Only sweeps that
    `name` begins with are read. Raises ConfigError if such a sweep has mistakes.
    """
    for stem in stems(sweep_file("x").parent):
        if name.startswith(f"{stem}-"):
            sweep = load_sweep(stem)
            if any(member.name == name for member in sweep.members()):
                return sweep
    return None


def member_names() -> list[str]:
    """Names of the members of all sweeps; of those without mistakes."""
    names = []
    for stem in stems(sweep_file("x").parent):
        try:
            names += [member.name for member in load_sweep(stem).members()]
        except ConfigError:
            continue  # `sedd config check` reports it
    return names

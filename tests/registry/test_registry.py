from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import fields
from typing import Any, get_args

import pytest

from sedd.config.base import ConfigModel
from sedd.config.sections.graph import Graph
from sedd.config.sections.noise import GeometricNoise, LogLinearNoise
from sedd.config.sections.objective import Objective as ObjectiveSection
from sedd.objective import Objective
from sedd.registry import (
    DEFAULT_SAMPLER,
    DETOKENIZERS,
    GRAPHS,
    NOISES,
    OBJECTIVES,
    SAMPLERS,
    Info,
    Registry,
    UnknownNameError,
)

REGISTRIES: list[Registry[Any]] = [SAMPLERS, OBJECTIVES, GRAPHS, NOISES, DETOKENIZERS]
ENTRIES = [(registry, name) for registry in REGISTRIES for name in registry]
LETTERS = Info(description="letters", implementation="string:ascii_letters")


@pytest.mark.parametrize(("registry", "name"), ENTRIES)
def test_every_implementation_can_be_loaded(registry: Registry[Any], name: str) -> None:
    assert callable(registry[name].load())
    assert registry[name].description


def test_names_keep_their_order_and_can_be_chosen_by_facts() -> None:
    assert SAMPLERS.names() == [*SAMPLERS]
    fill_masks = SAMPLERS.names(left_to_right=False, needs_mask=True)
    assert "first_hitting" in fill_masks
    assert not {"analytic", "euler", "ancestral"} & {*fill_masks}
    assert DEFAULT_SAMPLER in SAMPLERS


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError) as caught:
        GRAPHS["absrob"]
    assert str(caught.value) == "unknown graph 'absrob'; known: absorb, uniform"
    assert isinstance(caught.value, KeyError)


def test_a_name_is_registered_once_and_can_be_removed() -> None:
    registry = Registry("alphabet", {"letters": LETTERS})
    registry.add("more", LETTERS)
    with pytest.raises(ValueError, match="alphabet 'more' is already registered; remove it first"):
        registry.add("more", LETTERS)
    registry.remove("more")
    assert [*registry] == ["letters"]
    with pytest.raises(UnknownNameError):
        registry.remove("more")


def test_the_registry_imports_nothing_heavy() -> None:
    code = "import sys, sedd.registry, sedd.config; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", GRAPHS)
def test_facts_of_a_graph_are_those_of_its_class(name: str) -> None:
    info = GRAPHS[name]
    assert (info.load()(5).mask is not None) == info.has_mask
    assert info.usual_noise in NOISES


@pytest.mark.parametrize("name", NOISES)
def test_published_arguments_of_a_noise_are_those_of_its_class(name: str) -> None:
    published = NOISES[name].published
    if published is not None:
        assert [*published] == [field.name for field in fields(NOISES[name].load())]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_facts_of_an_objective_are_those_of_its_class(name: str) -> None:
    info = OBJECTIVES[name]
    made = info.load()
    assert issubclass(made, Objective)
    assert made.is_exact == info.left_to_right
    parameters = inspect.signature(made).parameters
    assert ("time_eps" in parameters) == info.discrete_time
    assert ("vocabulary" in parameters) == info.predicts_scores
    assert ("graph" in parameters) == (not info.left_to_right)


@pytest.mark.parametrize(
    ("registry", "section"),
    [
        *((OBJECTIVES, one) for one in get_args(get_args(ObjectiveSection)[0])),
        (NOISES, LogLinearNoise),
        (NOISES, GeometricNoise),
        (GRAPHS, Graph),
    ],
)
def test_keys_of_a_section_are_arguments_of_its_classes(
    registry: Registry[Any], section: type[ConfigModel]
) -> None:
    keys = set(section.model_fields) - {"type"}
    for name in get_args(section.model_fields["type"].annotation):
        assert keys <= set(inspect.signature(registry[name].load()).parameters)

from __future__ import annotations

from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import TypeAdapter, ValidationError

from sedd.config.choices import DetokenizerName, SamplerName
from sedd.config.experiment import Experiment
from sedd.registry import DETOKENIZERS, GRAPHS, NOISES, OBJECTIVES, SAMPLERS, Registry


def type_names(annotation: Any) -> list[str]:
    """Values of the literal `type` of each model in an annotation."""
    if hasattr(annotation, "model_fields"):
        return [*get_args(annotation.model_fields["type"].annotation)]
    parts = (
        get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
    )
    return [name for part in parts if part is not type(None) for name in type_names(part)]


@pytest.mark.parametrize(
    ("section", "registry"), [("objective", OBJECTIVES), ("graph", GRAPHS), ("noise", NOISES)]
)
def test_a_section_has_the_types_that_are_registered(section: str, registry: Registry[Any]) -> None:
    assert type_names(Experiment.model_fields[section].annotation) == [*registry]


@pytest.mark.parametrize(
    ("annotation", "registry"), [(SamplerName, SAMPLERS), (DetokenizerName, DETOKENIZERS)]
)
def test_a_setting_allows_the_registered_names(annotation: Any, registry: Registry[Any]) -> None:
    adapter = TypeAdapter(annotation)
    assert [adapter.validate_python(name) for name in registry] == [*registry]
    schema = adapter.json_schema()
    assert schema["enum"] == [*registry]
    assert schema["enumDescriptions"] == [info.description for info in registry.values()]
    for wrong in ("", next(iter(registry)).upper(), None, 3, ["x"]):
        with pytest.raises(ValidationError, match=r"Input should be '(analytic|wikitext)', "):
            adapter.validate_python(wrong)

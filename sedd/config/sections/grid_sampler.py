"""A sampler in a list of samplers: its name, or a mapping with options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Discriminator, Tag, model_serializer

from sedd.config.choices import SamplerName
from sedd.config.sections.sampling import SamplerOptions


class SamplerPoint(SamplerOptions):
    """A sampler with options. Those that are left out are as in the section `sampling`."""

    # required, unlike the sampler of `sampling`
    sampler: SamplerName  # pyright: ignore[reportGeneralTypeIssues]
    """sampling method"""

    @model_serializer
    def _only_given(self) -> dict[str, Any]:
        """Leave out what was not given: it is not the default, but the value of `sampling`."""
        values = {key: getattr(self, key) for key in type(self).model_fields}
        return {
            key: value.model_dump(exclude_unset=True) if isinstance(value, BaseModel) else value
            for key, value in values.items()
            if key in self.model_fields_set
        }

    def given(self) -> dict[str, Any]:
        """The options that were given, as plain values."""
        return {key: value for key, value in self.model_dump().items() if key != "sampler"}

    def __str__(self) -> str:
        given = ", ".join(f"{key}: {value}" for key, value in self.given().items())
        return f"{self.sampler} {{{given}}}" if given else self.sampler


def _kind(value: Any) -> str:
    return "point" if isinstance(value, Mapping | SamplerPoint) else "name"


GridSampler = Annotated[
    Annotated[SamplerName, Tag("name")] | Annotated[SamplerPoint, Tag("point")],
    Discriminator(_kind),
]


def point_of(sampler: str | SamplerPoint) -> SamplerPoint:
    """The point of a sampler that may be given by its name alone."""
    return SamplerPoint(sampler=sampler) if isinstance(sampler, str) else sampler

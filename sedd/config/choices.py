"""Settings that name an entry of a registry: checked against the names registered at the time of
validation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError
from pydantic_core.core_schema import no_info_before_validator_function

from sedd.registry import DETOKENIZERS, METRICS, SAMPLERS, Registry


@dataclass(frozen=True, eq=False)  # annotations are hashed, and mappings have no hash
class OneOf:
    """Annotation of a text that must be a name of `registry`; fails with the error of a `Literal`."""

    registry: Registry[Any]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return no_info_before_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The names as `enum`, with their descriptions as editors show them."""
        descriptions = [info.description for info in self.registry.values()]
        return {**handler(schema), "enum": [*self.registry], "enumDescriptions": descriptions}

    def _check(self, value: Any) -> Any:
        if isinstance(value, str) and value in self.registry:
            return value
        raise PydanticKnownError("literal_error", {"expected": one_of(map(repr, self.registry))})


def one_of(allowed: Iterable[str]) -> str:
    """Alternatives as a message lists them: "a, b or c"."""
    *others, last = list(allowed) or ["nothing"]
    return " or ".join(filter(None, [", ".join(others), last]))


SamplerName = Annotated[str, OneOf(SAMPLERS)]
DetokenizerName = Annotated[str, OneOf(DETOKENIZERS)]
MetricName = Annotated[str, OneOf(METRICS)]

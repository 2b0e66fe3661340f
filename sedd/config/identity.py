"""Identities: the settings that a result depends on, as flat `section.key: value` pairs.

A key at its default is left out, so that a key added to the configuration later leaves every
identity as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from sedd.config.base import ConfigModel
from sedd.config.experiment import Experiment
from sedd.config.queries import scales_by_sigma

Identity = dict[str, Any]


@dataclass(frozen=True)
class Keys:
    """A choice of dotted keys.

    include: sections or single keys. exclude: sections or single keys within them.
    """

    include: tuple[str, ...]
    exclude: tuple[str, ...] = ()

    def covers(self, key: str) -> bool:
        """Whether the choice has `key`, or a section that contains it."""
        return _within(key, self.include) and not _within(key, self.exclude)

    def identity(self, settings: ConfigModel) -> Identity:
        """The chosen settings that differ from their default, as plain JSON values."""
        return {
            key: to_jsonable_python(value)
            for key, value, default in leaves(settings)
            if self.covers(key) and value != default
        }


# Everything that determines the weights after a number of steps; what is excluded only observes the
# training.
WEIGHTS = Keys(
    include=("seed", "objective", "model", "graph", "noise", "data", "training"),
    exclude=(
        "training.checkpoint_every",
        "training.save_every",
        "training.keep_last",
        "training.log_every",
        "training.validate_every",
        "training.validation_sequences",
        # without a bad step it has no effect; at one, a training that stops has no later weights
        "training.skip_nonfinite",
    ),
)


def training_identity(experiment: Experiment) -> Identity:
    """The settings that determine the weights at a given step.

    The number of steps counts only if a learning-rate decay depends on it. `model.scale_by_sigma`
    counts only if it differs from what the objective and the graph imply.
    """
    identity = WEIGHTS.identity(experiment)
    if not experiment.training.decay_fraction:
        identity.pop("training.steps", None)
    identity.pop("model.scale_by_sigma", None)
    implied = experiment.model.model_copy(update={"scale_by_sigma": None})
    scales = scales_by_sigma(experiment)
    if scales != scales_by_sigma(experiment.model_copy(update={"model": implied})):
        identity["model.scale_by_sigma"] = scales
    return identity


def run_identity(
    experiment: Experiment, tokens_sha256: str, init_sha256: str | None = None
) -> Identity:
    """`training_identity` with the hashes of the training tokens and of the initial weights: each
    run folder belongs to one such identity.

    init_sha256: None for random weights.
    """
    identity = {**training_identity(experiment), "tokens_sha256": tokens_sha256}
    return identity if init_sha256 is None else {**identity, "init_sha256": init_sha256}


def differences(before: Identity, after: Identity) -> list[str]:
    """`key: old -> new` for each key that differs; `default` stands for a key that is left out."""
    return [
        f"{key}: {before.get(key, 'default')} -> {after.get(key, 'default')}"
        for key in dict.fromkeys([*before, *after])
        if before.get(key) != after.get(key)
    ]


_REQUIRED = object()


def leaves(
    settings: BaseModel, prefix: str = "", default: Any = None
) -> Iterator[tuple[str, Any, Any]]:
    """(dotted key, value, default) of every value within nested settings.

    default: the instance that the parent has by default, whose values are the defaults of its type.
    """
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if type(default) is type(settings):
            base = getattr(default, name)
        else:
            base = (
                _REQUIRED if field.is_required() else field.get_default(call_default_factory=True)
            )
        if isinstance(value, BaseModel):
            yield from leaves(value, f"{prefix}{name}.", base)
        else:
            yield f"{prefix}{name}", value, base


def _within(key: str, chosen: tuple[str, ...]) -> bool:
    return any(key == one or key.startswith(f"{one}.") for one in chosen)

"""Time to a bound: the CPU seconds and steps that two recipes need until a model is as good.

Both recipes search their learning rate with the first seed. The rate that needs the fewest steps
then trains with the other seeds. A rate is given up once it has taken as many steps as the best one
before it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sedd.bench.benchmark import num_threads
from sedd.bench.held_out import HeldOut
from sedd.bench.recipes import RECIPE, official_recipe
from sedd.bench.train_until import Point, train_until
from sedd.config import Experiment, with_changes
from sedd.data.dataset import open_blocks
from sedd.errors import DataError
from sedd.runtime.atomic import write_json
from sedd.runtime.device import device_name
from sedd.runtime.json_text import parse_json
from sedd.runtime.progress import progress
from sedd.runtime.provenance import code_sha256, code_version, now

FACTORS = 1.0, 0.5, 2.0
"""Default learning rates of both sides, as factors of the experiment's; the first is tried first."""


@dataclass(frozen=True)
class BoundOptions:
    """Options of one comparison.

    experiment: its recipe is compared with the paper's, on its network, data and batch. until:
    target in nats per token. rates, official_rates: learning rates to search; empty: FACTORS.
    seeds: number of trainings of each recipe with its best rate. sequences, draws: held-out
    sequences, and draws of noise for each. limit: most steps of the paper's recipe, whose learning
    rate does not decay; None: four times those of the experiment.
    """

    experiment: Experiment
    until: float
    rates: tuple[float, ...] = ()
    official_rates: tuple[float, ...] = ()
    seeds: int = 3
    sequences: int = 2048
    draws: int = 2
    limit: int | None = None

    def sides(self) -> list[Side]:
        """The recipes to compare: the paper's, then the experiment's. Raises ConfigError."""
        training = self.experiment.training
        default = tuple(factor * training.lr for factor in FACTORS)
        official = official_recipe(self.experiment)
        limit = self.limit or 4 * training.steps
        for rate in {*self.rates, *self.official_rates}:
            with_changes(self.experiment, {"training.lr": rate})  # refuses one below zero
        return [
            Side("official", official, self.official_rates or default, limit, plain=True),
            Side("ours", self.experiment, self.rates or default, training.steps, plain=False),
        ]


@dataclass(frozen=True)
class Side:
    """One recipe: its learning rates to search and its most steps. plain: see `Training`."""

    name: str
    experiment: Experiment
    rates: tuple[float, ...]
    limit: int
    plain: bool

    def recipe(self) -> dict[str, Any]:
        """The settings in which recipes differ, apart from the learning rate."""
        assert self.experiment.noise is not None, "ensured by a rule of the configuration"
        training = self.experiment.training.model_dump(mode="json")
        recipe = {key: training[key] for key in ("warmup_steps", "batch_size", *RECIPE)}
        if training["decay_fraction"]:
            recipe["steps"] = training["steps"]
        return {"noise": self.experiment.noise.model_dump(mode="json"), **recipe}


class TimeToBound:
    """A comparison, whose finished trainings are kept in a JSON file and not run again."""

    def __init__(self, options: BoundOptions, path: Path | None):
        self.options, self.path = options, path
        self.sides = options.sides()
        data = options.experiment.data
        self.blocks, held_out = (
            open_blocks(data.dataset, data.tokenizer, split, data.length, data.blocks)
            for split in ("train", "validation")
        )
        self._held_out = {
            side.name: HeldOut(side.experiment, held_out, options.sequences, options.draws)
            for side in self.sides
        }
        self.document = self._new_document()
        if path is not None and path.exists():
            self.document["runs"] = self._kept_runs(path)

    def run(self) -> dict[str, Any]:
        """Train what is missing, and return all of it as plain JSON values."""
        first, seeds = self.options.experiment.seed, self.options.seeds
        with num_threads(1):
            for side in self.sides:
                best = None
                for rate in side.rates:
                    limit = side.limit
                    if best is not None:
                        limit = min(limit, math.ceil(best["reached"]["step"]))
                    best = fastest(
                        [*([best] if best else []), self._train(side, rate, first, limit)]
                    )
                if best is not None:
                    for seed in range(first + 1, first + seeds):
                        self._train(side, best["rate"], seed, side.limit)
        return self.document

    def _train(self, side: Side, rate: float, seed: int, limit: int) -> dict[str, Any]:
        """The run with this rate and seed: kept, or trained now for at most `limit` steps."""
        key = {"side": side.name, "rate": rate, "seed": seed}
        runs = self.document["runs"]
        for run in runs:
            if all(run[name] == value for name, value in key.items()):
                return run
        experiment = with_changes(side.experiment, {"training.lr": rate, "seed": seed})
        with progress(f"{side.name}, rate {rate:g}, seed {seed}", limit, "step") as bar:

            def show(steps: int, point: Point) -> None:
                bar.note(nats=f"{point.nats:.3f}", cpu=f"{point.cpu_seconds:.0f} s")
                bar.update(steps)

            curve = train_until(
                experiment,
                self.blocks,
                self._held_out[side.name],
                self.options.until,
                limit,
                plain=side.plain,
                on_measured=show,
            )
        runs.append({**key, **curve.as_json(), "created": now()})
        if self.path is not None:
            write_json(self.path, self.document)
        return runs[-1]

    def _new_document(self) -> dict[str, Any]:
        options, experiment = self.options, self.options.experiment
        return {
            "work": "bound",
            "settings": {
                "experiment": experiment.name,
                "until": options.until,
                "sequences": options.sequences,
                "draws": options.draws,
                "seed": experiment.seed,
                "limits": {side.name: side.limit for side in self.sides},
                "recipes": {side.name: side.recipe() for side in self.sides},
                "data": experiment.data.model_dump(mode="json"),
                "graph": experiment.graph and experiment.graph.model_dump(mode="json"),
                "vocab": self.blocks.meta["vocab_size"],
                "tokens_sha256": self.blocks.meta["tokens_sha256"],
            },
            "model": experiment.model.model_dump(mode="json"),
            "device": device_name(torch.device("cpu")),
            "torch": torch.__version__,
            "code_version": code_version(),
            "code_sha256": code_sha256(),
            "runs": [],
        }

    def _kept_runs(self, path: Path) -> list[dict[str, Any]]:
        """Finished runs of an earlier call. Raises DataError unless it was the same comparison."""
        kept = parse_json(path.read_text(), str(path))
        if not isinstance(kept, dict):
            kept = {}
        other = [
            name
            for name, value in self.document.items()
            if name not in ("runs", "code_version") and kept.get(name) != value
        ]
        if other:
            raise DataError(
                f"{path}: holds another measurement, which differs in {', '.join(other)}; choose "
                "another file with --json, or remove this one"
            )
        return kept["runs"]


def fastest(runs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The run that reached the target in the fewest steps; None if no run did."""
    reached = [run for run in runs if run["reached"]]
    return min(reached, key=lambda run: run["reached"]["step"]) if reached else None

"""Compare samplers in one run: the cost of one network call of each, against the default sampler.

All samplers draw from the same random network. They take turns, so that their ratios are meaningful
on a busy machine too.

B batch, L sequence length.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError

from sedd.bench.benchmark import check_device, describe, num_threads
from sedd.bench.measure import Seconds, alternate, time_call
from sedd.bench.options import BenchOptions
from sedd.checkpoints.build import build_graph, build_noise
from sedd.config import Experiment, with_changes
from sedd.config.sections.grid_sampler import GridSampler, point_of
from sedd.config.yaml.source import read_value
from sedd.errors import ConfigError, Problem
from sedd.objective import Drawing, ScoreEntropy
from sedd.registry import DEFAULT_SAMPLER
from sedd.runtime.device import autocast, choose_device
from sedd.runtime.seeds import sampler_generator
from sedd.runtime.terminal import text_table
from sedd.train.state import TrainState


@dataclass
class SamplerRun:
    """Texts of one batch by one sampler. calls: mean network calls per text of the last run."""

    experiment: Experiment
    state: TrainState
    objective: ScoreEntropy
    device: torch.device
    steps: int
    calls: float = 0.0

    def __call__(self) -> None:
        settings = self.experiment.sampling
        shape = self.experiment.training.batch_size, self.experiment.data.length
        calls = torch.zeros(shape[0], dtype=torch.int64, device=self.device)
        drawing = Drawing(
            settings.sampler,
            self.steps,
            precision=settings.precision,
            top_p=settings.top_p,
            options=settings.options(),
        )
        draws = sampler_generator(
            self.experiment.seed, "sample", precision=settings.precision, device=self.device
        )
        with autocast(self.experiment.training.precision, self.device):
            self.objective.sample(
                self.state.model,
                shape,
                drawing,
                generator=draws,
                device=self.device,
                calls=calls,
            )
        self.calls = float(calls.double().mean())


def compare_samplers(options: BenchOptions, samplers: Sequence[str]) -> dict[str, Any]:
    """Time the default sampler and `samplers`, and return the measurement as plain JSON values.

    samplers: as in `generative.samplers`, each as YAML: a name, or a mapping with options.
    Raises ConfigError for an unknown sampler, and for one that does not fit the graph.
    """
    device = choose_device(options.device)
    check_device(device)
    experiments = sampler_experiments(options, samplers)
    with num_threads(options.threads):
        first = next(iter(experiments.values()))
        state = TrainState.fresh(first, options.vocab, device)
        state.model.eval()
        objective = ScoreEntropy(build_graph(first, options.vocab), build_noise(first))
        runs = {
            label: SamplerRun(experiment, state, objective, device, options.steps)
            for label, experiment in experiments.items()
        }
        for run in runs.values():
            run()  # warm up
        seconds = alternate(
            {label: lambda run=run: time_call(run, device) for label, run in runs.items()},
            options.repeats,
        )
        conditions = describe(options, device)
    results = {
        label: _cost(seconds[label], run.calls, seconds[DEFAULT_SAMPLER], runs[DEFAULT_SAMPLER])
        for label, run in runs.items()
    }
    return {**conditions, "samplers": results, "plain_to_fast": None}


def sampler_experiments(options: BenchOptions, samplers: Sequence[str]) -> dict[str, Experiment]:
    """The experiment of each sampler by its label, the default sampler first. Raises ConfigError."""
    base = options.experiment()
    experiments: dict[str, Experiment] = {}
    for text in dict.fromkeys([DEFAULT_SAMPLER, *samplers]):
        try:
            point = point_of(TypeAdapter(GridSampler).validate_python(read_value(text)))
        except ValidationError as error:
            what = "; ".join(problem["msg"] for problem in error.errors(include_url=False))
            raise ConfigError("command line", [Problem(f"--sampler {text}", what)]) from error
        changes = base.sampling.changes(point.sampler, point.given())
        label = base.sampling.label(point.sampler, point.given())
        experiments[label] = with_changes(
            base, {f"sampling.{key}": changes[key] for key in changes}
        )
    return experiments


def _cost(
    seconds: Sequence[Seconds], calls: float, default: Sequence[Seconds], default_run: SamplerRun
) -> dict[str, Any]:
    """Medians over the runs. Ratios: of the cost of a network call to the default sampler's."""
    ratios = [
        (one.cpu / calls) / (other.cpu / default_run.calls)
        for one, other in zip(seconds, default, strict=True)
    ]
    return {
        "network_calls": calls,
        "median_seconds": statistics.median(one.wall for one in seconds),
        "seconds_per_call": statistics.median(one.wall / calls for one in seconds),
        "cpu_seconds_per_call": statistics.median(one.cpu / calls for one in seconds),
        "cpu_time_ratio": statistics.median(ratios),
        "cpu_time_ratio_spread": [min(ratios), max(ratios)],
    }


def render_samplers(measured: dict[str, Any]) -> str:
    """One row for each sampler, and a legend."""
    settings = measured["settings"]
    rows = [
        [
            label,
            f"{one['network_calls']:.1f}",
            f"{1000 * one['seconds_per_call']:.2f}",
            f"{1000 * one['cpu_seconds_per_call']:.2f}",
            f"{one['cpu_time_ratio']:.2f}",
            "{:.2f} - {:.2f}".format(*one["cpu_time_ratio_spread"]),
        ]
        for label, one in measured["samplers"].items()
    ]
    headings = [
        "sampler",
        "calls",
        "ms per call",
        "CPU ms per call",
        "CPU ratio",
        "lowest - highest",
    ]
    return "\n".join(
        [
            f"sedd bench sample: {' '.join([settings['model'], *settings['overrides']])}, "
            f"{settings['graph']}, {settings['vocab']:,} tokens, length {settings['length']}, "
            f"batch {settings['batch']}, {settings['steps']} steps",
            f"{measured['device']}, {measured['precision']}, torch {measured['torch']}, "
            f"sedd {measured['code_version']}",
            "",
            text_table(headings, [rows]),
            "",
            f"Medians of {settings['repeats']} runs. calls: mean network calls per text. A call: of "
            f"the whole batch. CPU ratio: CPU time of a call, {DEFAULT_SAMPLER} is 1.",
        ]
    )

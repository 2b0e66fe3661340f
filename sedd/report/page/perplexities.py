"""The perplexities that a page shows: for each text and checkpoint a result, a failure, or nothing
yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sedd.config import Experiment, checkpoint_steps, evaluated_steps
from sedd.errors import DataError
from sedd.paths import evaluation_file, perplexity_log, run_dir
from sedd.results.perplexity import PerplexityResult
from sedd.results.perplexity import read as read_perplexity
from sedd.results.weights import earlier_files

LOG_TAIL = 20_000  # bytes; the reason of a failure is at the end of a log


@dataclass(frozen=True)
class Failure:
    """A measurement that failed. what: the error message. where: the file that has it."""

    what: str
    where: Path


@dataclass(frozen=True)
class Perplexities:
    """The perplexities of a run. cells: by text and step; a missing cell was not measured."""

    datasets: list[str]
    steps: list[int]
    cells: dict[tuple[str, int], PerplexityResult | Failure] = field(default_factory=dict)

    @property
    def evaluations(self) -> list[PerplexityResult]:
        """The results, by text and then by step."""
        cells = (self.cells.get((text, step)) for text in self.datasets for step in self.steps)
        return [cell for cell in cells if isinstance(cell, PerplexityResult)]

    @property
    def at_the_end(self) -> list[PerplexityResult]:
        """The results of the newest checkpoint that has any, by text."""
        return [result for result in self.evaluations if result.step == self.last_step]

    @property
    def failures(self) -> list[tuple[str, int, Failure]]:
        """Text, step and failure, by text and then by step."""
        failures = [(*key, cell) for key, cell in self.cells.items() if isinstance(cell, Failure)]
        return sorted(failures, key=lambda failure: failure[:2])

    @property
    def last_step(self) -> int | None:
        """The newest checkpoint with a result."""
        return max((result.step for result in self.evaluations), default=None)


def perplexities(experiment: Experiment) -> Perplexities:
    """Perplexities of a run at the checkpoints of its present settings.

    Of each text in evaluation.datasets, and of each other text with a result. Results that were
    measured with earlier weights are left out.
    """
    steps = checkpoint_steps(experiment)
    wanted, earlier = evaluated_steps(experiment), earlier_files(experiment.name)
    existing = {
        (path.stem, step)
        for step in steps
        for path in run_dir(experiment.name).glob(f"eval/step_{step}/*.json")
        if path not in earlier
    }
    datasets = list(
        dict.fromkeys([*experiment.evaluation.datasets, *sorted(t for t, _ in existing)])
    )
    cells = {}
    for text in datasets:
        for step in steps:
            cell = _cell(experiment.name, step, text)
            if cell is not None and evaluation_file(experiment.name, step, text) not in earlier:
                cells[text, step] = cell
    shown = sorted({*wanted, *(step for _, step in cells)})
    return Perplexities(datasets, shown, cells)


def _cell(experiment: str, step: int, dataset: str) -> PerplexityResult | Failure | None:
    try:
        result = read_perplexity(experiment, step, dataset)
    except DataError as error:
        return Failure(str(error), evaluation_file(experiment, step, dataset))
    return result or failure(perplexity_log(experiment, step, dataset))


def failure(log: Path) -> Failure | None:
    """The error message in a log; None if the job did not fail, or there is no log."""
    if not log.is_file():
        return None
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - LOG_TAIL, 0))
        lines = [line.rstrip() for line in file.read().decode("utf-8", "replace").splitlines()]
    lines = [line for line in lines if line]
    if any(line.startswith("Traceback (most recent call last)") for line in lines):
        return Failure(lines[-1], log)
    messages = [line for line in lines if line.startswith("sedd: ")]
    return Failure(messages[-1].removeprefix("sedd: "), log) if messages else None


def last_numbers(results: Sequence[PerplexityResult]) -> dict[str, Any]:
    """For programs: the perplexity, bits per character and nats per token of each text at the last
    checkpoint.
    """
    last = max((result.step for result in results), default=None)
    keys = {"perplexity", "bits_per_character", "nats_per_token", "standard_error"}
    return {one.dataset: one.model_dump(include=keys) for one in results if one.step == last}

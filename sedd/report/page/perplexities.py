"""What was to be measured on a run, and what became of each: a number, a failure, or nothing yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sedd.config import Experiment, checkpoint_steps
from sedd.errors import DataError
from sedd.paths import evaluation_file, perplexity_log, run_dir
from sedd.results.collect import Evaluation, read_evaluation

TAIL = 20_000  # bytes of a log: how it ended stands at its end


@dataclass(frozen=True)
class Failure:
    """A measurement that was tried and has no number. what: in the words of who failed; where: the file that says so."""

    what: str
    where: Path


@dataclass(frozen=True)
class Perplexities:
    """The perplexities of a run. cells: by text and step; a text without a cell was not measured there."""

    datasets: list[str]
    steps: list[int]
    cells: dict[tuple[str, int], Evaluation | Failure] = field(default_factory=dict)

    @property
    def evaluations(self) -> list[Evaluation]:
        """What was measured, by text and then by step."""
        found = (self.cells.get((text, step)) for text in self.datasets for step in self.steps)
        return [cell for cell in found if isinstance(cell, Evaluation)]

    @property
    def failures(self) -> list[tuple[str, int, Failure]]:
        found = [(*place, cell) for place, cell in self.cells.items() if isinstance(cell, Failure)]
        return sorted(found, key=lambda failed: failed[:2])

    @property
    def last_step(self) -> int | None:
        """The newest checkpoint that has a number."""
        return max((found.step for found in self.evaluations), default=None)


def perplexities(experiment: Experiment) -> Perplexities:
    """Every perplexity that the experiment asks for or that is there, at the steps of these settings."""
    steps = checkpoint_steps(experiment)
    asked = steps if experiment.evaluation.checkpoints == "all" else steps[-1:]
    found = {
        (path.stem, step)
        for step in steps
        for path in run_dir(experiment.name).glob(f"eval/step_{step}/*.json")
    }
    datasets = list(dict.fromkeys([*experiment.evaluation.datasets, *sorted(t for t, _ in found)]))
    cells = {}
    for text in datasets:
        for step in steps:
            cell = _cell(experiment.name, step, text)
            if cell is not None:
                cells[text, step] = cell
    shown = sorted({*asked, *(step for _, step in cells)})
    return Perplexities(datasets, shown, cells)


def _cell(experiment: str, step: int, dataset: str) -> Evaluation | Failure | None:
    try:
        found = read_evaluation(experiment, step, dataset)
    except DataError as error:
        return Failure(str(error), evaluation_file(experiment, step, dataset))
    return found or failure(perplexity_log(experiment, step, dataset))


def failure(log: Path) -> Failure | None:
    """How a job ended according to its log; None if it did not fail, or there is no log."""
    if not log.is_file():
        return None
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - TAIL, 0))
        lines = [line.rstrip() for line in file.read().decode("utf-8", "replace").splitlines()]
    lines = [line for line in lines if line]
    if any(line.startswith("Traceback (most recent call last)") for line in lines):
        return Failure(lines[-1], log)
    said = [line for line in lines if line.startswith("sedd: ")]
    return Failure(said[-1].removeprefix("sedd: "), log) if said else None

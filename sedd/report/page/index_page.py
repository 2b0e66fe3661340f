"""The index page: every run and every table, with links to their pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sedd.config import load_experiment
from sedd.errors import ConfigError, DataError
from sedd.paths import report_file
from sedd.report.page.perplexities import perplexities
from sedd.report.page.run_card import Card, run_card
from sedd.report.page.run_progress import run_progress
from sedd.report.page.write_page import own_script, write_page
from sedd.report.table.fill import make_table
from sedd.report.table.html_table import html_table
from sedd.results.curves import run_metrics
from sedd.results.perplexity import PerplexityResult
from sedd.results.training_log import curve, total
from sedd.runtime.plural import plural


@dataclass(frozen=True)
class RunRow:
    """One run in the table of all runs.

    loss: validation loss in nats per token. seconds: training time.
    evaluations: the newest result on each dataset, by its name.
    problem: error message of an unreadable run or of failed measurements; shown instead of `state`.
    card: None for a run that cannot be read.
    """

    name: str
    description: str
    state: str
    trained: int
    total: int
    loss: float | None
    evaluations: dict[str, PerplexityResult]
    seconds: float
    has_page: bool
    problem: str = ""
    card: Card | None = None


def write_index_page(experiments: Sequence[str], tables: Sequence[str], out: Path) -> Path:
    """Write the page of these experiments and tables to `out` and return `out`."""
    runs = [_row(name) for name in dict.fromkeys(experiments)]
    texts = list(dict.fromkeys(text for run in runs for text in run.evaluations))
    shown = [html_table(make_table(name)) for name in tables]
    return write_page(
        "index.html",
        out,
        scripts=[own_script("sort")],
        runs=runs,
        texts=texts,
        measured=[table for table in shown if table.blocks],
        unmeasured=[table for table in shown if not table.blocks],
    )


def _row(name: str) -> RunRow:
    has_page = report_file(name).is_file()
    try:
        experiment = load_experiment(name)
        metrics = run_metrics(experiment)
        measured = perplexities(experiment)
        card = run_card(experiment, metrics, measured.at_the_end)
    except (ConfigError, DataError) as error:
        problem = f"cannot be read: {error}"
        return RunRow(name, "", "", 0, 0, None, {}, 0.0, has_page, problem)
    progress = run_progress(experiment, metrics)
    validation = curve(metrics, "validation", "loss_nats_per_token")
    state = "finished" if progress.is_finished else "not finished"
    num_failed = len(measured.failures)
    return RunRow(
        name=name,
        description=experiment.description,
        state=state if progress.trained else "not started",
        trained=progress.trained,
        total=progress.total,
        loss=None if validation.empty else float(validation["loss_nats_per_token"].iloc[-1]),
        evaluations={one.dataset: one for one in measured.evaluations},
        seconds=total(metrics, "seconds"),
        has_page=has_page,
        problem=f"{state}, {plural(num_failed, 'measurement')} failed" if num_failed else "",
        card=card,
    )

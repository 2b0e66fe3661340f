"""One page a run, with everything inside: it opens from disk, asks no network, and runs no script.

A part that is not there yet says so, so that a page can be made while the run is still training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup

from sedd.atomic import write_text
from sedd.config import Experiment, checkpoint_steps
from sedd.paths import checkpoint_file, metrics_file, run_dir
from sedd.provenance import code_version, now
from sedd.report.collect import Evaluation, run_evaluations
from sedd.report.metrics import curve, read_metrics
from sedd.report.plots import line_plot, loss_plot, perplexity_plot
from sedd.report.samples import shown_samples
from sedd.report.settings import changed_since_training, commands, settings_of

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Progress:
    """How far a run has come, in optimiser steps. trained: the last step that was logged."""

    trained: int
    total: int
    checkpoints: list[int]

    @property
    def is_finished(self) -> bool:
        return self.total in self.checkpoints


def write_report(experiment: Experiment, out: Path) -> Path:
    """Write the page of a run to `out`, whole or not at all, and return it.

    Raises DataError that names the file if metrics, samples or perplexities are malformed.
    """
    metrics = read_metrics(metrics_file(experiment.name))
    evaluations = run_evaluations(experiment)
    progress = _progress(experiment, metrics)
    page = (
        _environment()
        .get_template("run.html")
        .render(
            experiment=experiment,
            progress=progress,
            figures=_figures(metrics, evaluations),
            losses=_losses(metrics),
            logged_seconds=_logged_seconds(metrics),
            evaluations=evaluations,
            last_step=max((found.step for found in evaluations), default=None),
            samples=shown_samples(experiment),
            settings=settings_of(experiment),
            edited=changed_since_training(experiment),
            commands=commands(
                experiment, progress.checkpoints[-1] if progress.checkpoints else progress.total
            ),
            run_dir=run_dir(experiment.name),
            code_version=code_version(),
            created=now(),
        )
    )
    write_text(out, page)
    return out


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _progress(experiment: Experiment, metrics: pd.DataFrame) -> Progress:
    steps = checkpoint_steps(experiment)
    present = [step for step in steps if checkpoint_file(experiment.name, step).exists()]
    logged = max(metrics["step"].tolist(), default=0)
    return Progress(trained=max([logged, *present]), total=steps[-1], checkpoints=present)


def _figures(metrics: pd.DataFrame, evaluations: Sequence[Evaluation]) -> dict[str, Markup | None]:
    return {
        "loss": loss_plot(metrics),
        "lr": line_plot(metrics, "lr", "learning rate"),
        "grad_norm": line_plot(metrics, "grad_norm", "gradient norm"),
        "throughput": line_plot(metrics, "tokens_per_second", "tokens a second"),
        "perplexity": perplexity_plot(evaluations),
    }


def _losses(metrics: pd.DataFrame) -> dict[str, dict[str, float] | None]:
    """The last training line and the last validation line, for those who do not see the picture."""
    columns = {"train": [], "validation": ["standard_error"]}
    found = {kind: curve(metrics, kind, "loss_nats_per_token", *columns[kind]) for kind in columns}
    return {
        kind: None if lines.empty else lines.iloc[-1].to_dict() for kind, lines in found.items()
    }


def _logged_seconds(metrics: pd.DataFrame) -> float:
    """Seconds of training between log lines, validation and checkpoints left out."""
    if "seconds" not in metrics:
        return 0.0
    return float(metrics.loc[metrics["kind"] == "train", "seconds"].sum())

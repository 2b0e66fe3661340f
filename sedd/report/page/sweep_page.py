"""The page of a sweep: a row and a curve for each setting, as mean and spread over its seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sedd.config import Experiment, SweepConfig, load_experiment
from sedd.config.sweep import Member
from sedd.paths import report_file, sweep_stem
from sedd.report.figure.content import COLORS
from sedd.report.figure.interactive import bokeh_script, embedded
from sedd.report.figure.over_seeds import mean_figures
from sedd.report.page.perplexities import perplexities
from sedd.report.page.write_page import own_script, write_page
from sedd.results.curves import run_metrics
from sedd.results.perplexity import PerplexityResult
from sedd.results.spelled import spell
from sedd.runtime.atomic import write_text
from sedd.runtime.csv_text import csv_text
from sedd.runtime.json_text import json_text
from sedd.runtime.markdown import code, escape_markdown, markdown_table

MEANING = "mean ± standard deviation over n seeds; a single seed has none"
NUMBERS = ("perplexity", "bits_per_character", "nats_per_token")


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation over seeds. mean: None if a number is too large for a float.
    sd: None for a single seed.
    """

    mean: float | None
    sd: float | None

    def spelled(self, form: str = ".2f", nats: float | None = None) -> str:
        return spell(self.mean, self.sd, form, nats)


@dataclass(frozen=True)
class Score:
    """The numbers of a setting on one text, at the newest checkpoint that was measured.

    seeds: of the runs with a number. num_seeds: of all runs of the setting.
    """

    setting: str
    values: list[str]
    dataset: str
    step: int
    bound: bool
    seeds: list[int]
    num_seeds: int
    perplexity: Spread
    bits_per_character: Spread
    nats_per_token: Spread


def write_sweep(sweep: SweepConfig) -> list[Path]:
    """Write results/reports/sweeps/NAME.html, .csv and .md, and return the paths.

    Raises DataError for malformed metrics.
    """
    settings = sweep.settings()
    runs = {
        setting: [load_experiment(member.name) for member in members]
        for setting, members in settings.items()
    }
    metrics = {setting: [run_metrics(one) for one in group] for setting, group in runs.items()}
    measured = {
        setting: [result for one in group for result in perplexities(one).evaluations]
        for setting, group in runs.items()
    }
    values = {setting: [_spell(one) for one in point.values()] for setting, point in sweep.points()}
    rows = [
        score
        for setting, results in measured.items()
        for score in scores(setting, values[setting], runs[setting], results)
    ]
    figures = [figure for figure in mean_figures(metrics, measured) if figure]
    page, table, text = (sweep_stem(sweep.name).with_name(f"{sweep.name}.{form}") for form in FORMS)
    write_text(table, csv_text(_frame(sweep, rows)))
    write_text(text, _markdown(sweep, rows))
    write_page(
        "sweep.html",
        page,
        scripts=[
            *([bokeh_script(), own_script("figures")] if figures else []),
            *(own_script(name) for name in ("compare", "sort")),
        ],
        sweep=sweep,
        meaning=MEANING,
        settings=[
            (setting, number % len(COLORS), values[setting], _members(settings[setting]))
            for number, setting in enumerate(settings)
        ],
        scores=rows,
        figures=figures,
        embedded=embedded(figures) if figures else None,
    )
    return [page, table, text]


FORMS = ("html", "csv", "md")


def scores(
    setting: str,
    values: list[str],
    runs: Sequence[Experiment],
    results: Sequence[PerplexityResult],
) -> list[Score]:
    """One score for each text, over the runs of a setting. values: of the grid's keys."""
    seeds = {one.name: one.seed for one in runs}
    found = []
    for dataset in dict.fromkeys(one.dataset for one in results):
        of_text = [one for one in results if one.dataset == dataset]
        step = max(one.step for one in of_text)
        newest = [one for one in of_text if one.step == step]
        spreads = {key: spread([getattr(one, key) for one in newest]) for key in NUMBERS}
        found.append(
            Score(
                setting,
                values,
                dataset,
                step,
                any(one.bound for one in newest),
                [seeds[one.experiment] for one in newest],
                len(runs),
                **spreads,
            )
        )
    return found


def spread(numbers: Sequence[float | None]) -> Spread:
    """Mean and standard deviation (n - 1) of the numbers of some seeds."""
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        return Spread(None, None)
    return Spread(statistics.fmean(known), statistics.stdev(known) if len(known) > 1 else None)


def _members(members: Sequence[Member]) -> list[tuple[str, bool]]:
    """Names of runs, and whether they have a page."""
    return [(member.name, report_file(member.name).is_file()) for member in members]


def _spell(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value, ensure_ascii=False)


def _frame(sweep: SweepConfig, rows: Sequence[Score]) -> pd.DataFrame:
    """One line for each score, with unrounded numbers."""
    lines = [
        {
            "setting": row.setting,
            **dict(zip(sweep.grid, row.values, strict=True)),
            "dataset": row.dataset,
            "step": row.step,
            "bound": row.bound,
            "n": len(row.seeds),
            "seeds": " ".join(map(str, row.seeds)),
            **{
                f"{key}_{part}": getattr(getattr(row, key), part)
                for key in NUMBERS
                for part in ("mean", "sd")
            },
        }
        for row in rows
    ]
    return pd.DataFrame(lines, columns=None if lines else ["setting", *sweep.grid, "n"])


def _markdown(sweep: SweepConfig, rows: Sequence[Score]) -> str:
    headings = ["setting", "text", "step", "n", "perplexity per token", "bits per character"]
    lines = [
        [
            code(row.setting),
            escape_markdown(row.dataset),
            f"{row.step:,}",
            f"{len(row.seeds)}",
            ("≤ " if row.bound else "") + row.perplexity.spelled(nats=row.nats_per_token.mean),
            ("≤ " if row.bound else "") + row.bits_per_character.spelled(".3f"),
        ]
        for row in rows
    ]
    head = f"# Sweep {escape_markdown(sweep.name)}: {escape_markdown(sweep.description)}"
    return f"{head}\n\n{markdown_table(headings, lines)}\n\n± : {MEANING}. ≤: upper bound.\n"

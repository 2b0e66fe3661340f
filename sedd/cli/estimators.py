"""`sedd estimators`: variance of the two estimators of the likelihood bound."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from sedd.cli.options import Device, JsonFile, ModelName, Step, find_changed_subject
from sedd.config.values import MAX_COUNT


def estimators(
    name: ModelName,
    dataset: Annotated[
        str | None,
        typer.Option(help="Dataset to measure.  [default: the first of evaluation.datasets]"),
    ] = None,
    step: Step = None,
    sequences: Annotated[
        int, typer.Option(min=2, max=MAX_COUNT, help="Sequences from the test split.")
    ] = 32,
    draws: Annotated[
        int, typer.Option(min=1, max=MAX_COUNT, help="Random times per estimate.")
    ] = 8,
    repeats: Annotated[
        int, typer.Option(min=2, max=MAX_COUNT, help="Estimates per sequence.")
    ] = 32,
    device: Device = None,
    json_file: JsonFile = None,
) -> None:
    """Compare the variance of the two estimators of the likelihood bound.

    Both estimate the same number with equally many network calls; evaluation.estimator chooses one.
    Prints the standard deviation of each and the ratio of their variances. The stratified estimator
    needs that many times fewer network calls for the same accuracy.

    \b
    Example: sedd estimators tiny_absorb --dataset wiki
    """
    experiment, step = find_changed_subject(name, None, None, step=step)
    from rich.console import Console

    from sedd.errors import ConfigError, Problem
    from sedd.evaluate import compare_estimators, estimators_table, open_language_model
    from sedd.runtime.atomic import write_json
    from sedd.runtime.printable import unfiltered

    text = dataset or next(iter(experiment.evaluation.datasets), None)
    if text is None:
        what = "required, because the experiment lists no dataset in evaluation.datasets"
        raise ConfigError("command line", [Problem("--dataset", what)])
    comparison = compare_estimators(
        open_language_model(experiment, step, device),
        text,
        sequences=sequences,
        draws=draws,
        repeats=repeats,
        seed=experiment.seed,
    )
    Console(file=unfiltered(sys.stdout), highlight=False).print(estimators_table(comparison))
    if json_file is not None:
        write_json(json_file, comparison)


POSITION, VERBS = 53, (estimators,)

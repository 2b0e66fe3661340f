"""`sedd evaluate`: every measurement of one model, in one command."""

from __future__ import annotations

from typing import Annotated

import typer

from sedd.cli.options import (
    Device,
    ModelName,
    Overrides,
    Rename,
    Seed,
    Step,
    find_changed_subject,
    record_settings,
)
from sedd.config import AnyExperiment


def evaluate(
    name: ModelName,
    overrides: Overrides = None,
    rename: Rename = None,
    step: Step = None,
    force: Annotated[
        bool, typer.Option("--force", help="Measure again even if the results are up to date.")
    ] = False,
    device: Device = None,
    seed: Seed = None,
) -> None:
    """Measure everything about one model.

    Tokenizes missing datasets, then measures perplexities, generative perplexities and MAUVE, as
    the experiment lists them. Writes results/runs/NAME/eval/step_N/. With a published model and one
    GPU, this fills a row of the paper's Table 1.

    Results that are up to date are kept. A killed evaluation resumes with the same command. Under
    torchrun, the devices divide the work.

    \b
    Examples: sedd evaluate tiny_absorb
              sedd evaluate louaaron/sedd-small
    """
    experiment, step = find_changed_subject(name, overrides, rename, seed, step)
    from sedd.evaluate.evaluate_all import evaluate_all
    from sedd.runtime import distributed
    from sedd.runtime.device import choose_device

    with distributed.world(choose_device(device), distributed.LONG_TIMEOUT) as world:
        if world.is_first:
            record_settings(experiment)
        evaluate_all(
            experiment,
            step,
            world,
            lambda path, result: typer.echo(f"{path}: {result.summary()}"),
            missing_only=not force,
        )
    if world.is_first:
        typer.echo(f"{experiment.name}: measured; {table_hint(experiment)}")


def table_hint(experiment: AnyExperiment) -> str:
    """The commands that print the tables with a row for this experiment."""
    from sedd.config import tables_with

    tables = tables_with(experiment.name)
    commands = ", ".join(f"sedd table {table}" for table in tables)
    return f"see {commands}" if tables else "no table in config/tables has a row for it"


POSITION, VERBS = 39, (evaluate,)

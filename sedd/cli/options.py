"""Arguments and options that several verbs share, and how to load the experiment they name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sedd.config import AnyExperiment, Experiment, Subject, load_experiment, load_subject

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Experiment (config/experiments/NAME.yaml) or run (results/runs/NAME)."
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="Settings to change, e.g. training.lr=0.001 model=small. Requires --name.",
    ),
]
Rename = Annotated[
    str | None,
    typer.Option("--name", help="Name for the changed experiment; it writes results/runs/NAME."),
]
Step = Annotated[
    int | None,
    typer.Option("--step", min=0, help="Checkpoint step.  [default: the newest checkpoint]"),
]
Device = Annotated[
    str | None,
    typer.Option("--device", help="cpu, cuda or cuda:1.  [default: the GPU if there is one]"),
]
Seed = Annotated[
    int | None, typer.Option("--seed", help="Random seed.  [default: the experiment's]")
]
JsonFile = Annotated[
    Path | None, typer.Option("--json", help="Also write the result to this JSON file.")
]


def load_changed_experiment(
    name: str, overrides: list[str] | None, rename: str | None, seed: int | None
) -> Experiment:
    """Load an experiment and apply the overrides; `--seed N` is the override `seed=N`."""
    return load_experiment(name, changes(overrides, seed), rename=rename)


def load_changed_subject(
    name: str, overrides: list[str] | None, rename: str | None, seed: int | None
) -> AnyExperiment:
    """Like `load_changed_experiment`, for verbs that also accept a published model."""
    return load_subject(name, changes(overrides, seed), rename=rename)


def changes(overrides: list[str] | None, seed: int | None) -> list[str]:
    """The overrides, with `--seed N` as one of them."""
    return [*(overrides or []), *([] if seed is None else [f"seed={seed}"])]


def record_settings(experiment: Subject) -> None:
    """Write the resolved settings of a renamed experiment to its run folder."""
    from sedd.config import write_resolved
    from sedd.paths import run_dir

    write_resolved(experiment, run_dir(experiment.name) / "config.yaml")

"""Arguments and options that several verbs share, and the experiment that they lead to."""

from __future__ import annotations

from typing import Annotated

import typer

from sedd.config import Experiment, Measured, Subject, load_experiment, load_subject

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="An experiment: config/experiments/NAME.yaml, or a run."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="Settings to change, such as training.lr=0.001 model=small; they need --name.",
    ),
]
Rename = Annotated[
    str | None,
    typer.Option("--name", help="Name of the changed experiment: its own results/runs/NAME."),
]
Step = Annotated[
    int | None, typer.Option("--step", min=0, help="Which checkpoint; the newest by default.")
]
Device = Annotated[
    str | None,
    typer.Option("--device", help="cpu, cuda, cuda:1; the GPU if there is one by default."),
]
Seed = Annotated[int | None, typer.Option("--seed", help="In place of the experiment's seed.")]


def experiment_of(
    name: str, overrides: list[str] | None, rename: str | None, seed: int | None
) -> Experiment:
    """The experiment with the changes of the command line; --seed counts as `seed=N`."""
    return load_experiment(name, changes(overrides, seed), rename=rename)


def subject_of(
    name: str, overrides: list[str] | None, rename: str | None, seed: int | None
) -> Measured:
    """The same for what is only measured, which may be a model that others trained."""
    return load_subject(name, changes(overrides, seed), rename=rename)


def changes(overrides: list[str] | None, seed: int | None) -> list[str]:
    return [*(overrides or []), *([f"seed={seed}"] if seed is not None else [])]


def keep_settings(experiment: Subject) -> None:
    """Record what a renamed experiment was run with."""
    from sedd.config import write_resolved
    from sedd.paths import run_dir

    write_resolved(experiment, run_dir(experiment.name) / "config.yaml")

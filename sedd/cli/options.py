"""Arguments and options that several verbs share, and how to load the experiment they name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from sedd.config import AnyExperiment, Experiment, load_experiment
from sedd.config.definition import known_names
from sedd.config.file_names import own_run


def complete_name(incomplete: str) -> list[str]:
    """Names of experiments and runs that begin so, for the shell's completion."""
    return [name for name in known_names() if name.startswith(incomplete)]


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        autocompletion=complete_name,
        help="Experiment (config/experiments/NAME.yaml) or run (results/runs/NAME).",
    ),
]
ModelName = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        autocompletion=complete_name,
        help="Experiment, run, checkpoint, model's folder or hub id, such as tiny_absorb,"
        " results/runs/x/checkpoints/step_400.pt or louaaron/sedd-small.",
    ),
]
RunName = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        autocompletion=complete_name,
        help="Run, or its folder (results/runs/RUN).",
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


def check_out(path: Path | None) -> Path | None:
    """Callback of every option that names an output file: refuse one that cannot be written before
    any work.
    """
    from sedd.runtime.atomic import check_replaceable

    if str(path) == "-":
        raise typer.BadParameter(
            "- is not a file; only --out of `sample` and `dvc` can be - for stdout"
        )
    if path is not None:
        check_replaceable(path)
    return path


def check_out_or_stdout(path: Path | None) -> Path | None:
    """As `check_out`, for an option that can be -, which is standard output."""
    return path if str(path) == "-" else check_out(path)


def check_prefix(path: Path | None) -> Path | None:
    """As `check_out`, for the prefix of output files."""
    for suffix in ("", ".json", ".jsonl", ".csv") if path else ():
        if suffix or str(path) == "-":
            check_out(Path(f"{path}{suffix}"))
    return path


JsonFile = Annotated[
    Path | None,
    typer.Option("--json", help="Also write the result to this JSON file.", callback=check_out),
]


def load_changed_experiment(
    name: str, overrides: list[str] | None, rename: str | None, seed: int | None
) -> Experiment:
    """Load an experiment and apply the overrides; `--seed N` is the override `seed=N`."""
    return load_experiment(run_name(name), changes(overrides, seed), rename=rename)


def run_name(run: str) -> str:
    """The name of a run that is given by its name or its folder."""
    return own_run(Path(run)) or run if os.sep in run else run


def find_changed_subject(
    name: str,
    overrides: list[str] | None,
    rename: str | None,
    seed: int | None = None,
    step: int | None = None,
) -> tuple[AnyExperiment, int | None]:
    """Find the model that NAME refers to, apply the overrides, and choose the checkpoint.

    Returns the experiment and the step of its checkpoint (None: the newest).
    """
    from sedd.checkpoints.subject import find_subject

    return find_subject(name, changes(overrides, seed), rename=rename, step=step)


def changes(overrides: list[str] | None, seed: int | None) -> list[str]:
    """The overrides, with `--seed N` as one of them."""
    return [*(overrides or []), *([] if seed is None else [f"seed={seed}"])]


def record_settings(experiment: AnyExperiment) -> None:
    """Write the settings of an experiment without a file in config/ to its run folder."""
    from sedd.config import write_resolved
    from sedd.config.definition import resolved_file
    from sedd.config.load_experiment import experiment_from
    from sedd.paths import experiment_file

    path = resolved_file(experiment.name)
    if experiment_file(experiment.name).is_file():
        return
    if not path.is_file() or experiment_from(path) != experiment:
        write_resolved(experiment, path)

"""`sedd train`: train in this process, or send a training job to a cluster."""

from __future__ import annotations

from typing import Annotated

import typer

from sedd.cli.options import Device, Name, Overrides, Rename, Seed, load_changed_experiment
from sedd.config import Experiment, load_cluster, training_tokens


def train(
    name: Name,
    overrides: Overrides = None,
    rename: Rename = None,
    until: Annotated[
        int | None,
        typer.Option(min=1, help="Stop at this checkpoint step.  [default: the last one]"),
    ] = None,
    continue_: Annotated[
        bool,
        typer.Option(
            "--continue",
            help="With --name: continue the run NAME from its newest state; raise training.steps.",
        ),
    ] = False,
    cluster: Annotated[
        str | None,
        typer.Option(
            help="Train in a job, as config/cluster/CLUSTER.yaml says, and wait for it."
            "  [default: train in this process]"
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="With --cluster: submit the job and do not wait.")
    ] = False,
    die_with_parent: Annotated[
        bool,
        typer.Option(
            "--die-with-parent",
            help="With --cluster: stop waiting when the parent process ends. The job continues.",
        ),
    ] = False,
    device: Device = None,
    seed: Seed = None,
) -> None:
    """Train an experiment, resuming from the newest checkpoint.

    Reads the tokens under results/data/, which it makes if there are none, and writes
    results/runs/NAME/checkpoints/. Ctrl-C saves the
    training state after the current step; the same command resumes from it, bit for bit.

    With --cluster, training is a job, one per run, that outlives this command. Ctrl-C stops only
    the waiting; the same command waits again.

    To follow the training: sedd status, or tensorboard --logdir results/runs

    Fine-tuning: training.init names the model whose weights the training begins with. --continue
    trains a finished run further, with its optimizer state, as if it had never stopped.

    \b
    Examples: sedd train tiny_absorb training.lr=0.0005 --name gentle
              sedd train tiny_absorb --cluster slurm
              sedd train tiny_absorb data.dataset=kjv training.init=tiny_absorb --name bible
              sedd train sedd_small_absorb training.steps=500000 --name longer --continue
    """
    experiment = load_changed_experiment(name, overrides, rename, seed)
    if continue_:
        if rename is None:
            raise typer.BadParameter("--continue makes a new run of NAME: give it a --name")
        from sedd.train.continue_run import continue_run

        continue_run(experiment)
    if cluster is None and (detach or die_with_parent):
        raise typer.BadParameter("--detach and --die-with-parent require --cluster")
    if cluster is not None and device is not None:
        raise typer.BadParameter(
            "--device cannot be used with --cluster; set gpus_per_node in the cluster's file"
        )
    if detach and until is not None:
        raise typer.BadParameter("--until is the step to wait for; --detach does not wait")
    if cluster is None:
        train_here(experiment, until, device)
        return
    from sedd.cli.jobs import submit_job, wait_for_job

    config = load_cluster(cluster)
    tokenize_missing(experiment)
    if detach:
        submit_job(experiment, config)
    else:
        wait_for_job(experiment, config, until, die_with_parent=die_with_parent)


def train_here(experiment: Experiment, until: int | None, device: str | None) -> None:
    """Train in this process. Exits with 128 + N when signal N interrupts the training."""
    from sedd.runtime.device import choose_device
    from sedd.train import Interrupted
    from sedd.train import train as run

    chosen = choose_device(device)
    tokenize_missing(experiment)
    try:
        run(experiment, until, chosen)
    except Interrupted as interrupted:
        typer.echo(f"{experiment.name}: {interrupted}; run the same command to resume", err=True)
        raise typer.Exit(128 + interrupted.number) from None
    name = experiment.name
    typer.echo(f"{name}: trained; next: sedd evaluate {name}, sedd sample {name}", err=True)


def tokenize_missing(experiment: Experiment) -> None:
    """Make the tokens of training and validation, if there are none."""
    from sedd.data.tokenize import tokenize_needed

    tokenize_needed(training_tokens(experiment), only_absent=True)


POSITION, VERBS = 20, (train,)

"""`sedd train`: train in this process, or send a training job to a cluster."""

from __future__ import annotations

from typing import Annotated

import typer

from sedd.cli.options import Device, Name, Overrides, Rename, Seed, load_changed_experiment
from sedd.config import Experiment


def train(
    name: Name,
    overrides: Overrides = None,
    rename: Rename = None,
    until: Annotated[
        int | None,
        typer.Option(min=1, help="Stop at this checkpoint step.  [default: the last one]"),
    ] = None,
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

    Reads the tokens under results/data/ and writes results/runs/NAME/checkpoints/. Ctrl-C saves the
    training state after the current step; the same command resumes from it, bit for bit.

    With --cluster, training is a job, one per run, that outlives this command. Ctrl-C stops only
    the waiting; the same command waits again.

    To follow the training: sedd status, or tensorboard --logdir results/runs

    \b
    Examples: sedd train tiny_absorb training.lr=0.0005 --name gentle
              sedd train tiny_absorb --cluster slurm
    """
    experiment = load_changed_experiment(name, overrides, rename, seed)
    if cluster is None:
        if detach or die_with_parent:
            raise typer.BadParameter("--detach and --die-with-parent require --cluster")
        train_here(experiment, until, device)
        return
    if device is not None:
        raise typer.BadParameter(
            "--device cannot be used with --cluster; set gpus_per_node in the cluster's file"
        )
    if detach and until is not None:
        raise typer.BadParameter("--until is the step to wait for; --detach does not wait")
    from sedd.cli.jobs import submit_job, wait_for_job

    if detach:
        submit_job(experiment, cluster)
    else:
        wait_for_job(experiment, cluster, until, die_with_parent=die_with_parent)


def train_here(experiment: Experiment, until: int | None, device: str | None) -> None:
    """Train in this process. Exits with 128 + N when signal N interrupts the training."""
    from sedd.runtime.device import choose_device
    from sedd.train import Interrupted
    from sedd.train import train as run

    try:
        run(experiment, until, choose_device(device))
    except Interrupted as interrupted:
        typer.echo(f"{experiment.name}: {interrupted}; run the same command to resume", err=True)
        raise typer.Exit(128 + interrupted.number) from None


POSITION, VERBS = 20, (train,)

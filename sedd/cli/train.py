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
    continue_: Annotated[
        bool,
        typer.Option(
            "--continue",
            help="With --name: go on from the newest state of NAME, for more training.steps.",
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

    Reads the tokens under results/data/ and writes results/runs/NAME/checkpoints/. Ctrl-C saves the
    training state after the current step; the same command resumes from it, bit for bit.

    With --cluster, training is a job, one per run, that outlives this command. Ctrl-C stops only
    the waiting; the same command waits again.

    To follow the training: sedd status, or tensorboard --logdir results/runs

    Fine-tuning: training.init names the model whose weights the training begins with. --continue
    goes on with a finished run, with its optimizer, as if it had never stopped.

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

"""Real jobs of submitit's local executor, and operations of the tests on them."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import torch

from helpers.project import BIN
from sedd.checkpoints import run_checkpoint as checkpoint
from sedd.config import ClusterConfig, Experiment, load_cluster, load_experiment
from sedd.launch.local import is_trainer, job_processes
from sedd.launch.record import JobRecord, read_record
from sedd.paths import checkpoint_file, jobs_dir, metrics_file, train_dir
from sedd.train.saver import state_file

SECONDS = 300
CHANGES = [
    *("data.dataset=corpus", "evaluation.datasets=[corpus]", "training.log_every=1"),
    *("training.steps=120", "training.checkpoint_every=60", "training.save_every=20"),
    *("training.batch_size=4", "training.accum=1"),
]
ENDLESS = ["training.steps=1000000", "training.checkpoint_every=500"]
PAIR = """\
description: two processes of this machine
executor: local
gpus_per_node: 0
processes_per_node: 2
cpus_per_task: 1
mem_gb: 1
hours: 1
"""


def changes(*more: str) -> list[str]:
    """CHANGES, with `more` taking precedence."""
    return [f"{k}={v}" for k, v in dict(one.split("=", 1) for one in (*CHANGES, *more)).items()]


def experiment(name: str, *more: str) -> Experiment:
    return load_experiment("smoke_absorb", changes(*more), rename=name)


def local() -> ClusterConfig:
    return load_cluster("local")


def pair() -> ClusterConfig:
    """Write and load a cluster file for two processes."""
    Path("config/cluster/pair.yaml").write_text(PAIR)
    return load_cluster("pair")


def words(name: str, *more: str) -> list[str]:
    """The command that trains such an experiment in the foreground."""
    return [str(BIN / "sedd"), "train", "smoke_absorb", *changes(*more), "--name", name]


def start_waiter(name: str, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*words(name, *more), "--cluster", "local"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def eventually(holds: Callable[[], object], what: str, pause: float = 0.2) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not within {SECONDS} s: {what}"
        time.sleep(pause)


def trains(name: str, lines: int = 20) -> None:
    """Wait until the run has logged more than `lines` lines."""

    def holds() -> bool:
        return metrics_file(name).exists() and metrics_file(name).read_text().count("\n") > lines

    eventually(holds, f"{name} trains", pause=0.01)


def trainers_at(name: str, lines: int, ranks: int = 1) -> list[psutil.Process]:
    """The training processes, without their controller, once more than `lines` lines are logged.

    They are looked for before: on a busy machine, that takes longer than the training.
    """
    found: list[psutil.Process] = []

    def all_run() -> bool:
        found[:] = filter(is_trainer, job_processes(name))
        return len(found) == ranks

    eventually(all_run, f"{name} has its processes", pause=0.01)
    trains(name, lines)
    return found


def kill_job(name: str) -> None:
    """Kill all processes of the run's jobs."""
    for process in job_processes(name):
        process.send_signal(signal.SIGKILL)
    eventually(lambda: not job_processes(name), f"the job of {name} is gone")


def record(name: str) -> JobRecord:
    newest = read_record(name)
    assert newest is not None
    return newest


def job_ids(name: str) -> list[str]:
    return [path.name for path in jobs_dir(name).iterdir() if path.name.isdigit()]


def final_state(name: str, step: int = 120) -> dict:
    """Weights, EMA and optimizer at the end of a run, after its job has ended."""
    eventually(lambda: not job_processes(name), f"the job of {name} has ended")
    content = checkpoint.load(checkpoint_file(name, step))
    optimizer = checkpoint.load(state_file(train_dir(name), step))["optimizer"]
    return {"model": content["model"], "ema": content["ema"], "optimizer": optimizer}


def same(a: object, b: object) -> bool:
    """Whether nested dictionaries, lists and tensors are bitwise equal."""
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b

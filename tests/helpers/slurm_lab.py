"""A project whose runs are trained by jobs of the test Slurm, for fault injection."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from helpers.project import BIN
from helpers.slurm_jobs import processes_of, wait_until

STEPS = 400
EXPERIMENT = f"""\
description: many steps of a very small network
seed: 7
model: {{hidden_size: 16, n_blocks: 1, n_heads: 1, cond_dim: 8, dropout: 0.1}}
graph: {{type: absorb}}
noise: {{type: loglinear, eps: 0.001}}
data: {{dataset: corpus, tokenizer: text8, length: 16}}
training:
  steps: {STEPS}
  batch_size: 8
  accum: 2
  lr: 0.002
  warmup_steps: 10
  ema_decay: 0.9
  checkpoint_every: 100
  save_every: 20
  log_every: 10
  validate_every: 200
  validation_sequences: 8
sampling: {{sampler: analytic, steps: 8, count: 2, batch_size: 2}}
evaluation: {{datasets: [corpus], num_draws: 2, max_sequences: 8, batch_size: 8}}
"""
CLUSTER = """\
description: two nodes with one process each
executor: slurm
nodes: 2
gpus_per_node: 0
cpus_per_task: 1
mem_gb: 1
hours: 1
notice_seconds: 5
constraint: pair1
"""


@dataclass(frozen=True)
class Lab:
    """A project with one experiment, trained under many names; all runs end with equal weights."""

    folder: Path
    started: dict[Any, Future[None]] = field(default_factory=dict)
    """test bodies that run in the background"""
    waiters: list[Waiter] = field(default_factory=list)

    @property
    def project(self) -> str:
        """The project in names and comments of jobs."""
        return re.sub(r"\W", "_", self.folder.name)

    def write(self) -> None:
        """Write the files of the experiment and of the clusters."""
        (self.folder / "config/experiments/steady.yaml").write_text(EXPERIMENT)
        self.cluster("two")
        self.cluster("one", nodes="1")
        self.cluster("minute", hours="0.0166")
        for pair in ("pair2", "pair3", "pair4"):
            self.cluster(pair, constraint=pair)

    def cluster(self, name: str, **changes: str) -> None:
        """Write a file of config/cluster: CLUSTER with some keys changed or added."""
        settings = dict(line.split(": ", 1) for line in CLUSTER.splitlines()) | changes
        text = "".join(f"{key}: {value}\n" for key, value in settings.items())
        (self.folder / f"config/cluster/{name}.yaml").write_text(text)

    def start(self, name: str, *words: str, **environment: str) -> Waiter:
        """Start `sedd ...` or `snakemake ...`; it writes to NAME.log."""
        self.waiters.append(Waiter(self.folder, name, *words, **environment))
        return self.waiters[-1]

    def snakemake(self, name: str, *words: str, **environment: str) -> Waiter:
        """Start `snakemake --profile slurm`, which asks for the state of its jobs often."""
        often = ("--slurm-init-seconds-before-status-checks", "2")
        return self.start(name, "snakemake", "--profile", "slurm", *often, *words, **environment)

    def train(self, name: str, cluster: str = "two") -> Run:
        """Start `sedd train`, which submits a job and waits for it."""
        return Run(self, name).wait_for(cluster)

    def stop(self) -> None:
        """Kill the commands that a failed test left; they would resubmit jobs forever."""
        for waiter in self.waiters:
            if not waiter.has_ended():
                os.killpg(waiter.process.pid, signal.SIGKILL)


class Waiter:
    """A command started in the lab's folder, in its own session, like in its own terminal."""

    def __init__(self, folder: Path, name: str, *words: str, **environment: str):
        self.name, self.log = name, folder / f"{name}.log"
        with self.log.open("w") as file:
            self.process = subprocess.Popen(
                [str(BIN / words[0]), *words[1:]],
                cwd=folder,
                env={
                    **os.environ,
                    **{"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
                    **environment,
                },
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def ends(self, code: int = 0, seconds: float = 400) -> str:
        """Wait until the command ends with this exit code; return its output."""
        wait_until(self.has_ended, f"{self.name} ends", seconds)
        actual = self.process.returncode
        assert actual == code, f"{self.name}: exit code {actual}, not {code}\n{self.output()}"
        return self.output()

    def interrupt(self) -> None:
        """Send Ctrl-C to all processes of the session, as a terminal does."""
        os.killpg(self.process.pid, signal.SIGINT)


class Run:
    """One run and the commands that wait for it."""

    def __init__(self, lab: Lab, name: str):
        self.lab, self.name = lab, name
        self.folder = lab.folder / "results/runs" / name
        self.waiters: list[Waiter] = []

    def wait_for(self, cluster: str = "two") -> Run:
        """Start one more `sedd train` for the run."""
        words = ["train", "steady", "--name", self.name, "--cluster", cluster]
        name = f"{self.name}.{len(self.waiters)}"
        self.waiters.append(self.lab.start(name, "sedd", *words))
        return self

    def ends(self, code: int = 0) -> str:
        """Wait until the newest waiter ends with this exit code; return its output."""
        try:
            return self.waiters[-1].ends(code)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.logs()}") from None

    def logs(self) -> str:
        """Ends of all job logs."""
        return "\n".join(
            f"== {path.name}\n{path.read_text(errors='replace')[-3000:]}"
            for path in sorted(self.folder.glob("jobs/*/*_log.out"))
        )

    @property
    def job(self) -> str:
        """Id of the newest job."""
        record = self.folder / "jobs/job.json"
        wait_until(record.exists, f"{self.name} is submitted")
        return json.loads(record.read_text())["job_id"]

    def reaches(self, step: int) -> Run:
        """Wait until a state of this step or a later one is saved."""

        def reached() -> bool:
            states = (self.folder / "train").glob("state_*.pt")
            return any(int(path.stem.removeprefix("state_")) >= step for path in states)

        def is_over() -> bool:
            return bool(self.waiters) and all(waiter.has_ended() for waiter in self.waiters)

        wait_until(lambda: reached() or is_over(), f"{self.name} reaches step {step}")
        assert reached(), f"{self.name} ended\n{self.waiters[-1].output()}\n{self.logs()}"
        return self

    def freeze(self) -> dict[int, int]:
        """Suspend the training processes; return their ids by rank."""
        return self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> dict[int, int]:
        processes = processes_of(self.job)
        for process in processes.values():
            os.kill(process, number)
        return processes

    def state(self, step: int = STEPS) -> dict[str, Any]:
        """Content of the state file at `step`."""
        return torch.load(self.folder / f"train/state_{step}.pt", weights_only=True)

    def has_weights_of(self, other: Run) -> None:
        """Assert that all checkpoints and the last state equal the other run's, bit for bit."""
        names = sorted(path.name for path in (self.folder / "checkpoints").glob("*.pt"))
        assert names == [f"step_{step}.pt" for step in (100, 200, 300, 400)]
        for name in names:
            one, two = (
                torch.load(run.folder / "checkpoints" / name, weights_only=True)
                for run in (self, other)
            )
            assert_equal(one, two, but=("experiment",))
        assert_equal(self.state(), other.state(), but=("experiment",))


def assert_equal(one: Any, two: Any, where: str = "", but: tuple[str, ...] = ()) -> None:
    """Assert equality of nested values; tensors are compared bit for bit."""
    if isinstance(one, dict):
        assert one.keys() == two.keys(), where
        for key in one.keys() - set(but):
            assert_equal(one[key], two[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(two), where
        for at, (first, second) in enumerate(zip(one, two, strict=True)):
            assert_equal(first, second, f"{where}[{at}]")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, two), where
    else:
        assert one == two, where

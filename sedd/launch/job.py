"""The callable that a training job runs, under submitit's local and Slurm executors alike."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from sedd.config import Experiment
from sedd.errors import JobError, SeddError
from sedd.launch.failure import failure_file, write_failure
from sedd.launch.record import read_record
from sedd.paths import jobs_dir
from sedd.runtime.memory import keep_freed_memory, out_of_memory

PORTS = (10_000, 32_000)
"""range of ports for rank 0, below the ephemeral ports of operating systems"""
SLURM_EXIT_TIMEOUT_SECONDS = 300
"""how long a preempted job waits until Slurm ends it"""


class TerminatedBeforeTraining(BaseException):
    """The job received SIGTERM before training. A BaseException, so that no handler catches it."""

    def __init__(self, number: int):
        self.number = number
        super().__init__(signal.Signals(number).name)


@dataclass(frozen=True)
class TrainJob:
    """A training job. Holds names only; torch is imported and data loaded where the job runs."""

    project: str
    """folder in which `sedd` was called"""
    run: str
    settings: str
    """path of the JSON settings, as they were at submission"""
    threads: int
    """CPU threads per process"""
    gpus: int | None
    """GPUs per node that the job asked for; 0: train on the CPU; None: on a GPU if there is one"""
    visible_devices: str | None
    """CUDA_VISIBLE_DEVICES at submission; None: not set"""
    first: int | None = None
    """step of a missing checkpoint older than the newest state; it is trained first"""

    def checkpoint(self) -> Any:
        """Return the job to requeue, as submitit asks; it resumes from the saved state."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(TrainJob(**asdict(self)))

    def __call__(self) -> None:
        from submitit import JobEnvironment

        signal.signal(signal.SIGTERM, _terminate)  # the trainer replaces it once there is a state
        os.chdir(self.project)
        environment = JobEnvironment()
        self._set_environment(environment)
        failure = failure_file(self.run, environment.job_id, environment.global_rank)
        failure.unlink(missing_ok=True)  # left by this job before it was requeued
        with contextlib.suppress(OSError):
            (jobs_dir(self.run) / "%j").rmdir()  # empty folder made by submitit's local controller
        try:
            self._train(environment)
        except TerminatedBeforeTraining as terminated:
            self.requeue_or_exit(environment, terminated.number)
        except Exception as error:
            lacked = out_of_memory(error)
            known = JobError(lacked) if lacked else error
            write_failure(failure, known)
            if not isinstance(known, SeddError):
                raise
            print(f"sedd: {known}", file=sys.stderr, flush=True)
            sys.exit(known.exit_code)

    def _set_environment(self, environment: Any) -> None:
        """Set the variables that torch reads on import, and torchrun's variables."""
        from submitit.helpers import TorchDistributedEnvironment

        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ[name] = str(self.threads)
        if environment.cluster == "local":
            # submitit hides or renumbers the GPUs; the trainer selects one by LOCAL_RANK
            os.environ.pop("CUDA_VISIBLE_DEVICES", None)
            if self.visible_devices is not None:
                os.environ["CUDA_VISIBLE_DEVICES"] = self.visible_devices
        if environment.num_tasks > 1:
            # submitit may choose an ephemeral port that is in use. The restart count changes the
            # port after a requeue: a process of the previous attempt may still listen on the old
            # one
            attempt = f"{environment.job_id} {os.environ.get('SLURM_RESTART_COUNT', '0')}"
            port = random.Random(attempt).randint(*PORTS)
            os.environ.setdefault("MASTER_PORT", str(port))
            TorchDistributedEnvironment().export(set_cuda_visible_devices=False, overwrite=True)
            if environment.cluster == "local":
                # the host name may not resolve, and one machine does not need it
                os.environ["MASTER_ADDR"] = "127.0.0.1"
                if sys.platform.startswith("linux"):
                    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")

    def _train(self, environment: Any) -> None:
        import torch

        from sedd.runtime.device import choose_device, gpus_missing
        from sedd.train import Interrupted, train

        keep_freed_memory()
        torch.set_num_threads(self.threads)
        if self.gpus and not torch.cuda.is_available():
            raise JobError(gpus_missing(f"{self.run}: the job has {self.gpus} GPUs per node"))
        device = choose_device("cpu" if self.gpus == 0 else None)
        experiment = Experiment.model_validate_json(Path(self.settings).read_text("utf-8"))
        try:
            for until in [None] if self.first is None else [self.first, None]:
                train(experiment, until, device)
        except Interrupted as interrupted:
            self.requeue_or_exit(environment, interrupted.number)

    def requeue_or_exit(self, environment: Any, number: int) -> NoReturn:
        """Exit after a signal; requeue the job on SIGUSR2. Any state has been saved before."""
        if number == signal.SIGUSR2:
            if environment.global_rank == 0:
                # submitit's handler requeues the job and exits
                handler = signal.getsignal(number)
                assert callable(handler), "submitit installs its handler before the job starts"
                try:
                    handler(number, None)
                except (OSError, subprocess.SubprocessError) as error:
                    print(
                        f"The job cannot requeue itself: {error}. Its state is saved; a waiting "
                        "sedd train or snakemake submits the next job",
                        flush=True,
                    )
                    sys.exit(128 + number)
            sys.exit(0)
        if environment.cluster == "slurm" and not self._is_cancelled(environment.job_id):
            # preempted: Slurm does not requeue a job that exits by itself
            print("Nothing left to save; waiting for Slurm to end the job", flush=True)
            deadline = time.monotonic() + SLURM_EXIT_TIMEOUT_SECONDS
            while time.monotonic() < deadline and not self._is_cancelled(environment.job_id):
                time.sleep(1)
        sys.exit(128 + number)

    def _is_cancelled(self, job_id: str) -> bool:
        record = read_record(self.run)
        return record is None or record.job_id != job_id or record.cancelled is not None


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise TerminatedBeforeTraining(number)

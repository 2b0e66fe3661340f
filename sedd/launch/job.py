"""What a training job runs: the same callable under submitit's local and Slurm executors."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from sedd.config import Experiment
from sedd.errors import SeddError
from sedd.launch.failure import failure_file, note_failure
from sedd.launch.record import read_record
from sedd.paths import jobs_dir
from sedd.runtime.memory import keep_freed_memory

PORTS = (10_000, 32_000)
"""where the first process may listen: below those that systems lend to connections"""
SECONDS_TO_BE_ENDED = 300
"""how long a job that Slurm told to end waits for the end"""


class TerminatedBeforeTraining(BaseException):
    """A signal told a job to end that had not begun to train. No Exception: no one handles it on the way."""

    def __init__(self, number: int):
        self.number = number
        super().__init__(signal.Signals(number).name)


@dataclass(frozen=True)
class TrainJob:
    """Names only: what is heavy is imported and loaded where the job runs."""

    project: str
    """folder in which `sedd` was called"""
    run: str
    settings: str
    """the run's settings as they were when the job was sent, JSON"""
    threads: int
    """of each process, on the CPU"""
    device: str | None
    """null: the GPU of the process if there is one"""
    visible_devices: str | None
    """CUDA_VISIBLE_DEVICES where the job was sent; null: not set"""
    first: int | None = None
    """a checkpoint from before the newest state that is missing, to be made first"""

    def checkpoint(self) -> Any:
        """Called by submitit when the job makes way: the same again, which goes on from the saved state."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(TrainJob(**asdict(self)))

    def __call__(self) -> None:
        from submitit import JobEnvironment

        signal.signal(signal.SIGTERM, _told)  # until training begins there is nothing to save
        os.chdir(self.project)
        place = JobEnvironment()
        self._set_environment(place)
        failure = failure_file(self.run, place.job_id, place.global_rank)
        failure.unlink(missing_ok=True)  # of this job, before it was queued again
        with contextlib.suppress(OSError):
            (jobs_dir(self.run) / "%j").rmdir()  # made in vain by submitit's local controller
        try:
            self._train(place)
        except TerminatedBeforeTraining as told:
            self.requeue_or_exit(place, told.number)
        except SeddError as error:
            note_failure(failure, error)
            print(f"sedd: {error}", file=sys.stderr, flush=True)
            sys.exit(error.exit_code)
        except Exception as error:
            note_failure(failure, error)
            raise

    def _set_environment(self, place: Any) -> None:
        """What torch reads when it is imported, and torchrun's variables."""
        from submitit.helpers import TorchDistributedEnvironment

        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ[name] = str(self.threads)
        if place.cluster == "local":
            # submitit hides the GPUs, or numbers them anew; the trainer chooses by LOCAL_RANK
            os.environ.pop("CUDA_VISIBLE_DEVICES", None)
            if self.visible_devices is not None:
                os.environ["CUDA_VISIBLE_DEVICES"] = self.visible_devices
        if place.num_tasks > 1:
            # submitit's own choice may be a port that the system has lent to some connection; and where the job ran before it
            # was queued again, a process that is not gone yet may still listen
            start = f"{place.job_id} {os.environ.get('SLURM_RESTART_COUNT', '0')}"
            port = random.Random(start).randint(*PORTS)
            os.environ.setdefault("MASTER_PORT", str(port))
            TorchDistributedEnvironment().export(set_cuda_visible_devices=False, overwrite=True)
            if place.cluster == "local":
                # the machine's name may not resolve, and need not
                os.environ["MASTER_ADDR"] = "127.0.0.1"
                if sys.platform.startswith("linux"):
                    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")

    def _train(self, place: Any) -> None:
        import torch

        from sedd.runtime.device import choose_device
        from sedd.train import Interrupted, train

        keep_freed_memory()
        torch.set_num_threads(self.threads)
        experiment = Experiment.model_validate_json(Path(self.settings).read_text("utf-8"))
        try:
            for until in [None] if self.first is None else [self.first, None]:
                train(experiment, until, choose_device(self.device))
        except Interrupted as interrupted:
            self.requeue_or_exit(place, interrupted.number)

    def requeue_or_exit(self, place: Any, number: int) -> NoReturn:
        """End a job whose state is saved, or had none: queue it again, if that was the reason."""
        if number == signal.SIGUSR2:
            if place.global_rank == 0:
                # submitit's own handler, which queues the job again and exits
                handler = signal.getsignal(number)
                assert callable(handler), "submitit installs its handler before the job begins"
                handler(number, None)
            sys.exit(0)
        if place.cluster == "slurm" and not self._is_cancelled(place.job_id):
            # preempted: a job that ends by itself would not be queued again
            print("nothing is left to save; waiting for Slurm to end the job", flush=True)
            time.sleep(SECONDS_TO_BE_ENDED)
        sys.exit(128 + number)

    def _is_cancelled(self, job_id: str) -> bool:
        record = read_record(self.run)
        return record is None or record.job_id != job_id or record.cancelled is not None


def _told(number: int, frame: FrameType | None) -> NoReturn:
    raise TerminatedBeforeTraining(number)

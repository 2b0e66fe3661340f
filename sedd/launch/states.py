"""What a recorded job is doing, wherever it runs."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from sedd.launch.processes import all_job_processes, submitit_folder
from sedd.launch.record import JobRecord
from sedd.launch.slurm import JobState, slurm_states


def job_state(record: JobRecord) -> JobState:
    return job_states([record])[record.run]


def job_states(records: Iterable[JobRecord]) -> dict[str, JobState]:
    """The state of each run's job. Slurm, and the system here, are asked once for all of them."""
    records = list(records)
    of_slurm = slurm_states([r.job_id for r in records if r.executor == "slurm"])
    here = all_job_processes() if any(r.executor == "local" for r in records) else {}
    return {
        r.run: of_slurm[r.job_id]
        if r.executor == "slurm"
        else local_state(r, str(submitit_folder(r.run)) in here)
        for r in records
    }


def local_state(record: JobRecord, has_processes: bool) -> JobState:
    """has_processes: whether a process of the run's jobs is alive on this machine."""
    if record.host != socket.gethostname():
        return JobState("unknown", f"it was started on {record.host}: look there")
    return JobState("running" if has_processes else "ended")

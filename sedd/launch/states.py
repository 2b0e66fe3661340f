"""What a recorded job is doing, wherever it runs."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from sedd.launch.processes import is_alive
from sedd.launch.record import JobRecord
from sedd.launch.slurm import JobState, slurm_states


def job_state(record: JobRecord) -> JobState:
    return job_states([record])[record.run]


def job_states(records: Iterable[JobRecord]) -> dict[str, JobState]:
    """The state of each run's job. Slurm is asked once for all of them."""
    records = list(records)
    of_slurm = slurm_states([r.job_id for r in records if r.executor == "slurm"])
    return {r.run: of_slurm[r.job_id] if r.executor == "slurm" else local_state(r) for r in records}


def local_state(record: JobRecord) -> JobState:
    if record.host != socket.gethostname():
        return JobState("unknown", f"it was started on {record.host}: look there")
    return JobState("running" if is_alive(record.run, int(record.job_id)) else "ended")

"""Training jobs, local or on Slurm: submit, find, await and cancel one job per run.

Imports torch only inside a job.
"""

from sedd.launch.cancel import cancel
from sedd.launch.local import die_with_parent
from sedd.launch.status import RunStatus, check_runs, run_statuses
from sedd.launch.submit import ensure_job
from sedd.launch.wait import wait_for

__all__ = [
    "RunStatus",
    "cancel",
    "check_runs",
    "die_with_parent",
    "ensure_job",
    "run_statuses",
    "wait_for",
]

"""Training jobs: one a run, sent through submitit, found again, waited for, cancelled. No torch but within a job."""

from sedd.launch.cancel import cancel
from sedd.launch.ensure import ensure
from sedd.launch.processes import die_with_parent
from sedd.launch.screen import render
from sedd.launch.status import run_statuses
from sedd.launch.wait import describe, wait_for

__all__ = ["cancel", "describe", "die_with_parent", "ensure", "render", "run_statuses", "wait_for"]

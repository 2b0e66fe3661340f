"""Short rules as Slurm jobs: what this project changes in Snakemake's plugin for Slurm.

The plugin submits one job per short rule. Changed are

- the state of jobs, asked with squeue alone: a controller that is away, or a job that squeue has
  forgotten, would leave the plugin waiting for ever (`check_active_jobs` of version 2.8.0 drops the
  jobs whose query failed, and keeps those that are no longer listed);
- what happens to a job that did not complete: the reason is told, and it runs again only if the
  reason was its node, a preemption or a limit;
- a job that Slurm holds, which is told;
- submission, which waits while the controller is away;
- Ctrl-C, which cancels also the jobs that Snakemake does not list at that moment: those whose state is
  being asked, and those being submitted. A second Ctrl-C would end scancel: it is ignored;
- the end of a build, which keeps empty folders of logs: a job of another build in the same project
  (--nolock) may be about to write there, and Slurm ends a job at once if it cannot open its log;
- the name, the comment and the options of a job. No account is guessed.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import signal
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import snakemake_executor_plugin_slurm as plugin

from sedd.errors import JobError
from sedd.launch.record import JobState
from sedd.launch.slurm_commands import job_comment, plain, slurm_states, was_preempted, why_away
from sedd.workflow.build import SBATCH

RETRIED = {
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node did not start",
    "PREEMPTED": "it was preempted",
    "TIMEOUT": "it reached its time limit",
    "OUT_OF_MEMORY": "it needed more memory than it had asked for",
}
"""states after which a job runs again, with more time and memory where the cluster's file allows"""
RUN = {"experiment": "run"}
UNSAFE = set("'$`\\%\n\r")
"""Snakemake puts paths into single quotes, the plugin these into double ones; Slurm reads %"""
AWAY_SECONDS, AWAY_TIMEOUT_SECONDS = 5, 3600

_submit_command = plugin.get_submit_command
_run_job, _cancel_jobs = plugin.Executor.run_job, plugin.Executor.cancel_jobs
_report_submission = plugin.Executor._report_job_submission_threadsafe


def install() -> None:
    """Change the plugin in this process. It must be called before Snakemake starts its executor.

    Raises JobError if the project's path cannot be passed to jobs.
    """
    if found := sorted(set(str(Path.cwd())) & UNSAFE):
        raise JobError(
            f"{Path.cwd()}: Snakemake cannot pass a path with {' or '.join(map(repr, found))} to "
            "jobs of Slurm; rename or move the folder of the project"
        )
    plugin.get_submit_command = submit_command
    plugin.delete_empty_dirs = keep_empty_folders
    methods = (check_active_jobs, run_job, cancel_jobs, get_account_arg, get_partition_arg)
    changes: dict[str, Any] = {method.__name__: method for method in methods}
    changes["_report_job_submission_threadsafe"] = report_submission
    # live_jobs: by Slurm's id, all that were submitted and have not been seen to end
    state = {"is_away": False, "is_cancelled": False, "live_jobs": {}, "held_jobs": set()}
    for name, value in {**changes, **state}.items():
        setattr(plugin.Executor, name, value)


def keep_empty_folders(path: Path) -> None:
    """In place of the plugin's removal of empty folders of logs."""


async def check_active_jobs(self: Any, active_jobs: list[Any]) -> AsyncIterator[Any]:
    """Report the jobs that ended, and yield the others. Each job is either reported or yielded."""
    seconds = self.workflow.executor_settings.init_seconds_before_status_checks
    self.next_seconds_between_status_checks = seconds
    states = await asyncio.to_thread(slurm_states, [one.external_jobid for one in active_jobs])
    if states:
        unknown = [one.detail for one in states.values() if one.phase == "unknown"]
        announce(self, unknown[0] if unknown else None)
    for job_info in active_jobs:
        state = states[job_info.external_jobid]
        if state.is_live:
            announce_held(self, job_info, state)
            yield job_info
        else:
            report(self, job_info, state)


def announce(self: Any, away: str | None) -> None:
    """Say once that Slurm does not answer, and why, and once that it does again."""
    was_away, self.is_away = self.is_away, away is not None
    if away and not was_away:
        self.logger.warning(f"Slurm does not answer ({away}); asking again")
    if was_away and not away:
        self.logger.warning("Slurm answers again")


def announce_held(self: Any, job_info: Any, state: JobState) -> None:
    """Say once that a job waits for a person: Slurm holds, e.g., a job that it could not launch."""
    job_id = job_info.external_jobid
    if "held" in state.detail.lower() and job_id not in self.held_jobs:
        self.held_jobs.add(job_id)
        self.logger.warning(
            f"Slurm job {job_id} ({job_name(job_info.job)}) is held ({state.detail}); the build waits "
            f"for it: scontrol release {job_id} lets it start, scancel {job_id} ends it"
        )


def report(self: Any, job_info: Any, state: JobState) -> None:
    """Tell Snakemake how a job ended."""
    self.live_jobs.pop(job_info.external_jobid, None)
    job, log = job_info.job, job_info.aux["slurm_logfile"]
    name = f"Slurm job {job_info.external_jobid} ({job_name(job)})"
    if state.detail in ("COMPLETED", ""):
        if state.detail:
            log.unlink(missing_ok=True)
        else:
            self.logger.warning(f"{name} is forgotten by Slurm; it completed if its files exist")
        self.report_job_success(job_info)
        return
    if state.detail in RETRIED:
        what = f"did not complete: {why_retried(job_info.external_jobid, state.detail)}"
    else:
        job.attempt = job.restart_times + 1  # another attempt would end in the same way
        is_cancelled = state.detail.startswith("CANCELLED")
        what = "was cancelled, e.g. with scancel" if is_cancelled else f"ended as {state.detail}"
    self.report_job_error(job_info, msg=f"{name} {what}. ", aux_logs=[str(log)])


def why_retried(job_id: str, state: str) -> str:
    """Why a job in a state of RETRIED did not complete.

    Slurm may give the state TIMEOUT to a job that outlives the notice of its preemption.
    """
    preempted = was_preempted(job_id) if state == "TIMEOUT" else False
    if preempted is None:
        return f"{RETRIED[state]}, or was preempted (Slurm says {state} of both)"
    return RETRIED["PREEMPTED" if preempted else state]


def run_job(self: Any, job: Any) -> None:
    """Submit a job, in a thread of the plugin; wait while the controller is away."""
    deadline = time.monotonic() + AWAY_TIMEOUT_SECONDS
    while (away := why_away()) and not self.is_cancelled and time.monotonic() < deadline:
        announce(self, away)
        time.sleep(AWAY_SECONDS)
    if not self.is_cancelled:
        announce(self, away)
        _run_job(self, job)


def report_submission(self: Any, job_info: Any) -> None:
    """Tell Snakemake of a submitted job. It is cancelled if Ctrl-C came before sbatch's answer."""
    self.live_jobs[job_info.external_jobid] = job_info
    if self.is_cancelled:
        _cancel_jobs(self, [job_info])
    else:
        _report_submission(self, job_info)


def cancel_jobs(self: Any, active_jobs: list[Any]) -> None:
    """Cancel all live jobs, those of `active_jobs` included."""
    self.is_cancelled = True
    with contextlib.suppress(ValueError):  # not the main thread, which alone gets Ctrl-C
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # scancel inherits this
    _cancel_jobs(self, list(self.live_jobs.values()))


def submit_command(job: Any, params: Mapping[str, Any], *arguments: Any, **more: Any) -> str:
    """The plugin's sbatch command with our name, comment and options."""
    pairs = job.wildcards_dict.items()
    words: dict[str, str] = {str(RUN.get(key, key)): str(value) for key, value in pairs}
    comment = job_comment(job.rule.name, **words)
    params = {**params, "run_uuid": job_name(job), "comment_str": comment}
    call = _submit_command(job, params, *arguments, **more)
    # Ctrl-C must not end sbatch between the submission and its answer
    return f"trap '' INT; {call} {job.resources.get(SBATCH, '')}"


def job_name(job: Any) -> str:
    """Project, rule, and the run with its step, or whatever else the rule works on."""
    words = dict(job.wildcards_dict)
    subject = [words[key] for key in ("experiment", "step") if key in words] or words.values()
    return ":".join(plain(str(one)) for one in (Path.cwd().name, job.rule.name, *subject))


def get_account_arg(self: Any, job: Any) -> Iterator[str]:
    account = job.resources.get("slurm_account")
    yield f"--account={shlex.quote(str(account))}" if account else ""


def get_partition_arg(self: Any, job: Any) -> str:
    partition = job.resources.get("slurm_partition")
    return f"--partition={shlex.quote(str(partition))}" if partition else ""

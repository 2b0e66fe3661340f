"""Whether a result was measured on the weights that its run has now.

A run that is trained anew, under other settings, leaves the results of its earlier weights behind.
Readers compare the hash in a result with the hash recorded beside the checkpoint; neither is a hash
of a large file made here. A model that is not trained here has no such record, and no doubt.
"""

from __future__ import annotations

from pathlib import Path

from sedd.paths import checkpoint_file, metrics_file, run_dir
from sedd.results.record import Measurement, read_provenance
from sedd.runtime.json_text import object_or_empty
from sedd.runtime.publish import hash_file

EARLIER = "measured on earlier weights"


def has_earlier_weights(result: Measurement) -> bool:
    """Whether the run of a result, or its judge, was trained anew since."""
    made_with = result.provenance.checkpoint_sha256
    if is_earlier(result.experiment, result.step, made_with):
        return True
    judge = result.judged_by()
    return judge is not None and _is_earlier_judge(*judge)


def is_earlier(run: str, step: int, checkpoint_sha256: str | None) -> bool:
    """Whether a checkpoint of this hash is not the one that the run has at this step.

    Without a checkpoint: whether the run is being trained, and has not come to this step.
    """
    if checkpoint_sha256 is None:
        return False
    recorded = _recorded_sha256(hash_file(checkpoint_file(run, step)))
    if recorded is None:
        trained = _last_logged_step(metrics_file(run))
        return trained is not None and trained < step
    return checkpoint_sha256 != recorded


def earlier_files(run: str) -> set[Path]:
    """The files of results, samples and traces of a run that were made with earlier weights."""
    return {
        path
        for folder in ("eval", "samples")
        for path in run_dir(run).glob(f"{folder}/step_*/**/*.json*")
        if path.parts[4].removeprefix("step_").isdecimal()
        and is_earlier(
            run,
            int(path.parts[4].removeprefix("step_")),
            read_provenance(path).get("checkpoint_sha256"),
        )
    }


def _is_earlier_judge(name: str, sha256: str) -> bool:
    records = [_recorded_sha256(path) for path in run_dir(name).glob("checkpoints/*.sha256")]
    return bool(records) and sha256 not in records


def _recorded_sha256(record: Path) -> str | None:
    try:
        return record.read_text(encoding="utf-8").split()[0]
    except (OSError, ValueError, IndexError):
        return None


def _last_logged_step(metrics: Path) -> int | None:
    """The step of the last line of a log; None without one."""
    try:
        with metrics.open("rb") as file:
            file.seek(max(metrics.stat().st_size - 10_000, 0))
            step = object_or_empty(file.read().splitlines()[-1]).get("step")
    except (OSError, IndexError):
        return None
    return step if isinstance(step, int) else None

"""Metrics for Weights & Biases, if `logging.wandb` names a project. Training does not depend on it.

Needs `pip install 'sedd[wandb]'` and an account. With WANDB_MODE=offline the metrics stay in the
run's folder until `wandb sync` uploads them; so do those of a server that cannot be reached.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from sedd.config import Experiment
from sedd.errors import ConfigError, Problem, first_line

TIMEOUTS = {"init_timeout": 20, "finish_timeout": 60}
"""Seconds that W&B may hold up a training at its start and its end, unless WANDB_INIT_TIMEOUT or
WANDB_FINISH_TIMEOUT says otherwise."""


class WandbLog:
    """Sends metrics to an initialized W&B run."""

    def __init__(self, run: Any):
        self._run = run

    def write(self, step: int, kind: str, **values: float | str) -> None:
        """Send one line of metrics; the arguments are those of `MetricsLog.write`."""
        self._run.log({"step": step, **{f"{kind}/{name}": value for name, value in values.items()}})


@contextlib.contextmanager
def wandb_log(experiment: Experiment, identity: str, folder: Path) -> Iterator[WandbLog]:
    """Open the W&B run of a training run; a resumed training continues the same W&B run.

    identity: hash of settings and tokens. Other settings under the same name are another W&B run.
    If the server cannot be reached, the metrics are stored in `folder`, with a line on stderr.
    Raises ConfigError if wandb is not installed or fails to start for another reason.
    """
    try:
        import wandb
        from wandb.errors import AuthenticationError, CommError
    except ImportError:
        raise wandb_error(experiment, "is not installed: pip install 'sedd[wandb]'") from None
    # logs are kept by the process that started the training
    settings: dict[str, Any] = {"console": "off", "silent": True}
    for name, seconds in TIMEOUTS.items():
        if name in wandb.Settings.model_fields and f"WANDB_{name.upper()}" not in os.environ:
            settings[name] = seconds

    def start(mode: Literal["offline"] | None = None) -> Any:
        return wandb.init(
            project=experiment.logging.wandb,
            name=experiment.name,
            id=f"{experiment.name}-{identity[:12]}",
            resume="allow",
            dir=str(folder),
            config=experiment.model_dump(mode="json"),
            settings=wandb.Settings(**settings),
            mode=mode,
        )

    try:
        try:
            run = start()
        except CommError as error:
            if isinstance(error, AuthenticationError):
                raise
            print(
                f"{experiment.name}: Weights & Biases cannot be reached ({first_line(error)}); training "
                f"without it. The metrics are stored in {folder / 'wandb'}: wandb sync uploads them",
                file=sys.stderr,
            )
            wandb.teardown()  # its service still holds the run's id
            run = start("offline")
    except wandb.Error as error:
        what = f"cannot start: {error}; log in with: wandb login; or set WANDB_MODE=offline"
        raise wandb_error(experiment, what) from None
    # our own step axis: W&B's rejects steps that are repeated after an interruption
    run.define_metric("*", step_metric="step")
    try:
        yield WandbLog(run)
    except BaseException:
        run.finish(exit_code=1)
        raise
    run.finish(exit_code=0)


def wandb_error(experiment: Experiment, what: str) -> ConfigError:
    text = (
        f"{experiment.logging.wandb!r} is set, but Weights & Biases {what}; "
        "null: log to TensorBoard only"
    )
    return ConfigError(experiment.name, [Problem("logging.wandb", text)])

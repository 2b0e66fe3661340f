"""The run's metrics for Weights & Biases, if `logging.wandb` names a project. What is sent changes nothing that is trained.

Needs `pip install 'sedd[wandb]'` and an account, or WANDB_MODE=offline, which keeps everything in the run's folder until
`wandb sync` sends it.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from sedd.config import Experiment
from sedd.errors import ConfigError, Problem


class WandbLog:
    """One run there for one run here: a training that goes on after an interruption goes on there too."""

    def __init__(self, experiment: Experiment, identity: str, folder: Path):
        """identity: hash of the settings and tokens; other settings under the same name are another run there.

        Raises ConfigError if the package is not there, or if it refuses.
        """
        try:
            import wandb
        except ImportError:
            raise refused(experiment, "is not installed: pip install 'sedd[wandb]'") from None
        try:
            self._run = wandb.init(
                project=experiment.logging.wandb,
                name=experiment.name,
                id=f"{experiment.name}-{identity[:12]}",
                resume="allow",
                dir=str(folder),
                config=experiment.model_dump(mode="json"),
                # the logs are kept by whoever started the training
                settings=wandb.Settings(console="off", silent=True),
            )
        except wandb.Error as error:
            way_out = "log in with: wandb login; or set WANDB_MODE=offline"
            raise refused(experiment, f"refuses: {error}; {way_out}") from None
        # an axis of its own: steps that are repeated after an interruption would be refused on theirs
        self._run.define_metric("*", step_metric="step")

    def write(self, step: int, kind: str, **values: float | str) -> None:
        """What `MetricsLog.write` takes."""
        self._run.log({"step": step, **{f"{kind}/{name}": value for name, value in values.items()}})

    def __enter__(self) -> WandbLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run.finish(exit_code=0 if error is None else 1)


def refused(experiment: Experiment, what: str) -> ConfigError:
    named = (
        f"{experiment.logging.wandb!r} is set, but Weights & Biases {what}; null: TensorBoard alone"
    )
    return ConfigError(experiment.name, [Problem("logging.wandb", named)])

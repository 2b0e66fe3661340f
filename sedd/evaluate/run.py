"""A trained run, opened for sampling and measuring."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sedd.build import autocast, build_objective, choose_device, device_name
from sedd.checkpoint import find_checkpoint, load_trained
from sedd.config import Experiment, training_identity
from sedd.data.tokenizers import Tokenizer, load_tokenizer
from sedd.errors import CheckpointError
from sedd.model import DiffusionTransformer
from sedd.objective import Objective
from sedd.paths import run_dir
from sedd.provenance import code_version
from sedd.provenance import now as current_time

# what a network must have been trained with, to be used as the configuration says
NETWORK = ("objective", "model", "graph", "noise", "data")


@dataclass(frozen=True)
class Run:
    """Averaged weights of one checkpoint, what they were trained for, their vocabulary, and how to use them."""

    experiment: Experiment
    step: int
    model: DiffusionTransformer
    objective: Objective
    tokenizer: Tokenizer
    device: torch.device
    checkpoint_sha256: str

    def autocast(self) -> torch.autocast:
        return autocast(self.experiment.training.precision, self.device)

    def provenance(self, seed: int, seconds: float) -> dict[str, object]:
        """Where a number made with this run comes from."""
        return {
            "config_sha256": self.experiment.sha256(),
            "checkpoint_sha256": self.checkpoint_sha256,
            "code_version": code_version(),
            "seed": seed,
            "device": device_name(self.device),
            "seconds": round(seconds, 2),
            "created": current_time(),
        }


def open_run(experiment: Experiment, step: int | None = None, device: str | None = None) -> Run:
    """Open a checkpoint of the experiment, or, for a renamed one with none of its own, of the one it derives from.

    Raises CheckpointError if there is none, or if it was trained with another network, diffusion or vocabulary.
    """
    place = choose_device(device)
    path = find_checkpoint(
        [run_dir(name) for name in (experiment.name, experiment.base) if name], step
    )
    trained = load_trained(path, place)
    own = path.is_relative_to(run_dir(experiment.name))
    compared = NETWORK if own else (*NETWORK, "training")
    then, now = (
        {section: identity.get(section) or {} for section in compared}
        for identity in (training_identity(trained.experiment), training_identity(experiment))
    )
    differing = [
        f"{section}.{key}: {then[section].get(key)!r} when trained, {now[section].get(key)!r} now"
        for section in compared
        for key in sorted({*then[section], *now[section]})
        if then[section].get(key) != now[section].get(key)
    ]
    if differing:
        raise CheckpointError(
            f"{path}: trained with other settings:\n  "
            + "\n  ".join(differing)
            + f"\nset them back, or train again: sedd train {experiment.name}"
        )
    return Run(
        experiment=experiment,
        step=trained.step,
        model=trained.model,
        objective=build_objective(experiment, trained.vocab_size),
        tokenizer=load_tokenizer(experiment.data.tokenizer),
        device=place,
        checkpoint_sha256=trained.sha256,
    )

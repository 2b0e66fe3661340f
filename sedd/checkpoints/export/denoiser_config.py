"""`config.json` of an export of masked diffusion, in the form of RADD or MDLM."""

from __future__ import annotations

from typing import Any

from sedd.checkpoints.build import build_noise
from sedd.checkpoints.export.official_config import official_config
from sedd.checkpoints.run_checkpoint import TrainedNetwork
from sedd.diffusion import LogLinear
from sedd.errors import CheckpointError


def radd_config(trained: TrainedNetwork) -> dict[str, Any]:
    """RADD's configuration: that of SEDD without `graph` and without keys of the noise input."""
    config = official_config(trained)
    del config["graph"]
    sampling = config["sampling"]
    model = {
        key: value
        for key, value in config["model"].items()
        if key not in ("cond_dim", "scale_by_sigma")
    }
    return {
        **config,
        "training": {**config["training"], "loss_type": "lambda_DCE"},
        "sampling": {key: sampling[key] for key in ("predictor", "steps")},
        "model": {**model, "dtype": "float32", "use_checkpoint": False},
    }


def mdlm_config(trained: TrainedNetwork) -> dict[str, Any]:
    """MDLM's configuration. Raises CheckpointError for noise that is not log-linear."""
    experiment = trained.experiment
    if not isinstance(build_noise(experiment), LogLinear):
        raise CheckpointError(
            f"{trained.path}: cannot be exported: with time conditioning the published form is MDLM's, whose "
            "noise is log-linear; share the checkpoint file instead"
        )
    model = experiment.model
    return {
        "architectures": ["MDLM"],
        "model_type": "mdlm",
        "vocab_size": trained.vocab_size + 1,
        "model_length": experiment.data.length,
        "hidden_dim": model.hidden_size,
        "cond_dim": model.cond_dim,
        "n_blocks": model.n_blocks,
        "n_heads": model.n_heads,
        "dropout": model.dropout,
        "time_conditioning": True,
        "torch_dtype": "float32",
    }

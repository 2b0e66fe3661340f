"""The published form of a trained model: the content of `config.json`, and named tensors.

Score entropy is exported as SEDD; masked diffusion as RADD, or as MDLM with time conditioning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from sedd.checkpoints.build import build_objective
from sedd.checkpoints.export.denoiser_config import mdlm_config, radd_config
from sedd.checkpoints.export.official_config import check_noise, official_config
from sedd.checkpoints.formats.mdlm_format import MDLMConfig
from sedd.checkpoints.formats.published import PublishedConfig
from sedd.checkpoints.formats.radd_format import RADDConfig, without_modulation
from sedd.checkpoints.formats.sedd_format import SEDDConfig
from sedd.checkpoints.run_checkpoint import TrainedNetwork
from sedd.errors import CheckpointError
from sedd.objective import LambdaDCE, ScoreEntropy


@dataclass(frozen=True)
class PublishedForm:
    """Content of an export. format: the class that reads it again."""

    format: type[PublishedConfig]
    config: dict[str, Any]
    tensors: dict[str, Tensor]


def published_form(trained: TrainedNetwork) -> PublishedForm:
    """The published form of a network. Raises CheckpointError if there is none for it."""
    objective = build_objective(trained.experiment, trained.vocab_size)
    if not isinstance(objective, ScoreEntropy | LambdaDCE):
        raise CheckpointError(
            f"{trained.path}: cannot be exported: there are published forms for score entropy (SEDD) and "
            f"masked diffusion (RADD, MDLM) only, and this model has objective "
            f"{trained.experiment.objective.type}; share the checkpoint file instead"
        )
    if trained.experiment.data.blocks == "padded":
        raise CheckpointError(
            f"{trained.path}: cannot be exported: no published form says that the model reads single "
            "documents with padding (data.blocks padded); share the checkpoint file instead"
        )
    check_noise(trained.experiment, trained.path)
    network = trained.network
    if isinstance(objective, ScoreEntropy):
        return PublishedForm(SEDDConfig, official_config(trained), dict(network.state_dict()))
    if not objective.time_conditioning:
        tensors = {**without_modulation(network), **dict(network.named_buffers())}
        return PublishedForm(RADDConfig, radd_config(trained), tensors)
    tensors = {MDLMConfig.prefix + name: value for name, value in network.state_dict().items()}
    return PublishedForm(MDLMConfig, mdlm_config(trained), tensors)

"""Lightning checkpoints (`.ckpt`) of MDLM: tensors and settings, read without running any code.

Such a file is a pickle with objects of omegaconf, a tokenizer and others beside its tensors. It is
read by torch's restricted unpickler (`weights_only=True`), which knows tensors and plain values.
Every other class that the file names is replaced by `Inert`, which stores its arguments and does
nothing. So no class of the file is imported, and none of its functions is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from sedd.checkpoints.formats.mdlm_format import MDLMConfig
from sedd.checkpoints.formats.published import LENGTH
from sedd.checkpoints.formats.tensors import BLOCK, averaged_weights, named_tensors
from sedd.config.yaml.source import Source
from sedd.config.yaml.validate import require, validate
from sedd.errors import CheckpointError, ConfigError, first_line

DROPOUT = 0.1  # of the published models; it has no effect without training
REFUSED = {
    "duo": "a denoiser of uniform diffusion with a continuous-time bound, for which there is no objective here; the "
    "nearest one is {type: d3pm} with graph.type uniform, which needs a training of its own",
    "bd3lm": "block diffusion, whose attention and noise differ from block to block",
    "sedd": "score entropy by another code than the official one",
    "ar": "an autoregressive model; only its masked diffusion is read",
}
WAY_OUT = (
    "in the environment that trained it, write its average as model.safetensors with a config.json; "
    "README.md, section `Published models`, has the lines for it"
)


class Inert:
    """Stands for any class or function that a file names. Stores what it is given; runs nothing."""

    state: Any = None

    def __new__(cls, *arguments: Any) -> Inert:
        return super().__new__(cls)

    def __init__(self, *arguments: Any):
        pass

    def __setstate__(self, state: Any) -> None:
        self.__dict__["state"] = state


def plain_dict(*arguments: Any) -> dict[Any, Any]:
    """Stands for `collections.defaultdict`, whose items the unpickler then sets."""
    return {}


def read_lightning(path: Path) -> tuple[MDLMConfig, dict[str, Tensor]]:
    """The configuration and the averaged weights of a Lightning checkpoint of MDLM.

    Raises CheckpointError for any other file, and for a model of another kind.
    """
    content = read_inert(path)
    state_dict = content.get("state_dict")
    if not isinstance(state_dict, Mapping):
        raise CheckpointError(f"{path}: not a Lightning checkpoint: it has no key state_dict")
    # the network only: the file also has the state of metrics and the like
    weights = named_tensors(
        {name: value for name, value in state_dict.items() if str(name).startswith("backbone.")},
        path,
    )
    config = configuration(content, weights, path)
    return config, averaged_weights(content.get("ema"), weights, config, path)


def read_inert(path: Path) -> Mapping[str, Any]:
    """Content of a torch file, with an `Inert` for each object but tensors and plain values.

    Raises CheckpointError if it cannot be read in this way.
    """
    try:
        foreign = get_unsafe_globals_in_checkpoint(path)
        stand_ins: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
            (plain_dict if name == "collections.defaultdict" else Inert, name) for name in foreign
        ]
        with safe_globals(stand_ins):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch raises many kinds: zip, pickle, runtime, EOF
        raise CheckpointError(
            f"{path}: cannot be read without running code that it holds ({first_line(error)}). {WAY_OUT}"
        ) from error
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path}: not a Lightning checkpoint: it holds no mapping")
    return content


def configuration(
    content: Mapping[str, Any], weights: Mapping[str, Tensor], path: Path
) -> MDLMConfig:
    """Sizes from the tensors; the kind of model from the recorded settings. Raises CheckpointError."""
    settings = content.get("hyper_parameters")
    settings = settings.get("config") if isinstance(settings, Mapping) else None
    check_kind(settings, path)
    conditioning = setting(settings, "algo", "time_conditioning")
    if conditioning is None:
        conditioning = setting(settings, "time_conditioning")
    length = setting(settings, "model", "length")
    source = Source(
        f"{path} (sizes of its tensors and recorded settings)",
        {
            "model_type": "mdlm",
            **sizes(weights),
            "model_length": LENGTH if length is None else length,
            "dropout": DROPOUT,
            "time_conditioning": conditioning,
        },
    )
    try:
        return require(validate(MDLMConfig, source), source)
    except ConfigError as error:
        raise CheckpointError(str(error)) from error


def check_kind(settings: Any, path: Path) -> None:
    """Raise CheckpointError unless the settings are those of MDLM with the published network."""
    kind = setting(settings, "algo", "name")
    parameterization = setting(settings, "algo", "parameterization")
    backbone = setting(settings, "algo", "backbone")
    if kind is None:  # MDLM's own code has no section `algo`
        parameterization = setting(settings, "parameterization")
        backbone = setting(settings, "backbone")
    if parameterization is None:
        raise CheckpointError(
            f"{path}: records no settings (hyper_parameters.config), so the kind of model is unknown. {WAY_OUT}"
        )
    for name, reason in REFUSED.items():
        if name in (kind, parameterization) or str(kind).startswith(f"{name}_"):
            raise CheckpointError(f"{path}: cannot be opened: {name} is {reason}")
    noise = str(setting(settings, "noise", "type")).replace("-", "")
    expected = {"parameterization": "subs", "backbone": "dit", "noise.type": "loglinear"}
    found = {"parameterization": parameterization, "backbone": backbone, "noise.type": noise}
    if found != expected:
        raise CheckpointError(
            f"{path}: cannot be opened: MDLM has {spell(expected)}; this model has {spell(found)}"
        )


def spell(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in settings.items())


def setting(node: Any, *keys: str) -> Any:
    """A recorded setting, as omegaconf stores it: text, number or bool; None if there is none."""
    for key in keys:
        content = field(node, "_content")
        node = content.get(key) if isinstance(content, Mapping) else None
    value = field(node, "_val")
    return value if isinstance(value, str | int | float) else None


def field(node: Any, name: str) -> Any:
    """An attribute of a stored object; None if there is none."""
    state = node.state if isinstance(node, Inert) else None
    return state.get(name) if isinstance(state, Mapping) else None


def sizes(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Sizes of the network, from its tensors. What cannot be found is left out."""
    prefix = MDLMConfig.prefix
    found: dict[str, Any] = {}
    table = weights.get(f"{prefix}vocab_embed.embedding")
    if table is not None and table.dim() == 2:
        found["vocab_size"], found["hidden_dim"] = table.shape
    blocks = {match[1] for name in weights if (match := BLOCK.match(name.removeprefix(prefix)))}
    found["n_blocks"] = len(blocks)
    condition = weights.get(f"{prefix}sigma_map.mlp.2.bias")
    if condition is not None:
        found["cond_dim"] = condition.numel()
    frequencies = weights.get(f"{prefix}rotary_emb.inv_freq")
    if table is not None and frequencies is not None and frequencies.numel():
        found["n_heads"] = found.get("hidden_dim", 0) // (2 * frequencies.numel())
    return found

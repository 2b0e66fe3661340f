"""Published SEDD models: network, graph and noise from the files of the official code.

In the hub's form a folder holds `config.json` and `model.safetensors` (older: `pytorch_model.bin`).
An experiment folder of the official training code holds `.hydra/config.yaml` and
`checkpoints-meta/checkpoint.pth`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from sedd.checkpoints.hub import read_tensors, weights_file
from sedd.config.yaml.source import read_source
from sedd.diffusion import Graph, Noise
from sedd.errors import CheckpointError
from sedd.model import DiffusionTransformer
from sedd.registry import GRAPHS, NOISES, UnknownNameError

LENGTH = 1024  # tokens of a text, for a configuration without model.length
TOKENIZER = "gpt2"  # of the published models; their configuration has no key for it
TOKENIZER_KEY = "sedd.tokenizer"  # metadata of the weights that `sedd export` writes


@dataclass(frozen=True)
class OfficialModel:
    """A published SEDD model, in evaluation mode with its averaged weights.

    length: tokens of a text in training. tokenizer: name of the vocabulary; None: that of
        `tokenizer.json` in the folder.
    """

    network: DiffusionTransformer
    graph: Graph
    noise: Noise
    length: int
    tokenizer: str | None


def is_official_experiment(folder: Path) -> bool:
    """Whether a folder is an experiment of the official training code."""
    return (folder / ".hydra" / "config.yaml").is_file()


def is_official(folder: Path) -> bool:
    """Whether a model folder holds a SEDD model: its configuration names a graph."""
    return is_official_experiment(folder) or "graph" in read_source(folder / "config.json").values


def load_official(folder: Path, device: torch.device | str) -> OfficialModel:
    """The SEDD model in a folder of either form. Raises CheckpointError."""
    if is_official_experiment(folder):
        config = folder / ".hydra" / "config.yaml"
        weights_path = folder / "checkpoints-meta" / "checkpoint.pth"
        if not weights_path.is_file():
            raise CheckpointError(f"{weights_path}: no such file, beside .hydra/config.yaml")
    else:
        config, weights_path = folder / "config.json", weights_file(folder)
    settings = read_source(config).values
    network, graph, noise = build(settings, config)
    weights = read_tensors(weights_path)
    if is_official_experiment(folder):
        weights = averaged_weights(weights, network, weights_path)
    length = settings["model"].get("length", LENGTH)
    return OfficialModel(
        network=with_weights(network, weights, weights_path, device),
        graph=graph,
        noise=noise,
        length=length if isinstance(length, int) and length > 0 else LENGTH,
        tokenizer=None if (folder / "tokenizer.json").is_file() else tokenizer_name(weights_path),
    )


def tokenizer_name(weights: Path) -> str:
    """The tokenizer's name, as `sedd export` records it; gpt2 for all other models."""
    if weights.suffix != ".safetensors":
        return TOKENIZER
    with safe_open(weights, framework="pt") as file:
        return (file.metadata() or {}).get(TOKENIZER_KEY, TOKENIZER)


def averaged_weights(
    content: Any, network: DiffusionTransformer, path: Path
) -> dict[str, torch.Tensor]:
    """The averaged weights of an official checkpoint, a list in the order of parameters."""
    names = [name for name, _ in network.named_parameters()]
    ema = content.get("ema") if isinstance(content, dict) else None
    shadow = ema.get("shadow_params") if isinstance(ema, dict) else None
    if not isinstance(shadow, list):
        raise CheckpointError(f"{path}: has no average of the weights, ema.shadow_params")
    if len(shadow) != len(names):
        raise CheckpointError(
            f"{path}: the average has {len(shadow)} tensors, the network {len(names)} parameters"
        )
    return dict(zip(names, shadow, strict=True))


def build(settings: Mapping[str, Any], path: Path) -> tuple[DiffusionTransformer, Graph, Noise]:
    """An empty network, graph and noise from a published configuration."""
    try:
        vocab_size, kind, shape = settings["tokens"], settings["graph"]["type"], settings["model"]
        graph, noise = GRAPHS[kind].load()(vocab_size), official_noise(settings["noise"])
        model = DiffusionTransformer(
            vocab_size=vocab_size,
            absorb=graph.mask is not None,
            hidden_size=shape["hidden_size"],
            n_blocks=shape["n_blocks"],
            n_heads=shape["n_heads"],
            cond_dim=shape["cond_dim"],
            dropout=shape["dropout"],
            scale_by_sigma=shape["scale_by_sigma"],
            generator=torch.Generator(),  # overwritten; the global one must not move
        )
    except KeyError as error:
        problem = error if isinstance(error, UnknownNameError) else f"{error} is missing"
        raise CheckpointError(
            f"{path}: not the configuration of a published SEDD model: {problem}"
        ) from error
    except (TypeError, ValueError) as error:  # a section that is no mapping, a size that cannot be
        raise CheckpointError(
            f"{path}: not the configuration of a published SEDD model: {error}"
        ) from error
    return model, graph, noise


def official_noise(section: Mapping[str, Any]) -> Noise:
    """The noise schedule of a published configuration, with the constants of the official code."""
    info = NOISES[section["type"]]
    if info.published is None:
        raise ValueError(f"the official code has no noise {section['type']!r}")
    return info.load()(
        **{
            key: float(section[key]) if constant is None else constant
            for key, constant in info.published.items()
        }
    )


def with_weights(
    network: DiffusionTransformer,
    weights: Any,
    path: Path,
    device: torch.device | str,
) -> DiffusionTransformer:
    """The network with these weights, in evaluation mode. Raises CheckpointError.

    path: their file, for the message.
    """
    if not isinstance(weights, Mapping) or not all(
        isinstance(tensor, torch.Tensor) for tensor in weights.values()
    ):
        raise CheckpointError(
            f"{path}: holds no mapping from names to tensors; download the model again, or name another folder"
        )
    expected = {name: tuple(tensor.shape) for name, tensor in network.named_parameters()}
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    wrong = sorted(name for name, shape in expected.items() if shapes.get(name) != shape)
    if wrong:
        lines = [
            f"{name}: expected {expected[name]}, found {shapes.get(name)}" for name in wrong[:6]
        ]
        raise CheckpointError(f"{path}: weights do not fit the network:\n  " + "\n  ".join(lines))
    network.load_state_dict({name: weights[name] for name in expected}, strict=False)
    # gradients stay enabled: autocast caches its copies only of weights that require them
    return network.to(device).eval()

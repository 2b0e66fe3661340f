"""From configuration to objects: the only place where a string chooses a class."""

from __future__ import annotations

import torch

from sedd.config import Experiment
from sedd.diffusion import Absorb, Geometric, Graph, LogLinear, Noise, Uniform
from sedd.errors import ConfigError, Problem
from sedd.model import DiffusionTransformer


def build_graph(experiment: Experiment, vocab_size: int) -> Graph:
    match experiment.graph.type:
        case "absorb":
            return Absorb(vocab_size)
        case "uniform":
            return Uniform(vocab_size)


def build_noise(experiment: Experiment) -> Noise:
    noise = experiment.noise
    match noise.type:
        case "loglinear":
            return LogLinear(noise.eps)
        case "geometric":
            return Geometric(noise.sigma_min, noise.sigma_max)


def build_model(
    experiment: Experiment, vocab_size: int, generator: torch.Generator | None = None
) -> DiffusionTransformer:
    """The network with fresh weights, drawn from `generator`; None: for weights that are loaded next, any will do."""
    model = experiment.model
    absorb = experiment.graph.type == "absorb"
    return DiffusionTransformer(
        vocab_size=vocab_size,
        absorb=absorb,
        hidden_size=model.hidden_size,
        n_blocks=model.n_blocks,
        n_heads=model.n_heads,
        cond_dim=model.cond_dim,
        dropout=model.dropout,
        scale_by_sigma=absorb if model.scale_by_sigma is None else model.scale_by_sigma,
        generator=generator or torch.Generator(),  # never the global one: loading must not move it
    )


def build_optimizer(experiment: Experiment, model: torch.nn.Module) -> torch.optim.AdamW:
    training = experiment.training
    return torch.optim.AdamW(
        model.parameters(),
        lr=training.lr,
        betas=(training.beta1, training.beta2),
        eps=training.eps,
        weight_decay=training.weight_decay,
        fused=True,  # one kernel for all parameters: several times faster than the loop
    )


def choose_device(name: str | None = None) -> torch.device:
    """The device called `name`, or the GPU if there is one, or the CPU. Raises ConfigError if it cannot be used."""
    if name is not None:
        try:
            device = torch.device(name)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            what = f"{name!r} cannot be used here: {str(error).splitlines()[0]}"
            raise ConfigError("command line", [Problem("--device", what)]) from None
        return device
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """What the device is called in results."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu ({torch.get_num_threads()} threads)"


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """The context in which the network runs: `auto` is bfloat16 on GPUs and float32 elsewhere."""
    bfloat16 = precision == "bfloat16" or (precision == "auto" and device.type == "cuda")
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=bfloat16)

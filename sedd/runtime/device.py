"""Compute device, its name in results, and the precision of the network."""

from __future__ import annotations

import os
import socket

import torch

from sedd.errors import ConfigError, JobError, Problem

TYPES = ("cpu", "cuda")


def choose_device(name: str | None = None) -> torch.device:
    """Return the device called `name`, or by default the GPU if there is one, otherwise the CPU.

    Raises ConfigError if the device cannot be used, and JobError in a Slurm job that holds GPUs which
    PyTorch does not see.
    """
    if name is not None:
        try:
            device = torch.device(name)
            if device.type in TYPES:
                torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            what = f"{name!r} cannot be used on this machine: {str(error).splitlines()[0]}"
            raise ConfigError("command line", [Problem("--device", what)]) from None
        if device.type not in TYPES:
            # Apple's mps has no float64, in which texts are drawn
            what = f"must be cpu, cuda or cuda:N; got {name}: use cpu, or leave it out"
            raise ConfigError("command line", [Problem("--device", what)])
        return device
    if torch.cuda.is_available():
        return torch.device("cuda")
    if int(gpus := os.environ.get("SLURM_GPUS_ON_NODE", "0")):
        what = f"this Slurm job has {gpus} GPU(s) on this node"
        raise JobError(f"{gpus_missing(what)}, or use --device cpu")
    return torch.device("cpu")


def gpus_missing(gpus: str) -> str:
    """The error of a job whose GPUs PyTorch does not see. gpus: which job has which, for people."""
    return (
        f"{gpus}, but PyTorch {torch.__version__} sees none on {socket.gethostname()}; install the "
        "build of PyTorch for CUDA and check nvidia-smi there, or set gpus_per_node: 0 in the "
        "cluster's file to compute on CPUs"
    )


def device_name(device: torch.device) -> str:
    """Device name as recorded in results, e.g. the GPU model."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu ({torch.get_num_threads()} threads)"


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """Autocast context for the network. `auto` means bfloat16 on GPUs that have it, else float32.

    Raises ConfigError for bfloat16 on a GPU without it.
    """
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        bfloat16 = uses_bfloat16(precision, capability)
    else:
        bfloat16 = precision == "bfloat16"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=bfloat16)


def check_precision(precision: str, device: torch.device | str) -> None:
    """Raise ConfigError for bfloat16 on a GPU without it, before data and model are loaded."""
    if (place := torch.device(device)).type == "cuda":
        uses_bfloat16(precision, torch.cuda.get_device_capability(place))


def has_bfloat16(capability: tuple[int, int]) -> bool:
    """Whether a GPU of this compute capability computes in bfloat16, and runs flash-attn: from
    Ampere on. PyTorch imitates bfloat16 on older ones, slower than float32.
    """
    return capability >= (8, 0)


def uses_bfloat16(precision: str, capability: tuple[int, int]) -> bool:
    """Whether the network runs in bfloat16 on a GPU. Raises ConfigError if it has none."""
    if precision == "bfloat16" and not has_bfloat16(capability):
        version = ".".join(map(str, capability))
        what = (
            f"must be auto or float32 on a GPU of compute capability {version}; bfloat16 needs 8.0 "
            "(A100, RTX 30) or newer"
        )
        raise ConfigError("this GPU", [Problem("training.precision", what)])
    return precision != "float32" and has_bfloat16(capability)

"""Compute device, its name in results, and the precision of the network."""

from __future__ import annotations

import torch

from sedd.errors import ConfigError, Problem


def choose_device(name: str | None = None) -> torch.device:
    """Return the device called `name`, or by default the GPU if there is one, otherwise the CPU.

    Raises ConfigError if the device cannot be used.
    """
    if name is not None:
        try:
            device = torch.device(name)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            what = f"{name!r} cannot be used on this machine: {str(error).splitlines()[0]}"
            raise ConfigError("command line", [Problem("--device", what)]) from None
        return device
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """Device name as recorded in results, e.g. the GPU model."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu ({torch.get_num_threads()} threads)"


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """Autocast context for the network. `auto` means bfloat16 on GPUs and float32 elsewhere."""
    bfloat16 = precision == "bfloat16" or (precision == "auto" and device.type == "cuda")
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=bfloat16)

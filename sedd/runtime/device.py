"""The device that a network runs on, its name in results, and the precision of its arithmetic."""

from __future__ import annotations

import torch

from sedd.errors import ConfigError, Problem


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

"""Exponential moving average of the weights, with the warm-up (1 + n) / (10 + n) of the published
runs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn


class ExponentialMovingAverage:
    """Moving average of the parameters of a module, without buffers.

    Update n: shadow <- d shadow + (1 - d) weight with d = min(decay, (1 + n) / (10 + n)).
    shadow: one tensor per parameter, in the module's order.
    """

    def __init__(self, model: nn.Module, decay: float):
        if not 0.0 <= decay <= 1.0:
            raise ValueError(f"decay must lie in [0, 1], got {decay}")
        self.decay = decay
        self.num_updates = 0
        self.shadow = {name: weight.detach().clone() for name, weight in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Update the average after an optimizer step."""
        self.num_updates += 1
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        torch._foreach_lerp_(list(self.shadow.values()), self._weights(model), 1.0 - decay)

    @torch.no_grad()
    def copy_to(self, model: nn.Module) -> None:
        """Overwrite the weights of `model` with the average."""
        torch._foreach_copy_(self._weights(model), list(self.shadow.values()))

    @contextlib.contextmanager
    def applied_to(self, model: nn.Module) -> Iterator[None]:
        """Give `model` the average; restore its own weights at the end, also after an error."""
        weights = self._weights(model)
        own = [weight.detach().clone() for weight in weights]
        self.copy_to(model)
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(weights, own)

    def state_dict(self) -> dict[str, Any]:
        return {"decay": self.decay, "num_updates": self.num_updates, "shadow": dict(self.shadow)}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load a saved average. Raises ValueError if names or shapes of the parameters differ."""
        shadow: dict[str, Tensor] = state["shadow"]
        own_shapes = {name: tuple(tensor.shape) for name, tensor in self.shadow.items()}
        saved_shapes = {name: tuple(tensor.shape) for name, tensor in shadow.items()}
        if own_shapes != saved_shapes:
            differing = sorted(set(own_shapes.items()) ^ set(saved_shapes.items()))
            raise ValueError(f"the saved average belongs to other parameters: {differing[:6]}")
        self.decay = state["decay"]
        self.num_updates = state["num_updates"]
        for name, tensor in shadow.items():
            self.shadow[name].copy_(tensor)

    def _weights(self, model: nn.Module) -> list[Tensor]:
        """The parameters of `model`, in the order of `shadow`."""
        weights = dict(model.named_parameters())
        return [weights[name] for name in self.shadow]
